"""What a person's decision does to what is held and ordered: the one place for every store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from syncd.decision import (
    Approve,
    Decision,
    Freeze,
    Order,
    Orders,
    Question,
    Reject,
    Release,
    Restore,
    Retry,
    TakeDown,
)
from syncd.errors import ConfigError
from syncd.journal import Hold
from syncd.model import Action
from syncd.state.rows import Outcome, storable


@dataclass(frozen=True, slots=True)
class Ruling:
    """What stands after a decision, and its line in the audit trail.

    Attributes:
        hold: the hold that was decided on, as it is now; None for a decision about something else.
    """

    orders: Orders
    outcome: Outcome
    hold: Hold | None = None


def rule(
    source: str, decision: Decision, *, holds: Mapping[Question, Hold], orders: Orders, at: float
) -> Ruling:
    """Return what a decision leads to, made at `at` (Unix seconds).

    Raises:
        ConfigError: it does not fit what is held and ordered now; nothing is changed.
    """
    by, why = storable(decision.by), storable(decision.why)
    match decision:
        case Approve():
            hold = _approved(source, decision, _held(source, decision.question, holds), at)
            until = f"up to {decision.count} {_WORDS[decision.question]}, of {hold.count} held"
            return Ruling(orders, Outcome("", Action.APPROVE.value, why, evidence=until, by=by), hold)
        case Reject():
            hold = _held(source, decision.question, holds)
            left = replace(hold, approved=None, approved_until=None, approved_by=None)
            what = f"{hold.count} {_WORDS[decision.question]}"
            return Ruling(orders, Outcome("", Action.REJECT.value, why, evidence=what, by=by), left)
        case Freeze():
            if orders.frozen is not None:
                raise ConfigError(
                    f"{source} is on hold already, by {orders.frozen.by}: {orders.frozen.why}. "
                    f"To let it go on: syncd release {source}"
                )
            frozen = replace(orders, frozen=Order(since=at, by=by, why=why))
            return Ruling(frozen, Outcome("", Action.FREEZE.value, why, by=by))
        case Release():
            if orders.frozen is None:
                raise ConfigError(
                    f"{source} is not on hold: nothing was changed. 'syncd status' shows what is."
                )
            return Ruling(replace(orders, frozen=None), Outcome("", Action.RELEASE.value, why, by=by))
        case TakeDown():
            order = orders.taken_down.get(decision.external_id) or Order(since=at, by=by, why=why)
            down = replace(orders, taken_down={**orders.taken_down, decision.external_id: order})
            return Ruling(down, Outcome(decision.external_id, Action.TAKEDOWN.value, why, by=by))
        case Restore():
            left_down = dict(orders.taken_down)
            if left_down.pop(decision.external_id, None) is None:
                raise ConfigError(
                    f"{decision.external_id!r} of {source} is not taken down: nothing was changed. "
                    "'syncd status' counts what is, and 'syncd pages --skipped' names it."
                )
            back = replace(orders, taken_down=left_down)
            return Ruling(back, Outcome(decision.external_id, Action.RESTORE.value, why, by=by))
        case Retry():
            return Ruling(orders, Outcome(decision.external_id or "", Action.RETRY.value, why, by=by))


_WORDS = {Question.DELETES: "deletion(s)", Question.UPDATES: "update(s)"}


def _held(source: str, question: Question, holds: Mapping[Question, Hold]) -> Hold:
    hold = holds.get(question)
    if hold is None:
        raise ConfigError(
            f"no {question.value} of source {source!r} wait for an approval: nothing was changed. "
            "'syncd status' shows what is held."
        )
    return hold


def _approved(source: str, decision: Approve, hold: Hold, at: float) -> Hold:
    option = f"--{decision.question.value}"
    if decision.count < 1:
        raise ConfigError(
            f"approval for {source}: {decision.count} pages cannot be approved; name 1 or more."
        )
    if decision.count < hold.count:
        raise ConfigError(
            f"approval no longer matches: {decision.count} named, {hold.count} held now; "
            "nothing was approved.\n"
            f"'syncd plan {source}' names them. All of them may go, or none: {option} {hold.count}"
        )
    if hold.approved is not None and hold.approved_until is not None and at <= hold.approved_until:
        raise ConfigError(
            f"the {hold.count} held {decision.question.value} of {source} are approved already, by "
            f"{hold.approved_by}: nothing was changed.\nnext: syncd sync {source}; "
            f"to take it back: syncd reject {source} {option}"
        )
    return replace(
        hold, approved=decision.count, approved_until=decision.until, approved_by=storable(decision.by)
    )
