"""Apply: carry changes out, so that a kill at any moment loses nothing, and little is sent twice."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace

from syncd.change import Change, Failure, Part, Same, Tally, Upsert, note_leaving
from syncd.commits import Journal
from syncd.errors import (
    EmptyPage,
    ItemError,
    PageDeadly,
    PageError,
    PageUncertain,
    PageWithheld,
    TooManyFailures,
)
from syncd.guards import Candidate, ErrorBudget
from syncd.journal import (
    Deleted,
    Deleting,
    Drifted,
    Entry,
    Failed,
    Forgotten,
    Ground,
    Intent,
    Opened,
    Sent,
    Skipped,
    Surplus,
    Uncertain,
    Unchanged,
)
from syncd.model import Action, Page, Receipt, Record, RecordState
from syncd.plan import Task
from syncd.protocols import Target


class Applier:
    """Carries changes out, several at once: intent committed, request sent, acknowledgement committed.

    The first error that stops the source is kept: later calls raise it instead of sending anything.

    Attributes:
        tally: what was done so far.
        leaving: pages that must go because the documents themselves say so, by external_id. Nothing is
            done about them here: whether they may be deleted now is for the guards to say.
    """

    def __init__(
        self,
        *,
        target: Callable[[], Awaitable[Target]],
        journal: Journal,
        rules: str,
        concurrency: int,
        on_done: Callable[[str], None],
        window_s: float = math.inf,
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin nothing yet.

        Args:
            target: finds the import source at the first need.
            on_done: hears of each page that is done.
            window_s: seconds in which a request that got no answer may still take effect.
            fence: called right before each write is sent; raises LeaseLost where none may be any more.
        """
        self.tally = Tally()
        self.leaving: dict[str, Candidate] = {}
        self._withdrawn: dict[str, Failure] = {}
        self._find_target = target
        self._journal = journal
        self._rules = rules
        self._slots = asyncio.Semaphore(concurrency)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped_by: Exception | None = None
        self._target: Target | None = None
        self._target_lock = asyncio.Lock()
        self._on_done = on_done
        self._budget = ErrorBudget()
        self._last_failure: PageError | None = None
        self._window_s = window_s
        self._fence = fence

    @property
    def has_asked(self) -> bool:
        """Whether Intercom was asked for anything."""
        return self._target is not None

    async def apply(self, change: Change) -> None:
        """Start to carry a change out, as soon as one of the slots is free and the error budget has room.

        Raises:
            SourceError, FatalError: an earlier change met it, and this one was not begun.
        """
        await self._slots.acquire()
        while self._stopped_by is None and len(self._tasks) >= self._budget.room:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        if self._stopped_by is not None:
            self._slots.release()
            if isinstance(self._stopped_by, TooManyFailures):
                await self.drain()  # what is under way is as good as any other page
            raise self._stopped_by
        self._spawn(self._carry_out(change))

    async def delete(
        self, candidates: Sequence[Candidate], *, stop: asyncio.Event, approved_until: float | None = None
    ) -> None:
        """Delete pages, until `stop` is set, and return when all that were begun are done.

        `approved_until` names the approval that they rest on, if they need one. Raises as `apply` does.
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
            self._spawn(self._delete_one(candidate, page_id, approved_until))
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
        # A task that was cancelled before it began leaves its work unbegun.
        task.add_done_callback(lambda _: work.close())

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
        self.tally.notice(change)
        match change:
            case Upsert():
                if await self._send_parts(change):
                    await self._upsert(change)
            case Same():
                if await self._send_parts(change):
                    await self._note_same(change)
            case Failure() if change.leaves_out:
                # None of its parts was ever taken, or it would not be left out.
                refused = [Forgotten(external_id=part.external_id) for part in change.parts]
                await self._journal.write(self._left_out(change), *refused)
                self.tally.skipped += 1
            case Failure() if change.withdraws:
                self._withdrawn[item.external_id] = change
                note_leaving(self.leaving, change)
            case Failure():
                failed = replace(
                    self._failed(change.task, change.version, change.error, change.url, change.aliases),
                    links=change.links,
                )
                self._note(change.task, change.error)
                await self._park(failed, change.error, unsure=_unsure(change.task.record), earlier=True)
        self._on_done(item.external_id)

    async def _send_parts(self, change: Upsert | Same) -> bool:
        """Send the further parts of a page; whether all were acknowledged.

        The page itself is recorded after them, so until they all are there the next run looks at it again.
        """
        head = change.task.item.external_id
        opened: tuple[Entry, ...] = (Opened(external_id=head),)
        for part in change.parts.sent:
            try:
                if not await self._send(change, part, *opened):
                    return False
            except PageError as error:
                name = part.page.external_id
                row: Entry = Uncertain(external_id=name, error=str(error), part_of=head)
                if not _unsure(part.record):
                    row = Failed(
                        external_id=name,
                        version=change.version,
                        rules=self._rules,
                        error=str(error),
                        part_of=head,
                    )
                await self._journal.write(row)
                await self._refused(change, type(error)(f"a part of it was refused: {error}"), url=None)
                return False
            if part.there is None:
                opened = ()
        return True

    def _note(self, task: Task, error: PageError | None = None) -> None:
        """Count a page for the error budget, unless it was bad before this run."""
        self.tally.arrived += error is None
        was_bad = task.record is not None and task.record.state == RecordState.QUARANTINED
        if error is not None and (was_bad or _unsure(task.record) or isinstance(error, EmptyPage)):
            return
        self._last_failure = error or self._last_failure
        reason = self._budget.note(failed=error is not None)
        if reason is not None and self._stopped_by is None:
            self._stopped_by = TooManyFailures(
                f"{reason}, so the run stopped: nothing more is sent or deleted. The last one: "
                f"{self._last_failure}\n"
                "Those pages are parked until they change ('syncd pages --skipped'); the next run goes on "
                "with the others."
            )

    async def _upsert(self, change: Upsert) -> None:
        try:
            if await self._send(change, change):
                note_leaving(self.leaving, change)
        except PageError as error:
            await self._refused(change, error, url=change.page.url)

    async def _send(self, change: Upsert | Same, one: Upsert | Part, *before: Entry) -> bool:
        """Send a page, or note that it is there; whether that was acknowledged. `before` is written first.

        Raises:
            PageError: Intercom refused it.
        """
        page, settled_before = one.page, None
        if one.there is not None:
            receipt = Receipt(page_id=one.there.page_id, remote_digest=one.there.remote_digest)
        else:
            target = await self.target()
            head = change.task.item.external_id if isinstance(one, Part) else None
            intent = Intent(external_id=page.external_id, content_hash=one.content_hash, part_of=head)
            if await self._journal.write(*before, intent):
                self.tally.refused += 1
                return False
            settled_before = self._journal.now() - self._window_s
            try:
                self._fence()
                receipt = await target.upsert(page, create=one.action is Action.CREATE)
                if one.action is Action.UPDATE and receipt.page_id != one.page_id:
                    # Somebody had deleted the page in Intercom, so this made a new one, switched off for Fin.
                    again = await self._switch_on(target, page, receipt)
                    receipt = replace(again, unsure=receipt.unsure or again.unsure)
            except PageUncertain as error:
                row = Uncertain(external_id=page.external_id, error=str(error), part_of=head)
                await self._journal.write(row)
                self.tally.failure(page.external_id, error)
                return False
            self.tally.acknowledged(page.external_id, receipt)
        if one is change:
            self._note(change.task)
        # Counted before: an entry that waits is committed even if this task is given up.
        if one is change or one.action is not Action.ADOPT:
            self.tally.sent(one.action)
        await self._journal.write(
            Sent(
                external_id=page.external_id,
                page_id=receipt.page_id,
                part_of=change.task.item.external_id if isinstance(one, Part) else None,
                version=change.version,
                content_hash=one.content_hash,
                remote_digest=receipt.remote_digest,
                source_hash=change.source_hash,
                rules=self._rules,
                title=page.title,
                url=page.url,
                links=one.links,
                aliases=one.aliases,
                warnings=one.warnings,
                action=one.action,
                reason=change.task.why,
                hash_before=one.record.content_hash if one.record is not None else None,
                text_chars=one.text_chars,
                settled_before=settled_before,
                unsure=receipt.unsure,
                changed_at=_changed_at(change, one),
            ),
            *(_surplus(change) if one is change else ()),
        )
        return True

    async def _switch_on(self, target: Target, page: Page, made: Receipt) -> Receipt:
        self._fence()
        try:
            return await target.upsert(page, create=True)
        except PageError:
            # Whatever becomes of it, the page that is there is another one than was known.
            await self._journal.write(
                Drifted(external_id=page.external_id, page_id=made.page_id, settled_before=0.0)
            )
            raise

    async def _note_same(self, change: Same) -> None:
        await self._journal.write(
            Unchanged(
                external_id=change.task.item.external_id,
                version=change.version,
                source_hash=change.source_hash,
                rules=self._rules,
                links=change.links,
                aliases=change.aliases,
                warnings=change.warnings,
                text_chars=change.text_chars,
            ),
            *_surplus(change),
        )
        self.tally.same += not change.parts.sent
        self._note(change.task)
        note_leaving(self.leaving, change)

    async def _delete_one(
        self, candidate: Candidate, page_id: str | None, approved_until: float | None
    ) -> None:
        external_id = candidate.external_id
        intent = Deleting(external_id=external_id, ground=candidate.ground, approved_until=approved_until)
        if await self._journal.write(intent):
            self.tally.refused += 1
            self.tally.spared += 1
            return
        unsure = False
        if page_id is not None:
            target = await self.target()
            try:
                self._fence()
                unsure = await target.delete(page_id, external_id)
            except PageUncertain as error:
                await self._journal.write(Uncertain(external_id=external_id, error=str(error)))
                self.tally.failure(external_id, error)
                return
            except PageError as error:
                failed = Failed(external_id=external_id, version="", rules=self._rules, error=str(error))
                await self._park(failed, error)
                return
        entries: list[Entry] = [
            Deleted(
                external_id=external_id,
                page_id=page_id,
                evidence=candidate.evidence,
                hash_before=candidate.content_hash,
                unsure=unsure,
            )
        ]
        if external_id in self._withdrawn:
            # The item is still there: it stays out until it changes.
            withdrawn = self._withdrawn[external_id]
            entries.append(self._left_out(withdrawn))
            # Its parts go after it. Should the run end before, nothing else tells that they have to.
            entries += [Surplus(external_id=part.external_id) for part in withdrawn.parts]
        if candidate.ground is Ground.TAKEN_DOWN:
            self.tally.taken_down += 1
        else:
            self.tally.deleted += 1
        await self._journal.write(*entries)
        self._on_done(external_id)

    def _left_out(self, failure: Failure) -> Skipped:
        item = failure.task.item
        return Skipped(
            external_id=item.external_id,
            version=failure.version,
            rules=self._rules,
            reason=str(failure.error),
            url=failure.url,
            aliases=failure.aliases,
            links=failure.links,
        )

    def _failed(
        self, task: Task, version: str, error: PageError, url: str | None, aliases: tuple[str, ...] | None
    ) -> Failed:
        return Failed(
            external_id=task.item.external_id,
            version=version,
            rules=self._rules,
            error=str(error),
            # An item that could not be read may be readable next time without looking any different; and
            # a page that was found although its document withholds it is judged by the next run.
            retry=isinstance(error, ItemError | PageWithheld),
            retry_at=error.until if isinstance(error, PageDeadly) else None,
            url=url,
            aliases=aliases,
            page_id=task.page_id if task.record is None else None,
        )

    async def _refused(self, change: Upsert | Same, error: PageError, *, url: str | None) -> None:
        failed = self._failed(change.task, change.version, error, url, change.aliases)
        self._note(change.task, error)
        await self._park(failed, error, unsure=_unsure(change.task.record))

    async def _park(
        self, failed: Failed, error: PageError, *, unsure: bool = False, earlier: bool = False
    ) -> None:
        if unsure:
            # In quarantine it would be forgotten that Intercom may show something else than was acknowledged.
            await self._journal.write(
                Uncertain(external_id=failed.external_id, error=failed.error, earlier=earlier)
            )
        else:
            await self._journal.write(failed)
        self.tally.failure(failed.external_id, error)


def _changed_at(change: Upsert | Same, one: Upsert | Part) -> float | None:
    """When the origin changed a page, told once for the page and all its parts, and not if it was there."""
    told = change.parts.sent[0] if isinstance(change, Same) else change
    return change.changed_at if one is told and one.there is None else None


def _unsure(record: Record | None) -> bool:
    """Whether an earlier request for the page may have been applied without a word of it."""
    return record is not None and record.state in (RecordState.PENDING, RecordState.DELETING)


def _surplus(change: Upsert | Same) -> list[Entry]:
    return [Surplus(external_id=part.external_id) for part in change.parts.surplus]
