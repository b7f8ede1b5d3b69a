"""What became of one item of the plan: a page to send, the page as it was, or a failure. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.errors import EmptyPage, PageError, PageWithheld
from syncd.guards import Candidate
from syncd.journal import INCLUDED, Ground
from syncd.model import (
    Action,
    Ingestion,
    Page,
    Receipt,
    Record,
    RecordState,
    RemotePage,
    ingested,
)
from syncd.plan import Task, surplus

SAMPLE = 3
"""Pages of a run of which it is kept when Intercom read them in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A further part of a long page that has to be sent.

    Attributes:
        record: what was delivered of it before.
        page_id: Intercom's id of it, as far as it is known.
        there: what Intercom has of it already, if a write would change nothing.
    """

    page: Page
    content_hash: str
    record: Record | None = None
    page_id: str | None = None
    there: RemotePage | None = None
    # Links, other addresses, warnings and the length are kept with the page as a whole.
    links: tuple[tuple[str, str | None], ...] = field(default=(), init=False)
    aliases: None = field(default=None, init=False)
    warnings: tuple[str, ...] = field(default=(), init=False)
    text_chars: None = field(default=None, init=False)

    @property
    def action(self) -> Action:
        """What sending it will do, as far as is known."""
        return _action(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What becomes of the further parts of a page.

    Attributes:
        sent: have to be sent.
        kept: external ids of those that came out as they were acknowledged.
        surplus: the page no longer has them.
    """

    sent: tuple[Part, ...] = ()
    kept: tuple[str, ...] = ()
    surplus: tuple[Record, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the parts are not as they were."""
        return bool(self.sent or self.surplus)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    """A page that has to be sent: it is new, or what would be sent differs from what was acknowledged.

    Attributes:
        text_chars: characters of visible text.
        changed_at: when its origin changed it, in Unix seconds; None if that is not known, or it is sent for
            another reason.
        there: the page that Intercom has, if it is just this one: then nothing needs to be sent.
    """

    task: Task
    version: str
    page: Page
    content_hash: str
    source_hash: str
    links: tuple[tuple[str, str | None], ...]
    text_chars: int = 0
    changed_at: float | None = None
    aliases: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    there: RemotePage | None = None
    parts: Parts = field(default_factory=Parts)

    @property
    def action(self) -> Action:
        """Whether Intercom is thought to have a page already."""
        return _action(self)

    @property
    def record(self) -> Record | None:
        """What was delivered of it before."""
        return self.task.record

    @property
    def page_id(self) -> str | None:
        """Intercom's id of it, as far as it is known."""
        return self.task.page_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """A page that came out as it was acknowledged, though maybe not all of its parts.

    `changed_at`: as in Upsert.
    """

    task: Task
    version: str
    source_hash: str
    links: tuple[tuple[str, str | None], ...]
    text_chars: int = 0
    changed_at: float | None = None
    aliases: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    parts: Parts = field(default_factory=Parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An item that gave no page, and why; readers may find it at its URL all the same.

    `version`: of the document that was read; of the item, if none could be. `parts`: the further parts in
    which it was published.
    """

    task: Task
    error: PageError
    version: str
    url: str | None = None
    aliases: tuple[str, ...] | None = None
    links: tuple[tuple[str, str | None], ...] | None = None
    parts: tuple[Record, ...] = ()

    @property
    def leaves_out(self) -> bool:
        """Whether there is nothing to publish and nothing published: no failure, then."""
        return isinstance(self.error, EmptyPage | PageWithheld) and not self._is_published

    @property
    def withdraws(self) -> bool:
        """Whether the document says that what is published must go."""
        # Without a row it gets one in this run, and goes with the next one, like any other.
        return isinstance(self.error, PageWithheld) and self._is_published and self.task.record is not None

    @property
    def _is_published(self) -> bool:
        if self.task.remote is not None:
            return True
        # A page that Intercom refused, and that may be forgotten since, may have parts that it took.
        rows = self.parts if self.task.record is None else (self.task.record, *self.parts)
        return any(record.may_be_published for record in rows)


Change = Upsert | Same | Failure


def note_leaving(leaving: dict[str, Candidate], change: Change) -> None:
    """Bring up to date which pages must go because the documents themselves say so.

    Whether they may go now is for the guards to say.
    """
    if isinstance(change, Failure):
        if change.withdraws:
            assert change.task.record is not None
            for record in (change.task.record, *change.parts):
                # Since ever, as it were: an approval is for their number, and no listing has to miss them.
                leaving[record.external_id] = Candidate(
                    record.external_id,
                    record.page_id,
                    record.content_hash,
                    0.0,
                    str(change.error),
                    Ground.WITHDRAWN,
                )
        return
    leaving.update((part.external_id, surplus(part)) for part in change.parts.surplus)


def _action(one: Upsert | Part) -> Action:
    if one.there is not None:
        return Action.ADOPT
    if one.page_id is None or (one.record is not None and one.record.state == RecordState.DELETING):
        return Action.CREATE
    return Action.UPDATE


@dataclass(slots=True)
class Tally:
    """What a run did so far.

    Attributes:
        refused: intents that the state did not accept, since a person decided otherwise meanwhile, or the
            item is back; spared: those of them that were to delete.
        parts: external ids of the further parts that its long pages have.
        arrived: documents that are in Intercom as they should be, in however many parts.
        ingestions: of the first pages that it sent.
    """

    created: int = 0
    updated: int = 0
    adopted: int = 0
    same: int = 0
    deleted: int = 0
    failed: int = 0
    skipped: int = 0
    warned: int = 0
    unlinked: int = 0
    refused: int = 0
    spared: int = 0
    taken_down: int = 0
    arrived: int = 0
    parts: set[str] = field(default_factory=set)
    errors: list[tuple[str, str]] = field(default_factory=list)
    ingestions: list[Ingestion] = field(default_factory=list)

    def foresee(self, change: Change) -> None:
        """Count what would become of a change if all goes well."""
        self.notice(change)
        if isinstance(change, Upsert | Same):
            for part in change.parts.sent:
                if part.action is not Action.ADOPT:
                    self.sent(part.action)
        match change:
            case Upsert():
                self.sent(change.action)
            case Same():
                self.same += not change.parts.sent
            case Failure() if change.leaves_out:
                self.skipped += 1
            case Failure() if change.withdraws:
                pass  # it will be deleted, or held
            case Failure():
                self.failure(change.task.item.external_id, change.error)

    def notice(self, change: Change) -> None:
        """Count what is less than perfect about a page that was rendered."""
        if isinstance(change, Upsert | Same):
            self.parts.update(part.page.external_id for part in change.parts.sent)
            self.warned += bool(change.warnings)
            self.unlinked += sum(
                url is None and not target.startswith(INCLUDED) for target, url in change.links
            )

    def sent(self, action: Action) -> None:
        """Count a page that Intercom confirmed."""
        if action is Action.CREATE:
            self.created += 1
        elif action is Action.ADOPT:
            self.adopted += 1
        else:
            self.updated += 1

    def acknowledged(self, external_id: str, receipt: Receipt) -> None:
        """Keep what the answer told of Fin, of a few pages."""
        if receipt.written_at is not None and len(self.ingestions) < SAMPLE:
            at = ingested(receipt.written_at, receipt.ingested_at)
            self.ingestions.append(Ingestion(external_id, receipt.page_id, receipt.written_at, at))

    def failure(self, external_id: str, error: PageError) -> None:
        """Count a page that stays as it was."""
        self.failed += 1
        self.errors.append((external_id, str(error)))
