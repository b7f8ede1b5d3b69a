"""A mass blanking, seen before it is sent: most pages change at once, and lose most of their text.

A changed export format once produced nothing but empty pages. So what shrinks is put aside while all else is
sent, and judged at the end, when it is known how much of the source it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from syncd.change import Change, Failure, Same, Upsert
from syncd.digest import set_digest
from syncd.errors import EmptyPage
from syncd.journal import Hold
from syncd.model import Action
from syncd.plan import Plan, Task

LEAST_ROWS = 20
"""A smaller source is rewritten in one sitting, and nobody would want to be asked about it."""


class Rewrite:
    """Watches the changes of one run, in any order.

    Attributes:
        tasks: items put aside because their pages would lose more than half of their text.
        empty: published pages that would become empty; what Intercom has stays, whatever is decided.
    """

    def __init__(
        self, plan: Plan, *, rows: int, sizes: Mapping[str, int], known_cause: bool, hold: Hold | None
    ) -> None:
        """Watch a plan for a source of so many published `rows`.

        Args:
            sizes: external_id → characters of visible text that were acknowledged last.
            known_cause: the rendering rules changed, so that it is no wonder if most pages do.
            hold: the one about updates that is open, with its approval if somebody gave one.
        """
        self.tasks: list[tuple[Task, Action]] = []
        self.empty: list[Failure] = []
        # What was never acknowledged has no text that it could lose.
        self._rows = rows - sum(_is_unacknowledged(task) for task in plan.tasks)
        self._least = rows / 10
        self._sizes = sizes
        self._hold = hold
        # What is sent meanwhile makes the rest look few: a hold stays one until what is left is little.
        self._expected = known_cause or hold is not None
        published = sum(_is_published(task) for task in plan.tasks)
        self._possible = rows >= LEAST_ROWS and (self._expected or published * 2 > self._rows)
        self._shares: list[float] = []
        self._changed = 0

    def puts_aside(self, change: Change) -> bool:
        """Take note of a change; True if it has to wait for the end of the run."""
        if not self._possible or not _is_published(change.task):
            return False
        before = self._sizes.get(change.task.item.external_id)
        if isinstance(change, Upsert) or (isinstance(change, Same) and change.parts.changed):
            self._changed += 1
            if not before:
                return False
            self._shares.append((change.text_chars or 0) / before)
            if (change.text_chars or 0) * 2 >= before:
                return False
            action = change.action if isinstance(change, Upsert) else Action.UPDATE
            self.tasks.append((change.task, action))
            return True
        if isinstance(change, Failure) and isinstance(change.error, EmptyPage):
            self._changed += 1
            self._shares.append(0.0)
            self.empty.append(change)
            return True
        return False

    def judge(self, now: float) -> Hold | None:
        """The hold for what was put aside, at Unix second `now`; None if it may go on."""
        count, rows = len(self.tasks) + len(self.empty), self._rows
        if not count:
            return None
        blank = len(self.empty) > self._least
        shrinks = median(self._shares) < 0.5 and count > self._least
        if not (self._expected or self._changed * 2 > rows) or not (blank or shrinks):
            return None
        what = [f"{len(self.empty)} would become empty"] if self.empty else []
        what += [f"{len(self.tasks)} would lose more than half of their text"] if self.tasks else []
        reason = f"{self._changed} of {rows} pages change: {' and '.join(what)}"
        digest = set_digest(
            [task.item.external_id for task, _ in self.tasks]
            + [failure.task.item.external_id for failure in self.empty]
        )
        before = self._hold
        if before is not None and before.approved is not None:
            if now > (before.approved_until or 0.0):
                reason += "; the approval has expired"
            elif before.approved >= count and before.digest == digest:
                return None
            else:
                reason += f"; the approval no longer matches: {before.count} then, {count} now"
        since = now if before is None else before.since
        return Hold(kind="rewrite", count=count, digest=digest, reason=reason, since=since)


def _is_published(task: Task) -> bool:
    return task.record is not None and task.record.content_hash is not None and task.record.may_be_published


def _is_unacknowledged(task: Task) -> bool:
    return task.record is not None and task.record.content_hash is None and task.record.may_be_published
