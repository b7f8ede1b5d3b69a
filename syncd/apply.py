"""What the engine needs of the outside, and how one change is carried out.

The protocols stand here because the caller declares what it needs: syncd/intercom and syncd/state fit
them by shape, and so do the fakes in syncd/testing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from syncd.errors import EmptyPage, ItemError, PageError, PageUncertain, PageWithheld
from syncd.guards import Candidate
from syncd.journal import (
    Deleted,
    Deleting,
    Entry,
    Failed,
    Hold,
    Intent,
    Sent,
    Skipped,
    Standing,
    Uncertain,
    Unchanged,
)
from syncd.model import Action, Page, Receipt, Record, RecordState, RemotePage, Report, Unlisted
from syncd.plan import Task

T = TypeVar("T")


class Target(Protocol):
    """One Content Import Source. A second call with the same arguments changes nothing."""

    async def upsert(self, page: Page, *, create: bool) -> Receipt:
        """Create or update a page; `create` sends the availability flags for a new one along.

        Raises:
            PageRejected: Intercom refuses this page.
            PageUncertain: no valid answer; it may have been applied.
            SourceError: no page can be sent now.
        """
        ...

    async def delete(self, page_id: str, external_id: str) -> None:
        """Delete a page; fine when it is already gone. Raises as `upsert` does."""
        ...

    def pages(self) -> AsyncIterator[RemotePage]:
        """List what the import source holds now, of whatever origin."""
        ...


class StateStore(Protocol):
    """What is remembered between runs. Plain blocking code; every write is one transaction.

    All times are Unix seconds. All methods raise StateStoreError and nothing else.
    """

    def records(self, source: str) -> dict[str, Record]:
        """All rows of a source but its tombstones, by external_id."""
        ...

    def unlisted(self, source: str, entries: Sequence[Unlisted]) -> None:
        """Remember what the newest listing left out or could not see, in the place of what was before."""
        ...

    def standing(self, source: str) -> Standing:
        """What is remembered of the source as a whole; an empty one for a source never seen."""
        ...

    def hold(self, source: str) -> Hold | None:
        """The hold that is open, if any."""
        ...

    def links(self, source: str) -> Sequence[tuple[str, str | None]]:
        """The distinct (target, URL it was resolved to) pairs of all the source's pages."""
        ...

    def linking(self, source: str, targets: Iterable[str]) -> set[str]:
        """External ids of the pages that have a link to one of the targets."""
        ...

    def urls(self, source: str) -> Mapping[str, str | None]:
        """external_id → URL of each page that was acknowledged."""
        ...

    def aliases(self, source: str) -> Sequence[tuple[str, str]]:
        """(path on the site, external_id) for every other path under which links name a page."""
        ...

    def remote_digests(self, source: str) -> Mapping[str, str]:
        """external_id → digest of what Intercom answered to the last acknowledged write."""
        ...

    def start(self, source: str, *, trigger: str, at: float) -> int:
        """Open a run and return its number."""
        ...

    def write(self, source: str, run: int, entries: Sequence[Entry], *, at: float) -> None:
        """Make the entries true, all or none."""
        ...

    def finish(
        self,
        source: str,
        run: int,
        *,
        report: Report,
        standing: Standing,
        hold: Hold | None,
        revision: str | None,
        at: float,
    ) -> None:
        """Close the run: its report, what is remembered of the source, and the hold as it stands now."""
        ...


class Lane(Protocol):
    """Runs blocking code off the event loop, one call at a time, always in the same thread."""

    async def __call__(self, call: Callable[..., T], /, *args: object, **kwargs: object) -> T: ...


class Clock(Protocol):
    """The two clocks; syncd/clock.py has the real ones."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    """A page that has to be sent: it is new, or what would be sent differs from what was acknowledged."""

    task: Task
    version: str
    page: Page
    content_hash: str
    links: tuple[tuple[str, str | None], ...]
    aliases: tuple[str, ...] | None = None

    @property
    def action(self) -> Action:
        """Whether Intercom is thought to have a page already."""
        record = self.task.record
        if record is None or record.page_id is None or record.state == RecordState.DELETING:
            return Action.CREATE
        return Action.UPDATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """A page that came out as it was acknowledged."""

    task: Task
    version: str
    links: tuple[tuple[str, str | None], ...]
    aliases: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An item that gave no page, and why."""

    task: Task
    error: PageError

    @property
    def leaves_out(self) -> bool:
        """Whether there is nothing to publish and nothing published: no failure, then."""
        return isinstance(self.error, EmptyPage | PageWithheld) and not self._is_published

    @property
    def withdraws(self) -> bool:
        """Whether the document says that what is published must go."""
        return isinstance(self.error, PageWithheld) and self._is_published

    @property
    def _is_published(self) -> bool:
        return self.task.record is not None and self.task.record.may_be_published


