"""What Intercom would hold: import sources, their pages and the rules that bind them. No I/O, no clock.

Every change of the workspace is a value. It goes to `record` first and then takes effect, so whoever
keeps the changes can build the same workspace again with `replay`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from syncd.sandbox.content import (
    FLAGS,
    Change,
    Emptied,
    Page,
    PageGone,
    PageHeld,
    Source,
    SourceGone,
    SourceHeld,
    Writing,
)
from syncd.sandbox.problem import Problem, not_found
from syncd.sandbox.switches import Switches


class Workspace:
    """Sources and pages of one Intercom workspace. Ids count up from 1 and are never given twice."""

    def __init__(self, switches: Switches, record: Callable[[Change], None] = lambda change: None) -> None:
        self.switches = switches
        self.record = record
        self._sources: dict[int, Source] = {}
        self._pages: dict[int, Page] = {}
        self._by_key: dict[tuple[int, str], int] = {}
        self._deleted: dict[int, Page] = {}
        self._deleted_by_key: dict[tuple[int, str], int] = {}
        self._deleted_sources: set[int] = set()
        self._last_source_id = 0
        self._last_page_id = 0

    @property
    def sources(self) -> list[Source]:
        """The sources, oldest first."""
        return list(self._sources.values())

    @property
    def pages(self) -> list[Page]:
        """The pages, oldest first."""
        return list(self._pages.values())

    def pages_of(self, source_id: int) -> list[Page]:
        """The pages of one source, oldest first."""
        return [page for page in self.pages if page.source_id == source_id]

    def counts(self) -> dict[int, int]:
        """Pages for each source id."""
        counts = dict.fromkeys(self._sources, 0)
        for page in self.pages:
            counts[page.source_id] += 1
        return counts

    def find(self, source_id: int, external_id: str) -> Page | None:
        """The page with this external_id in this source."""
        page_id = self._by_key.get((source_id, external_id))
        return None if page_id is None else self._pages[page_id]

    def source(self, source_id: int) -> Source:
        """Raises Problem 404 if there is none."""
        if source_id not in self._sources:
            raise not_found()
        return self._sources[source_id]

    def page(self, page_id: int) -> Page:
        """Raises Problem 404 if there is none, or none any more."""
        if page_id not in self._pages:
            raise not_found()
        return self._pages[page_id]

    def read_page(self, page_id: int) -> Page:
        """As `page`, but a deleted page may show as its stub."""
        if self.switches.get_deleted == "stub" and page_id in self._deleted:
            return self._deleted[page_id]
        return self.page(page_id)

    def list_pages(self) -> dict[int, Page]:
        """The pages by id, for slicing; not to be changed."""
        return self._pages

    def ingested_at(self, page: Page, now: float) -> int:
        """Unix seconds of the last ingestion that has ended at `now`."""
        done_at = page.updated_at + self.switches.ingest_delay_s
        return int(done_at) if done_at <= now else page.ingested_before

    def add_source(
        self,
        *,
        url: str,
        now: float,
        sync_behavior: str = "api",
        status: str = "active",
        audience_ids: tuple[int, ...] = (),
    ) -> Source:
        """Make a source. Of any sync_behavior: only the API is bound to "api"."""
        self._check_duplicate(url)
        self._check_audiences(audience_ids)
        at = int(now)
        source = Source(
            id=self._last_source_id + 1,
            url=url,
            sync_behavior=sync_behavior,
            status=status,
            audience_ids=audience_ids,
            created_at=at,
            updated_at=at,
            last_synced_at=at,
        )
        self._commit(SourceHeld(source))
        return source

    def change_source(
        self,
        source_id: int,
        *,
        url: str,
        sync_behavior: str,
        now: float,
        status: str | None = None,
        audience_ids: tuple[int, ...] | None = None,
        apply_to_pages: bool = False,
    ) -> Source:
        """Update a source; None leaves the audiences, and the status if the switch says so.

        Raises:
            Problem: unknown source or audience, or a change that sync_behavior forbids.
        """
        source = self.source(source_id)
        behavior = "automatic" if sync_behavior == "automated" else sync_behavior
        refused = self.switches.invalid_value_status
        if behavior != source.sync_behavior and "api" in (behavior, source.sync_behavior):
            raise Problem(
                refused, "parameter_invalid", "sync_behavior cannot change to or from api", "sync_behavior"
            )
        if url != source.url:
            if source.sync_behavior != "api":
                raise Problem(refused, "parameter_invalid", "url can only change on an api source", "url")
            self._check_duplicate(url)
        if audience_ids is not None:
            self._check_audiences(audience_ids)
        if status is None:
            status = "active" if self.switches.put_source_without_status == "active" else source.status
        changed = replace(
            source,
            url=url,
            sync_behavior=behavior,
            status=status,
            audience_ids=source.audience_ids if audience_ids is None else audience_ids,
            updated_at=int(now),
        )
        self._commit(SourceHeld(changed))
        if apply_to_pages:
            for page in self.pages_of(source_id):
                self._commit(PageHeld(replace(page, audience_ids=changed.audience_ids)))
        return changed

    def delete_source(self, source_id: int) -> None:
        """Delete a source with all its pages. Raises Problem 404 if there is none."""
        if source_id not in self._sources:
            if self.switches.delete_again == "stub" and source_id in self._deleted_sources:
                return
            raise not_found()
        self._commit(SourceGone(source_id))

    def upsert(self, writing: Writing, *, now: float) -> Page:
        """Create the page of (source_id, external_id), or update it; created_at and id stay.

        Raises:
            Problem: unknown source, or a source that takes no pages.
        """
        assert writing.external_id is not None
        source = self._writable(writing.source_id)
        held = self.find(source.id, writing.external_id)
        if held is None:
            page = self._new_page(writing, writing.external_id, source, int(now))
        else:
            url = held.url
            if writing.url is not None or self.switches.upsert_without_url == "clear":
                url = writing.url or None
            page = self._updated(held, writing, url=url, flags=writing.flags, now=now)
        if page is not held:
            self._commit(PageHeld(page))
        return page

    def change_page(self, page_id: int, writing: Writing, *, now: float) -> Page:
        """Update a page by its id; a url that is not said is removed.

        Raises:
            Problem: no such page or source, or the external_id is another page's.
        """
        held = self.page(page_id)
        source_id, external_id = writing.source_id, writing.external_id or held.external_id
        self._writable(source_id)
        if (source_id, external_id) != (held.source_id, held.external_id):
            if self.switches.put_moves_page == "reject":
                raise Problem(
                    self.switches.invalid_value_status,
                    "parameter_invalid",
                    "source_id and external_id of a page cannot change",
                )
            if self.switches.put_moves_page == "ignore":
                source_id, external_id = held.source_id, held.external_id
            elif self.find(source_id, external_id) is not None:
                raise Problem(409, "conflict", "external_id is already taken in this source", "external_id")
        moved = replace(held, source_id=source_id, external_id=external_id)
        page = self._updated(moved, writing, url=writing.url or None, flags=writing.flags, now=now)
        self._commit(PageHeld(page))
        return page

    def delete_page(self, page_id: int) -> Page:
        """Delete a page and return it as the answer shows it. Raises Problem 404 if there is none."""
        if self.switches.delete_again == "stub" and page_id in self._deleted:
            return self._deleted[page_id]
        held = self.page(page_id)
        self._commit(PageGone(page_id))
        return held if self.switches.deleted_html == "kept" else self._deleted[page_id]

    def empty(self) -> None:
        """Take everything away."""
        self._commit(Emptied())

    def replay(self, changes: Iterable[Change]) -> None:
        """Let recorded changes take effect, without recording them again."""
        for change in changes:
            self._take_effect(change)

    def changes(self) -> Iterator[Change]:
        """The changes that would build this workspace, one for each thing held or remembered."""
        # What is gone comes first: a deleted page may have had the key of one that is there now.
        for page in self._deleted.values():
            yield PageHeld(page)
            yield PageGone(page.id)
        for source_id in self._deleted_sources:
            yield SourceGone(source_id)
        for source in self._sources.values():
            yield SourceHeld(source)
        for page in self._pages.values():
            yield PageHeld(page)

    def _commit(self, change: Change) -> None:
        self.record(change)
        self._take_effect(change)

    def _take_effect(self, change: Change) -> None:
        match change:
            case SourceHeld(source):
                self._sources[source.id] = source
                self._last_source_id = max(self._last_source_id, source.id)
            case SourceGone(source_id):
                for page in self.pages_of(source_id):
                    self._forget(page)
                self._sources.pop(source_id, None)
                self._deleted_sources.add(source_id)
                self._last_source_id = max(self._last_source_id, source_id)
            case PageHeld(page):
                self._hold(page)
            case PageGone(page_id):
                self._forget(self._pages[page_id])
            case Emptied():
                for source_id in list(self._sources):
                    self._take_effect(SourceGone(source_id))

    def _hold(self, page: Page) -> None:
        held = self._pages.get(page.id)
        if held is not None:
            del self._by_key[held.source_id, held.external_id]
        revived = self._deleted.pop(page.id, None) is not None
        self._pages[page.id] = page
        self._by_key[page.source_id, page.external_id] = page.id
        self._last_page_id = max(self._last_page_id, page.id)
        if revived:
            # Lists go by id, and a revived page would otherwise come last.
            self._pages = dict(sorted(self._pages.items()))

    def _forget(self, page: Page) -> None:
        key = (page.source_id, page.external_id)
        del self._pages[page.id]
        del self._by_key[key]
        self._deleted[page.id] = replace(page, html="")
        self._deleted_by_key[key] = page.id

    def _new_page(self, writing: Writing, external_id: str, source: Source, at: int) -> Page:
        page_id = self._last_page_id + 1
        if self.switches.repost_after_delete == "old-id":
            page_id = self._deleted_by_key.get((source.id, external_id), page_id)
        flags = dict.fromkeys(FLAGS, self.switches.create_flags_default) | dict(writing.flags)
        return Page(
            id=page_id,
            source_id=source.id,
            external_id=external_id,
            title=writing.title,
            html=writing.html,
            url=writing.url or None,
            locale=writing.locale,
            created_at=at,
            updated_at=at,
            ingested_before=0,
            audience_ids=source.audience_ids,
            **flags,
        )

    def _updated(
        self, held: Page, writing: Writing, *, url: str | None, flags: Mapping[str, bool], now: float
    ) -> Page:
        agent, copilot, sales = (flags.get(name, getattr(held, name)) for name in FLAGS)
        page = replace(
            held,
            title=writing.title,
            html=writing.html,
            url=url,
            locale=writing.locale,
            ai_agent_availability=agent,
            ai_copilot_availability=copilot,
            ai_sales_agent_availability=sales,
        )
        if page == held and self.switches.identical_upsert == "ignore":
            return held
        return replace(page, updated_at=int(now), ingested_before=self.ingested_at(held, now))

    def _writable(self, source_id: int) -> Source:
        source = self._sources.get(source_id)
        if source is None:
            status = self.switches.unknown_source_status
            if status == 404:
                raise not_found()
            raise Problem(status, "parameter_invalid", "Content import source not found", "source_id")
        refused = (source.sync_behavior != "api" and self.switches.crawled_source == "reject") or (
            source.status == "deactivated" and self.switches.deactivated_source == "reject"
        )
        if refused:
            raise Problem(
                self.switches.invalid_value_status,
                "parameter_invalid",
                "This content import source does not take pages through the API",
                "source_id",
            )
        return source

    def _check_duplicate(self, url: str) -> None:
        if self.switches.duplicate_source_url == "reject" and any(
            source.url == url for source in self._sources.values()
        ):
            raise Problem(self.switches.invalid_value_status, "parameter_invalid", "url is taken", "url")

    def _check_audiences(self, audience_ids: tuple[int, ...]) -> None:
        unknown = [str(each) for each in audience_ids if each not in self.switches.audiences]
        if unknown and self.switches.unknown_audience == "reject":
            raise Problem(
                404,
                "parameter_invalid",
                f"audience_ids contains unknown audience IDs: {', '.join(unknown)}",
                "audience_ids",
            )
