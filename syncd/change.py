"""What became of one item of the plan: a page to send, the page as it was, or a failure. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.errors import EmptyPage, PageError, PageWithheld
from syncd.journal import INCLUDED
from syncd.model import Action, Page, RecordState, RemotePage
from syncd.plan import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsert:
    """A page that has to be sent: it is new, or what would be sent differs from what was acknowledged.

    Attributes:
        text_chars: characters of visible text.
        there: the page that Intercom has, if it is just this one: then nothing needs to be sent.
    """

    task: Task
    version: str
    page: Page
    content_hash: str
    source_hash: str
    links: tuple[tuple[str, str | None], ...]
    text_chars: int = 0
    aliases: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    there: RemotePage | None = None

    @property
    def action(self) -> Action:
        """Whether Intercom is thought to have a page already."""
        if self.there is not None:
            return Action.ADOPT
        record = self.task.record
        if self.task.page_id is None or (record is not None and record.state == RecordState.DELETING):
            return Action.CREATE
        return Action.UPDATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """A page that came out as it was acknowledged.

    `links`, `text_chars` and `warnings` are None if it did not have to be rendered.
    """

    task: Task
    version: str
    source_hash: str
    links: tuple[tuple[str, str | None], ...] | None
    text_chars: int | None = None
    aliases: tuple[str, ...] | None = None
    warnings: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An item that gave no page, and why; readers may find it at its URL all the same."""

    task: Task
    error: PageError
    url: str | None = None
    aliases: tuple[str, ...] | None = None
    links: tuple[tuple[str, str | None], ...] | None = None

    @property
    def leaves_out(self) -> bool:
        """Whether there is nothing to publish and nothing published: no failure, then."""
        return isinstance(self.error, EmptyPage | PageWithheld) and not self._is_published

    @property
    def withdraws(self) -> bool:
        """Whether the document says that what is published must go."""
        # A page without a row was found in this run: it goes with the next one, like any other.
        return isinstance(self.error, PageWithheld) and self._is_published and self.task.record is not None

    @property
    def _is_published(self) -> bool:
        if self.task.record is None:
            return self.task.remote is not None
        return self.task.record.may_be_published


Change = Upsert | Same | Failure


@dataclass(slots=True)
class Tally:
    """What a run did so far."""

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
    taken_down: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)

    def foresee(self, change: Change) -> None:
        """Count what would become of a change if all goes well."""
        self.notice(change)
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

    def notice(self, change: Change) -> None:
        """Count what is less than perfect about a page that was rendered."""
        if isinstance(change, Upsert | Same):
            self.warned += bool(change.warnings)
            self.unlinked += sum(
                url is None and not target.startswith(INCLUDED) for target, url in change.links or ()
            )

    def sent(self, action: Action) -> None:
        """Count a page that Intercom confirmed."""
        if action is Action.CREATE:
            self.created += 1
        elif action is Action.ADOPT:
            self.adopted += 1
        else:
            self.updated += 1

    def failure(self, external_id: str, error: PageError) -> None:
        """Count a page that stays as it was."""
        self.failed += 1
        self.errors.append((external_id, str(error)))
