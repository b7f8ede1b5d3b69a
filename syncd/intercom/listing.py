"""Walks a paged list to its end.

Facts: Intercom REST API 2.16, schema `pages_link`: no `next` means the end. `page` and `per_page` are not in
the description of the two AI Content lists; public clients use them, and the server may clamp `per_page`,
so a short page does not mean the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from syncd.errors import PageError, SourceError, TargetUnavailable
from syncd.intercom.answers import Garbled, Json, read_json, refused
from syncd.intercom.transport import Answer, Request

PER_PAGE = 50
# Fifty rows, each with its whole body.
_ANSWER_BYTES = 64_000_000


async def rows(send: Callable[[Request], Awaitable[Answer]], path: str, doing: str) -> AsyncIterator[Json]:
    """Yield each row of each page of the list; rows may repeat if the list changes meanwhile.

    Raises:
        SourceError: the list could not be read to its end.
    """
    page = 1
    while True:
        request = Request(
            method="GET",
            path=path,
            params={"page": str(page), "per_page": str(PER_PAGE)},
            answer_bytes=_ANSWER_BYTES,
        )
        try:
            answer = await send(request)
            if answer.status != 200:
                raise refused(answer, doing)
            data, more = _one_page(answer, page)
        except SourceError:
            raise
        except Garbled as error:
            raise TargetUnavailable(f"{doing} cannot be read: {error}") from error
        except PageError as error:
            raise TargetUnavailable(str(error)) from error
        for row in data:
            yield row
        if not more:
            return
        page += 1


def _one_page(answer: Answer, page: int) -> tuple[list[Json], bool]:
    document = read_json(answer)
    data = document.get("data")
    if document.get("type") != "list" or not isinstance(data, list):
        raise Garbled("unexpected answer from Intercom: not a list")
    found: list[Json] = [row for row in data if isinstance(row, dict)]
    if len(found) < len(data):
        raise Garbled("unexpected answer from Intercom: a row that is no object")
    pages = document.get("pages")
    if not isinstance(pages, dict):
        # The schema lets it be left out; then everything must be here.
        total = document.get("total_count")
        if isinstance(total, int) and total > len(found):
            raise Garbled(f"{len(found)} of {total} rows came, and no way to the rest")
        return found, False
    told = pages.get("page")
    if told is not None and told != page:
        raise Garbled(f"page {page} was asked for and page {told!r} came")
    total = pages.get("total_pages")
    more = isinstance(total, int) and page < total
    if pages.get("next") and not more:
        # Only `next` says so: an empty page that points on would never end.
        if not found:
            raise Garbled("the list does not end")
        more = True
    return found, more
