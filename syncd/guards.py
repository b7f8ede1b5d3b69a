"""What may be deleted now, and what must wait for a person. Pure.

Every mass deletion that was studied for syncd had one shape: a failure became a short listing, the
listing was believed, and the run reported success. So absence alone never deletes: it is confirmed
(syncd/plan.py), it stays within a budget, and beyond that a person says yes to a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from syncd.digest import set_digest
from syncd.journal import Ground, Hold, Standing

APPROVAL_LIFE_S = 24 * 3600.0
ALARM_AFTER_S = 24 * 3600.0
"""A hold that waits for longer is forgotten by somebody."""

FAILURES_IN_A_ROW = 10
FAILURES_PERCENT = 25.0
LEAST_LOOKED_AT = 20
"""More failures in a row than that, or so many percent of at least so many pages, stop a run."""


class Candidate(NamedTuple):
    """A row whose item a complete listing did not name.

    Attributes:
        since: Unix seconds of the first listing that missed it.
        evidence: what proves that it is gone; "" while it is only missing.
    """

    external_id: str
    page_id: str | None
    content_hash: str | None
    since: float
    evidence: str
    ground: Ground = Ground.ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How deletions of one source are treated; the `deletions` block of its configuration.

    Attributes:
        confirm: complete listings in a row that must miss an item.
        min_absence_s: seconds between the first and the last of them.
        hold_above_pages, hold_above_percent: more than both at once waits for a person.
    """

    confirm: int = 2
    min_absence_s: float = 900.0
    hold_above_pages: int = 10
    hold_above_percent: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the guards decided.

    Attributes:
        deletes: may go now.
        hold: waits for a person; None if nothing does.
        suspicious: the origin looks wrong as a whole: nothing at all should be sent, for this reason.
    """

    deletes: tuple[Candidate, ...] = ()
    hold: Hold | None = None
    suspicious: str | None = None


def judge(
    missing: Sequence[Candidate],
    gone: Sequence[Candidate],
    *,
    listed: int,
    rows: int,
    policy: Policy,
    standing: Standing,
    fingerprint: str,
    identity: str | None,
    hold: Hold | None,
    now: float,
) -> Verdict:
    """Decide on the rows that a complete listing did not name.

    The budget counts all that is missing, confirmed or not, so that a collapse is loud at the first sight
    of it and not after the confirmation.

    Args:
        missing: all rows not named; gone: those of them whose absence is proved.
        listed: items that the listing did name, clashing ones included.
        rows: rows that Intercom holds a page for, or may.
        hold: the one that is open, with its approval if somebody gave one.
        now: Unix seconds.
    """
    if not missing:
        return Verdict()
    held = _reason_to_hold(missing, listed, rows, policy, standing, fingerprint, identity)
    if held is None:
        return Verdict(deletes=tuple(gone))
    kind, reason = held
    digest = set_digest(candidate.external_id for candidate in missing)
    # No absence is counted while a source lists nothing, so nothing is proved there, or old enough for an
    # approval. But the hold is that old, and it ends with the first listing that names anything.
    still_empty = hold is not None and hold.kind == kind == "empty" and hold.digest == digest
    if hold is not None and _approves(hold, missing, now, same=still_empty):
        if still_empty:
            gone = _emptied(missing, hold, policy, now)
        return Verdict(deletes=tuple(gone), hold=hold)
    # An approval that does not fit now ends: what is held from here on is another question.
    if hold is not None and hold.approved is not None:
        late = hold.approved_until is None or now > hold.approved_until
        reason += (
            "; the approval has expired"
            if late
            else f"; the approval no longer matches: {hold.count} then, {len(missing)} now"
        )
    waiting = Hold(
        kind=kind,
        count=len(missing),
        digest=digest,
        reason=reason,
        since=hold.since if hold is not None and hold.kind == kind else now,
    )
    return Verdict(hold=waiting, suspicious=reason if kind == "empty" else None)


def _reason_to_hold(
    missing: Sequence[Candidate],
    listed: int,
    rows: int,
    policy: Policy,
    standing: Standing,
    fingerprint: str,
    identity: str | None,
) -> tuple[str, str] | None:
    count = len(missing)
    if listed == 0:
        return "empty", f"the source lists nothing, although {rows} of its pages are published"
    if standing.identity is not None and identity is not None and standing.identity != identity:
        return "identity", f"the source is not the one seen before, and lacks {count} of its pages"
    if standing.fingerprint is not None and standing.fingerprint != fingerprint:
        return "scope", f"the configuration changed, and {count} pages are out of scope"
    if standing.contested:
        return (
            "writer",
            f"another syncd, or another program, appears to write to the import source, and {count} page(s) "
            "are missing here",
        )
    over_budget = count > policy.hold_above_pages and count * 100 > rows * policy.hold_above_percent
    if over_budget:
        return (
            "deletions",
            f"{count} of {rows} pages are missing "
            f"(limit {policy.hold_above_pages} and {policy.hold_above_percent:g} %)",
        )
    if count >= rows and count > 1:
        return "deletions", f"all {count} pages are missing"
    return None


def _approves(hold: Hold, missing: Sequence[Candidate], now: float, *, same: bool) -> bool:
    """Whether the approval is alive and covers this set: at most its ceiling, and no page that was not
    already missing when it was given. `same`: the set is known to be the one that is held."""
    if hold.approved is None or hold.approved_until is None or now > hold.approved_until:
        return False
    given_at = hold.approved_until - APPROVAL_LIFE_S
    return len(missing) <= hold.approved and (
        same or all(candidate.since <= given_at for candidate in missing)
    )


def _emptied(missing: Sequence[Candidate], hold: Hold, policy: Policy, now: float) -> list[Candidate]:
    """The pages of a source that a person declared empty, once it has been so for long enough."""
    empty_for_s = now - hold.since
    if empty_for_s < policy.min_absence_s:
        return []
    evidence = f"the source lists nothing for {empty_for_s:.0f} s, approved by {hold.approved_by}"
    return [candidate._replace(evidence=evidence) for candidate in missing]


class ErrorBudget:
    """How many pages may fail in one run before it is no longer their own fault."""

    def __init__(self) -> None:
        self._looked_at = 0
        self._failed = 0
        self._in_a_row = 0

    @property
    def room(self) -> int:
        """How many pages may be under way at once: as many as could all fail within the budget.

        A few may at any time, or no run would ever learn anything; some more until the first one fails. So a
        bad run ends after few requests, however many its configuration allows at once.
        """
        least = FAILURES_IN_A_ROW if self._failed else LEAST_LOOKED_AT
        left = self._looked_at * FAILURES_PERCENT - self._failed * 100
        return max(least, int(left / (100 - FAILURES_PERCENT)))

    def note(self, *, failed: bool) -> str | None:
        """Count a page that was looked at; why the run must stop, or None if it may go on.

        Pages that were parked before must not be counted: what is known to be bad would stop every run.
        """
        self._looked_at += 1
        self._failed += failed
        self._in_a_row = self._in_a_row + 1 if failed else 0
        if self._in_a_row > FAILURES_IN_A_ROW:
            return f"{self._in_a_row} pages in a row failed"
        if self._looked_at >= LEAST_LOOKED_AT and self._failed * 100 >= self._looked_at * FAILURES_PERCENT:
            return f"{self._failed} of the {self._looked_at} pages looked at failed"
        return None
