"""One Content Import Source as a Target: its External Pages are created, updated, deleted and listed here.

Facts: Intercom REST API 2.16, /ai/external_pages. POST is an upsert on (source_id, external_id). No call
carries a version or an idempotency key, so every answer is checked for being about what was asked.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from syncd.digest import remote_digest
from syncd.errors import PageRejected, PageUncertain, SourceError, TargetUnavailable
from syncd.intercom.answers import (
    Garbled,
    Json,
    explain,
    is_refusal,
    read_json,
    refused,
    text_of,
    whole_number_of,
)
from syncd.intercom.endpoint import VERSION, has_sales_agent
from syncd.intercom.listing import rows
from syncd.intercom.transport import Answer, Request, Transport, TransportFailed
from syncd.model import Availability, Page, Receipt, RemotePage

PATH = "/ai/external_pages"

# So many requests in a row without a valid answer, and the fault is not the page's.
_FAILURES = 10
# What Intercom gives as an id; anything else would lead to another path.
_PAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class Pages:
    """The pages of one import source, for one run.

    After the first SourceError each further call raises it again without sending anything.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        source_id: int,
        creation: Availability | None = None,
        version: str = VERSION,
    ) -> None:
        """`creation`: flags for new pages; afterwards only a page's own `availability` sets them."""
        self._transport = transport
        self._source_id = source_id
        self._creation = creation
        self._version = version
        self._failures = 0
        self._stopped: SourceError | None = None

    async def upsert(self, page: Page, *, create: bool) -> Receipt:
        """Create or update a page; see syncd.protocols.Target."""
        doing = f"page {page.external_id!r}"
        request = Request(method="POST", path=PATH, body=self._body(page, create=create))
        answer = await self._send(request, doing)
        if answer.status == 404:
            raise self._stop(
                TargetUnavailable(
                    f"import source {self._source_id} is gone or deactivated: {explain(answer)}.\n"
                    "syncd does not make it anew: set it active in Intercom, or change import_source."
                )
            )
        row = self._page(answer, doing, page.external_id)
        try:
            page_id = text_of(row, "id")
            if not _PAGE_ID.fullmatch(page_id):
                raise Garbled("unexpected answer from Intercom: id is not an id")
            return Receipt(
                page_id=page_id,
                remote_digest=_digest(row),
                unsure=answer.unsure,
                written_at=_moment(row, "updated_at"),
                ingested_at=_moment(row, "last_ingested_at"),
            )
        except Garbled as error:
            raise self._uncertain(doing, error) from error

    async def delete(self, page_id: str, external_id: str) -> bool:
        """Delete a page; see syncd.protocols.Target.

        The page is looked at first, since the id comes from a state that people can edit or restore:
        one that is not ours is refused.

        Raises:
            PageRejected: the page of that id is not this one.
        """
        doing = f"page {external_id!r} (id {page_id!r})"
        if not _PAGE_ID.fullmatch(page_id):
            raise PageRejected(f"{doing} cannot be deleted: that is not an id that Intercom gives")
        seen = await self._send(Request(method="GET", path=f"{PATH}/{page_id}"), doing)
        if _is_gone(seen):
            return False
        row = self._document(seen, doing)
        if row.get("source_id") != self._source_id or row.get("external_id") != external_id:
            raise PageRejected(
                f"{doing} is another page in Intercom, so it was not deleted. "
                "The state does not match this workspace: 'syncd verify' shows what does."
            )
        answer = await self._send(Request(method="DELETE", path=f"{PATH}/{page_id}"), doing)
        if not _is_gone(answer):
            self._page(answer, doing, external_id)
        return answer.unsure

    async def get(self, page_id: str) -> RemotePage | None:
        """Look at one page; see syncd.protocols.Target."""
        row = await self._row(page_id)
        if row is None:
            return None
        try:
            return self._remote(row)
        except Garbled as error:
            raise self._uncertain(f"page {page_id!r}", error) from error

    async def _row(self, page_id: str) -> Json | None:
        if not _PAGE_ID.fullmatch(page_id):
            return None  # Intercom gives no such id
        doing = f"page {page_id!r}"
        answer = await self._send(Request(method="GET", path=f"{PATH}/{page_id}"), doing)
        if _is_gone(answer):
            self._failures = 0
            return None
        row = self._document(answer, doing)
        return row if row.get("source_id") == self._source_id else None

    async def shown(self, page_id: str) -> tuple[str, str] | None:
        """Return the title and the HTML of one of our pages; None if Intercom has none of that id.

        Raises as `get` does.
        """
        row = await self._row(page_id)
        if row is None:
            return None
        try:
            return text_of(row, "title"), text_of(row, "html")
        except Garbled as error:
            raise self._uncertain(f"page {page_id!r}", error) from error

    async def pages(self) -> AsyncIterator[RemotePage]:
        """List what the import source holds, each page once; a page without an external id has "" for it.

        The API lists all pages of the workspace, fifty an answer and with their bodies, and knows no filter.

        Raises:
            SourceError: the list could not be read to its end.
        """
        seen: set[str] = set()
        doing = "the list of external pages"
        async for row in rows(lambda request: self._send(request, doing), PATH, doing):
            if row.get("source_id") != self._source_id:
                continue
            try:
                page = self._remote(row)
            except Garbled as error:
                raise self._stop(TargetUnavailable(f"{doing} cannot be read: {error}")) from error
            # Rows move to the next answer while others add pages.
            if page is not None and page.page_id not in seen:
                seen.add(page.page_id)
                yield page

    def _remote(self, row: Json) -> RemotePage | None:
        """The page that a row shows; None for the empty stub that a deleted one may leave."""
        if not text_of(row, "html"):
            return None
        external_id = row.get("external_id")
        sales = _flag(row, "ai_sales_agent_availability") if has_sales_agent(self._version) else None
        return RemotePage(
            page_id=text_of(row, "id"),
            external_id=external_id if isinstance(external_id, str) else "",
            remote_digest=_digest(row),
            title=text_of(row, "title"),
            locale=text_of(row, "locale") if "locale" in row else "en",
            availability=Availability(
                ai_agent=_flag(row, "ai_agent_availability"),
                ai_copilot=_flag(row, "ai_copilot_availability"),
                ai_sales_agent=sales,
            ),
            ingested_at=_moment(row, "last_ingested_at"),
        )

    def _body(self, page: Page, *, create: bool) -> Json:
        body: Json = {
            "source_id": self._source_id,
            "external_id": page.external_id,
            "title": page.title,
            "html": page.html,
            "locale": page.locale,
        }
        if page.url is not None:
            # Whether an upsert without it keeps the old one is not documented, so it is always sent.
            body["url"] = page.url
        flags = page.availability or (self._creation if create else None)
        if flags is not None:
            sales = flags.ai_sales_agent if has_sales_agent(self._version) else None
            named = {
                "ai_agent_availability": flags.ai_agent,
                "ai_copilot_availability": flags.ai_copilot,
                "ai_sales_agent_availability": sales,
            }
            body.update({name: flag for name, flag in named.items() if flag is not None})
        return body

    async def _send(self, request: Request, doing: str) -> Answer:
        """Send, and count the failures in a row."""
        if self._stopped is not None:
            raise type(self._stopped)(*self._stopped.args)
        if self._failures > _FAILURES:
            raise self._stop(
                TargetUnavailable(
                    f"Intercom gave no valid answer {self._failures} times in a row, the run stops here. "
                    "Pages in doubt are sent again in the next run."
                )
            )
        try:
            answer = await self._transport.send(request)
        except TransportFailed as error:
            raise self._uncertain(doing, error) from error
        except SourceError as error:
            self._stop(error)
            raise
        return answer

    def _page(self, answer: Answer, doing: str, external_id: str) -> Json:
        """The page that an answer to a write shows, which must be the one that was written."""
        row = self._document(answer, doing)
        if row.get("source_id") != self._source_id or row.get("external_id") != external_id:
            raise self._stop(
                TargetUnavailable(
                    f"remote answered for a different page: {doing} of source {self._source_id} was sent. "
                    "The run stops here; ask Intercom's support before the next one."
                )
            )
        return row

    def _document(self, answer: Answer, doing: str) -> Json:
        """The external page in a successful answer."""
        if answer.status != 200:
            error = refused(answer, doing)
            if answer.unsure and isinstance(error, PageRejected):
                # The refusal is about this try: an earlier one, without an answer, may have been applied.
                error = PageUncertain(str(error))
            if isinstance(error, PageUncertain):
                self._failures += 1
            else:
                self._failures = 0
            raise self._stop(error) if isinstance(error, SourceError) else error
        try:
            row = read_json(answer)
            if row.get("type") != "external_page":
                raise Garbled("unexpected answer from Intercom: not an external page")
            whole_number_of(row, "source_id")
        except Garbled as error:
            raise self._uncertain(doing, error) from error
        self._failures = 0
        return row

    def _uncertain(self, doing: str, reason: Exception) -> PageUncertain:
        self._failures += 1
        return PageUncertain(f"no valid answer for {doing}: {reason}. It is sent again in the next run.")

    def _stop(self, error: SourceError) -> SourceError:
        self._stopped = error
        return error


def _is_gone(answer: Answer) -> bool:
    # A 404 of something else on the way says nothing about the page.
    return answer.status == 404 and is_refusal(answer)


def _flag(row: Json, name: str) -> bool | None:
    value = row.get(name)
    return value if isinstance(value, bool) else None


def _moment(row: Json, name: str) -> float | None:
    # No page is worth less for a time that is missing.
    value = row.get(name)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _digest(row: Json) -> str:
    url = row.get("url")
    if url is not None and not isinstance(url, str):
        raise Garbled("unexpected answer from Intercom: url is not a text")
    return remote_digest(title=text_of(row, "title"), html=text_of(row, "html"), url=url)
