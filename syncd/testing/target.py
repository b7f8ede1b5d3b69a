"""A Target in memory, and the contract that every Target keeps: inherit `TargetContract` in its tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from syncd.digest import remote_digest
from syncd.errors import PageError, PageRejected, SyncdError
from syncd.model import Availability, Page, Receipt, RemotePage
from syncd.protocols import Target


class FakeTarget:
    """One import source that keeps its pages in memory, and fails on demand.

    Args:
        creation: flags of new pages that name none themselves.
        revives: whether a page that is made again gets the id of the one that was deleted.
        normalises: whether what is shown is another way to write what was sent.

    Attributes:
        held: external_id → the page as it was sent last.
        flags: external_id → its availability, as it was set last.
        ingested: external_id → when it was last read in; nothing is by itself.
        calls: (what, external_id) of each call, in order, the failed ones too.
    """

    def __init__(
        self, *, creation: Availability | None = None, revives: bool = False, normalises: bool = False
    ) -> None:
        self.held: dict[str, Page] = {}
        self.flags: dict[str, Availability] = {}
        self.ingested: dict[str, float] = {}
        self.calls: list[tuple[str, str]] = []
        self._creation = creation
        self._revives = revives
        self._normalises = normalises
        self._ids: dict[str, str] = {}
        self._last_ids: dict[str, str] = {}
        self._made = 0
        self._failures: list[tuple[SyncdError, str | None, bool, int]] = []

    def fail(
        self, error: SyncdError, *, external_id: str | None = None, applied: bool = False, times: int = 1
    ) -> None:
        """Let the next calls, or the next ones for one page, raise the error.

        Args:
            applied: whether the call takes effect all the same, as with an answer that is lost.
        """
        self._failures.append((error, external_id, applied, times))

    async def upsert(self, page: Page, *, create: bool) -> Receipt:
        self.calls.append(("upsert", page.external_id))
        error, applied = self._fault(page.external_id)
        if error is None or applied:
            self._put(page, create=create)
        if error is not None:
            raise error
        return Receipt(page_id=self._ids[page.external_id], remote_digest=self._digest(page))

    async def delete(self, page_id: str, external_id: str) -> bool:
        self.calls.append(("delete", external_id))
        error, applied = self._fault(external_id)
        if error is None or applied:
            self._remove(page_id, external_id)
        if error is not None:
            raise error
        return False

    async def get(self, page_id: str) -> RemotePage | None:
        external_id = next((name for name, known in self._ids.items() if known == page_id), None)
        self.calls.append(("get", external_id or page_id))
        error, _ = self._fault(external_id or page_id)
        if error is not None:
            raise error
        return None if external_id is None else self._show(external_id)

    async def pages(self) -> AsyncIterator[RemotePage]:
        self.calls.append(("list", ""))
        error, _ = self._fault("")
        if error is not None:
            raise error
        for external_id in list(self.held):
            yield self._show(external_id)

    def _show(self, external_id: str) -> RemotePage:
        page = self.held[external_id]
        return RemotePage(
            self._ids[external_id],
            external_id,
            self._digest(page),
            page.title,
            page.locale,
            self.flags.get(external_id, Availability()),
            self.ingested.get(external_id),
        )

    def _digest(self, page: Page) -> str:
        html = page.html.replace(">", " >") if self._normalises else page.html
        return remote_digest(title=page.title, html=html, url=page.url)

    def _put(self, page: Page, *, create: bool) -> None:
        if page.external_id not in self.held:
            self._made += 1
            again = self._last_ids.get(page.external_id) if self._revives else None
            self._ids[page.external_id] = self._last_ids[page.external_id] = again or str(self._made)
        self.held[page.external_id] = page
        flags = page.availability or (self._creation if create else None)
        if flags is not None:
            self.flags[page.external_id] = flags

    def _remove(self, page_id: str, external_id: str) -> None:
        owner = next((name for name, known in self._ids.items() if known == page_id), None)
        if owner is None:
            return
        if owner != external_id:
            raise PageRejected(f"page {external_id!r} (id {page_id!r}) is another page, it was not deleted")
        del self.held[owner], self._ids[owner]
        self.flags.pop(owner, None)

    def _fault(self, external_id: str) -> tuple[SyncdError | None, bool]:
        for index, (error, name, applied, times) in enumerate(self._failures):
            if name is None or name == external_id:
                if times > 1:
                    self._failures[index] = (error, name, applied, times - 1)
                else:
                    del self._failures[index]
                return error, applied
        return None, False


class TargetContract:
    """What the engine relies on. A subclass overrides the fixture `target` with an empty one of its kind."""

    @pytest.fixture
    def target(self) -> Target:
        raise NotImplementedError

    async def test_created_page_is_listed_with_what_the_receipt_told(self, target: Target) -> None:
        """A later listing can be compared with the receipt."""
        receipt = await target.upsert(_page(), create=True)

        assert await _listed(target) == [(receipt.page_id, "guides/a.md", receipt.remote_digest)]

    async def test_page_is_shown_as_it_is_listed(self, target: Target) -> None:
        """One look costs one request, and tells as much as a listing."""
        receipt = await target.upsert(_page(), create=True)

        shown = await target.get(receipt.page_id)

        assert [shown] == [page async for page in target.pages()]
        assert shown is not None
        assert (shown.title, shown.locale) == ("A", "en")

    async def test_page_that_is_not_there_is_shown_as_none(self, target: Target) -> None:
        """A deleted one, one that never was, and what is no id."""
        receipt = await target.upsert(_page(), create=True)
        await target.delete(receipt.page_id, "guides/a.md")

        assert [await target.get(one) for one in (receipt.page_id, "99999", "../up")] == [None] * 3

    async def test_same_upsert_again_changes_nothing(self, target: Target) -> None:
        """Every call may be repeated."""
        first = await target.upsert(_page(), create=True)

        assert await target.upsert(_page(), create=True) == first
        assert len(await _listed(target)) == 1

    async def test_update_keeps_the_page_id(self, target: Target) -> None:
        """An update is seen in the digest, not in the id."""
        first = await target.upsert(_page(), create=True)
        second = await target.upsert(_page(html="<p>two</p>"), create=False)

        assert second.page_id == first.page_id
        assert second.remote_digest != first.remote_digest
        assert await _listed(target) == [_row(second)]

    async def test_update_of_a_page_that_is_not_there_makes_it(self, target: Target) -> None:
        """People delete pages in Intercom; an update brings them back."""
        receipt = await target.upsert(_page(), create=False)

        assert [page[0] for page in await _listed(target)] == [receipt.page_id]

    async def test_page_without_url(self, target: Target) -> None:
        """A page need not be readable anywhere else."""
        without = await target.upsert(_page(url=None), create=True)
        with_url = await target.upsert(_page(external_id="b"), create=True)

        assert without.remote_digest != with_url.remote_digest

    @pytest.mark.parametrize(
        "external_id", ["a b/ü.md", "日本/語.md", "q?x=1&y#z", "../up", "%2F", "x" * 500]
    )
    async def test_external_ids_of_any_form(self, target: Target, external_id: str) -> None:
        """Ids are paths of the origin and arrive as they are."""
        receipt = await target.upsert(_page(external_id=external_id), create=True)

        assert await _listed(target) == [(receipt.page_id, external_id, receipt.remote_digest)]

    async def test_deleted_page_is_gone(self, target: Target) -> None:
        """A delete takes one page and no other."""
        gone = await target.upsert(_page(), create=True)
        kept = await target.upsert(_page(external_id="b"), create=True)

        await target.delete(gone.page_id, "guides/a.md")

        assert [page[0] for page in await _listed(target)] == [kept.page_id]

    async def test_second_delete_is_fine(self, target: Target) -> None:
        """A delete whose answer was lost is repeated."""
        receipt = await target.upsert(_page(), create=True)

        await target.delete(receipt.page_id, "guides/a.md")
        await target.delete(receipt.page_id, "guides/a.md")

        assert await _listed(target) == []

    async def test_delete_of_another_page_is_refused(self, target: Target) -> None:
        """An id from a damaged state deletes nothing."""
        receipt = await target.upsert(_page(external_id="b"), create=True)

        with pytest.raises(PageError):
            await target.delete(receipt.page_id, "guides/a.md")

        assert [page[1] for page in await _listed(target)] == ["b"]

    async def test_deleted_page_can_come_back(self, target: Target) -> None:
        """An item that returns is published anew, under whatever id."""
        receipt = await target.upsert(_page(), create=True)
        await target.delete(receipt.page_id, "guides/a.md")

        again = await target.upsert(_page(), create=True)

        assert await _listed(target) == [_row(again)]


def _page(
    *,
    external_id: str = "guides/a.md",
    html: str = "<p>one</p>",
    url: str | None = "https://docs.example.com/guides/a",
) -> Page:
    return Page(external_id=external_id, title="A", html=html, url=url)


def _row(receipt: Receipt) -> tuple[str, str, str]:
    return receipt.page_id, "guides/a.md", receipt.remote_digest


async def _listed(target: Target) -> list[tuple[str, str, str]]:
    """page_id, external_id and digest of each page."""
    return [page[:3] async for page in target.pages()]