Change = Upsert | Same | Failure


@dataclass(slots=True)
class Tally:
    """What a run did so far."""

    created: int = 0
    updated: int = 0
    same: int = 0
    deleted: int = 0
    failed: int = 0
    skipped: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)

    def foresee(self, change: Change) -> None:
        """Count what would become of a change if all goes well."""
        match change:
            case Upsert():
                self.sent(change.action)
            case Same():
                self.same += 1
            case Failure() if change.leaves_out:
                self.skipped += 1
            case Failure() if change.withdraws:
                pass  # it will be deleted, or held
            case Failure():
                self.failure(change.task.item.external_id, change.error)

    def sent(self, action: Action) -> None:
        """Count a page that Intercom confirmed."""
        if action is Action.CREATE:
            self.created += 1
        else:
            self.updated += 1

    def failure(self, external_id: str, error: PageError) -> None:
        """Count a page that stays as it was."""
        self.failed += 1
        self.errors.append((external_id, str(error)))


class Journal:
    """Commits entries in groups: all that is waiting when the store is free goes into one transaction.

    So one commit does not cost one page, and no entry waits for a timer.
    """

    def __init__(self, store: StateStore, lane: Lane, clock: Clock, source: str, run: int) -> None:
        self._store = store
        self._lane = lane
        self._clock = clock
        self._source = source
        self._run = run
        self._waiting: list[tuple[tuple[Entry, ...], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def write(self, *entries: Entry) -> None:
        """Return once the entries are committed. Raises the store's error if they could not be."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._commit_all())
        # The commit goes on even if this page's task is cancelled: it may hold other pages' entries.
        await asyncio.shield(done)

    async def _commit_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            entries = [entry for waiting, _ in group for entry in waiting]
            try:
                await self._lane(self._store.write, self._source, self._run, entries, at=self._clock.now())
            except Exception as error:  # also one that nobody foresaw: the pages wait for an answer
                for _, done in group:
                    if not done.done():
                        done.set_exception(error)
                        done.exception()  # a page that was cancelled meanwhile never asks
                continue
            for _, done in group:
                if not done.done():
                    done.set_result(None)


class Applier:
    """Carries changes out, several at once: intent committed, request sent, acknowledgement committed.

    The first error that stops the source is kept: later calls raise it instead of sending anything.

    Attributes:
        tally: what was done so far.
        withdrawn: the changes of published pages whose documents say that they must go, by external_id.
            Nothing is done about them here: whether they may be deleted now is for the guards to say.
    """

    def __init__(
        self,
        *,
        target: Callable[[], Awaitable[Target]],
        journal: Journal,
        rules: str,
        concurrency: int,
        on_done: Callable[[str], None],
    ) -> None:
        """`target` finds the import source at the first need; `on_done` hears of each page that is done."""
        self.tally = Tally()
        self.withdrawn: dict[str, Failure] = {}
        self._find_target = target
        self._journal = journal
        self._rules = rules
        self._slots = asyncio.Semaphore(concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped_by: Exception | None = None
        self._target: Target | None = None
        self._target_lock = asyncio.Lock()
        self._on_done = on_done

    async def apply(self, change: Change) -> None:
        """Start to carry a change out, as soon as one of the slots is free.

        Raises:
            SourceError, FatalError: an earlier change met it, and this one was not begun.
        """
        await self._slots.acquire()
        if self._stopped_by is not None:
            self._slots.release()
            raise self._stopped_by
        self._spawn(self._carry_out(change))

    async def delete(self, candidates: Sequence[Candidate], *, stop: asyncio.Event) -> None:
        """Delete pages, until `stop` is set, and return when all that were begun are done.

        Raises as `apply` does.
        """
        unknown = [candidate for candidate in candidates if candidate.page_id is None]
        found: dict[str, str] = {}
        if unknown:
            # An upsert of these never got its answer: only a listing can tell whether they exist.
            target = await self.target()
            wanted = {candidate.external_id for candidate in unknown}
            async for remote in target.pages():
                if remote.external_id in wanted:
                    found[remote.external_id] = remote.page_id
        for candidate in candidates:
            await self._slots.acquire()
            if self._stopped_by is not None or stop.is_set():
                self._slots.release()
                break
            page_id = candidate.page_id or found.get(candidate.external_id)
            self._spawn(self._delete_one(candidate, page_id))
        await self.drain()

    async def drain(self) -> None:
        """Wait for all that was begun. Raises the error that stopped the source, if one did."""
        while self._tasks:
            await asyncio.wait(self._tasks)
        if self._stopped_by is not None:
            raise self._stopped_by

    async def cancel(self) -> None:
        """Give up what is under way. Its rows stay pending, so the next run sends them again."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def target(self) -> Target:
        """The import source, found or made on the first call."""
        async with self._target_lock:
            if self._target is None:
                self._target = await self._find_target()
            return self._target

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception as error:  # also one that nobody foresaw: no page may be lost in silence
            if self._stopped_by is None:
                self._stopped_by = error
                # What is under way would only meet the same error, after all its retries.
                for task in self._tasks:
                    if task is not asyncio.current_task():
                        task.cancel()
        finally:
            self._slots.release()

    async def _carry_out(self, change: Change) -> None:
        item = change.task.item
        match change:
            case Upsert():
                await self._upsert(change)
            case Same():
                await self._journal.write(
                    Unchanged(
                        external_id=item.external_id,
                        version=change.version,
                        rules=self._rules,
                        links=change.links,
                        aliases=change.aliases,
                    )
                )
                self.tally.same += 1
            case Failure() if change.leaves_out:
                await self._journal.write(self._left_out(change))
                self.tally.skipped += 1
            case Failure() if change.withdraws:
                self.withdrawn[item.external_id] = change
            case Failure():
                await self._park(item.external_id, item.version, change.error, unsure=_unsure(change.task))
        self._on_done(item.external_id)

    async def _upsert(self, change: Upsert) -> None:
        page, record = change.page, change.task.record
        target = await self.target()
        await self._journal.write(Intent(external_id=page.external_id, content_hash=change.content_hash))
        try:
            receipt = await target.upsert(page, create=change.action is Action.CREATE)
            if change.action is Action.UPDATE and record is not None and receipt.page_id != record.page_id:
                # Somebody had deleted the page in Intercom, so this made a new one, switched off for Fin.
                receipt = await target.upsert(page, create=True)
        except PageUncertain as error:
            await self._journal.write(Uncertain(external_id=page.external_id, error=str(error)))
            self.tally.failure(page.external_id, error)
            return
        except PageError as error:
            await self._park(page.external_id, change.version, error, unsure=_unsure(change.task))
            return
        # Counted before: an entry that waits is committed even if this task is given up.
        self.tally.sent(change.action)
        await self._journal.write(
            Sent(
                external_id=page.external_id,
                page_id=receipt.page_id,
                version=change.version,
                content_hash=change.content_hash,
                remote_digest=receipt.remote_digest,
                rules=self._rules,
                title=page.title,
                url=page.url,
                links=change.links,
                aliases=change.aliases,
                action=change.action,
                reason=change.task.reason,
                hash_before=record.content_hash if record is not None else None,
            )
        )

    async def _delete_one(self, candidate: Candidate, page_id: str | None) -> None:
        external_id = candidate.external_id
        await self._journal.write(Deleting(external_id=external_id))
        if page_id is not None:
            target = await self.target()
            try:
                await target.delete(page_id, external_id)
            except PageUncertain as error:
                await self._journal.write(Uncertain(external_id=external_id, error=str(error)))
                self.tally.failure(external_id, error)
                return
            except PageError as error:
                await self._park(external_id, "", error)
                return
        entries: list[Entry] = [
            Deleted(
                external_id=external_id,
                page_id=page_id,
                evidence=candidate.evidence,
                hash_before=candidate.content_hash,
            )
        ]
        if external_id in self.withdrawn:
            # The item is still there: it stays out until it changes.
            entries.append(self._left_out(self.withdrawn[external_id]))
        self.tally.deleted += 1
        await self._journal.write(*entries)
        self._on_done(external_id)

    def _left_out(self, failure: Failure) -> Skipped:
        item = failure.task.item
        return Skipped(
            external_id=item.external_id,
            version=item.version,
            rules=self._rules,
            reason=str(failure.error),
        )

    async def _park(self, external_id: str, version: str, error: PageError, *, unsure: bool = False) -> None:
        if unsure:
            # In quarantine it would be forgotten that Intercom may show something else than was acknowledged.
            await self._journal.write(Uncertain(external_id=external_id, error=str(error)))
        else:
            # An item that could not be read may be readable next time without looking any different.
            retry = isinstance(error, ItemError)
            await self._journal.write(
                Failed(
                    external_id=external_id, version=version, rules=self._rules, error=str(error), retry=retry
                )
            )
        self.tally.failure(external_id, error)


def _unsure(task: Task) -> bool:
    """Whether an earlier request for the page may have been applied without a word of it."""
    return task.record is not None and task.record.state in (RecordState.PENDING, RecordState.DELETING)
