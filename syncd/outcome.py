"""What a run came to: the counts, the result, and the sentences that go with them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from syncd.attempt import Attempt
from syncd.change import Tally
from syncd.decision import Orders, Question
from syncd.drift import Kind
from syncd.journal import Hold, Standing
from syncd.model import Ingestion, Report, Result
from syncd.plan import Listing, Plan
from syncd.survey import Survey


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that a sync would do: create, update, delete or hold."""

    action: str
    external_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A report, with the sentences behind its counts.

    Attributes:
        failures: (external_id, why) of each page that failed in this run or is refused.
        notices: what an operator should know besides, one sentence each.
        error: what ended the source's run; None if it reached its end.
        operations: what a sync would do; only a plan has them.
        ingestions: of a few pages that were sent, whether Intercom has read them in for Fin.
        awaits: whether earlier runs sent pages of which that is still to be asked.
    """

    report: Report
    failures: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()
    error: BaseException | None = None
    operations: tuple[Operation, ...] = ()
    ingestions: tuple[Ingestion, ...] = ()
    awaits: bool = False


def sum_up(attempt: Attempt, *, requests: int, now_s: float) -> Outcome:
    """Make the outcome of an attempt that has ended, at `now_s` on the monotonic clock."""
    name = attempt.name
    seconds = round(now_s - attempt.began_s, 3)
    if attempt.settled:
        standing = attempt.standing
        report = Report(
            name=name,
            listed=standing.listed or 0,
            unchanged=standing.unchanged,
            skipped=standing.skipped,
            requests=requests,
            seconds=seconds,
        )
        notices = tuple((standing.notices or "").splitlines())
        return Outcome(report=report, notices=notices, awaits=attempt.before.awaits)
    survey, tally = attempt.survey, attempt.tally
    listing = survey.listing if survey is not None else Listing()
    plan = survey.plan if survey is not None else Plan()
    holds = _held(attempt)
    held = sum(hold.count for hold in holds)
    frozen = _frozen(name, attempt.orders)
    failed = tally.failed + len(plan.parked) + len(listing.clashes)
    notices = (*_notices(listing, plan, tally, listed=survey is not None), *_drift_notices(attempt), *frozen)
    error = _error(attempt)
    unseen = listing.broken is not None or any(not unlisted.skipped for unlisted in listing.unlisted)
    if error is not None:
        result = Result.FAILED
    elif held or frozen:
        result = Result.HELD
    elif failed or unseen or attempt.drifted:
        result = Result.PARTIAL
    else:
        result = Result.OK
    report = Report(
        name=name,
        result=result,
        error=error or (notices[0] if unseen else None),
        error_kind=_error_kind(attempt),
        listed=len(listing.items) + len(listing.clashes),
        created=tally.created,
        updated=tally.updated,
        unchanged=plan.unchanged + tally.same + tally.adopted,
        deleted=tally.deleted + tally.taken_down,
        held=held,
        failed=failed,
        skipped=_skipped(listing, plan, tally),
        renamed=sum(1 for _ in plan.renames),
        missing=max(0, len(plan.missing) - tally.deleted - _count(holds, Question.DELETES)),
        drifted=len(attempt.drifted),
        requests=requests,
        seconds=seconds,
    )
    return Outcome(
        report=report,
        failures=tuple(tally.errors) + tuple(listing.clashes.items()),
        notices=notices,
        holds=holds,
        error=attempt.error,
        ingestions=tuple(tally.ingestions),
        awaits=attempt.before.awaits,
    )


def _skipped(listing: Listing, plan: Plan, tally: Tally) -> int:
    """Items that were left out on purpose."""
    unlisted = sum(unlisted.skipped for unlisted in listing.unlisted)
    return unlisted + plan.skipped + plan.kept_out + tally.skipped


def lasting(standing: Standing, survey: Survey, tally: Tally) -> Standing:
    """The standing with what the next run will say again, if nothing changes until then."""
    left = _left_out(survey.listing, survey.plan, tally)
    return replace(
        standing,
        unchanged=survey.plan.unchanged + tally.arrived,
        skipped=_skipped(survey.listing, survey.plan, tally),
        notices="\n".join(" ".join(notice.splitlines()) for notice in left) or None,
    )


def _held(attempt: Attempt) -> tuple[Hold, ...]:
    """What waits for a person; deletions no longer do once an approval lets them go, and stays."""
    let_go = attempt.survey is not None and attempt.survey.verdict.deletes and not attempt.tally.spared
    open_ = (None if let_go else attempt.hold, attempt.rewrite)
    return tuple(hold for hold in open_ if hold is not None)


def _count(holds: Sequence[Hold], question: Question) -> int:
    return sum(hold.count for hold in holds if hold.question is question)


def _frozen(name: str, orders: Orders) -> tuple[str, ...]:
    order = orders.frozen
    if order is None:
        return ()
    return (f"on hold by {order.by}: {order.why}. Nothing is sent; to let it go on: syncd release {name}",)


def _drift_notices(attempt: Attempt) -> list[str]:
    """What Intercom showed that was not expected."""
    settlement, name = attempt.settlement, attempt.name
    notices: list[str] = []
    if attempt.restored:
        notices.append(
            "the state is older than the last run: all pages were compared with Intercom first. What people "
            "decided since it was saved is lost, but for pages that were taken down before the last run"
        )
        if gone := [drift.external_id for drift in settlement.left if drift.kind is Kind.MISSING]:
            named = ", ".join(repr(external_id) for external_id in gone[:3]) + (
                ", …" if len(gone) > 3 else ""
            )
            notices.append(
                f"{len(gone)} page(s) that it knows are gone from Intercom, maybe taken down since: {named}. "
                f"syncd takedown keeps a page out, syncd verify {name} --repair sends all of them again"
            )
    if attempt.unasked is not None:
        why = " ".join(str(attempt.unasked).split())
        notices.append(f"Intercom could not be asked which pages it has, so all are told as new: {why}")
    if attempt.tally.adopted:
        notices.append(
            f"{attempt.tally.adopted} page(s) were in Intercom already as they are, and taken over"
        )
    if settlement.resent:
        notices.append(f"{len(settlement.resent)} page(s) were not in Intercom as they were sent: sent again")
    if attempt.drifted:
        kinds = Counter(drift.kind.value for drift in attempt.drifted)
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        notices.append(
            f"{len(attempt.drifted)} page(s) are not in Intercom as they were sent ({told}): "
            f"syncd verify {name} names them, and --repair sends them again"
        )
    strange = [page.external_id for page in settlement.foreign] + _old_parts(attempt)
    if strange:
        named = ", ".join(repr(external_id) for external_id in strange[:3])
        more = ", …" if len(strange) > 3 else ""
        notices.append(f"{len(strange)} remote page(s) not in the source, left alone: {named}{more}")
    if attempt.standing.contested:
        notices.append(
            "another syncd, or another program, appears to write to the import source: deletions wait for a "
            f"person, and syncd verify {name} names what is not as it was sent"
        )
    return notices


def _old_parts(attempt: Attempt) -> list[str]:
    """Pages that look like parts of long pages which have no such part, as after a lost state."""
    failed = {external_id for external_id, _ in attempt.tally.errors}
    items = attempt.survey.listing.items if attempt.survey is not None else {}
    return [
        external_id
        for external_id in attempt.settlement.adoptable
        if external_id not in items
        and external_id not in attempt.tally.parts
        and external_id.rpartition("#")[0] not in failed
    ]


def _error(attempt: Attempt) -> str | None:
    if attempt.stopped:
        return "stopped before the end; the next run goes on from here"
    if attempt.error is None:
        return None
    return str(attempt.error) or type(attempt.error).__name__


def _error_kind(attempt: Attempt) -> str | None:
    if attempt.stopped:
        return "Stopped"
    return None if attempt.error is None else type(attempt.error).__name__


def _notices(listing: Listing, plan: Plan, tally: Tally, *, listed: bool) -> list[str]:
    notices: list[str] = []
    if listing.broken is not None:
        notices.append(
            f"the listing broke off after {len(listing.items)} items: {listing.broken}; nothing is deleted"
        )
    elif listed and not (listing.items or listing.clashes or listing.unlisted):
        notices.append("the source lists nothing: look at its place and its patterns")
    for unlisted in listing.unlisted:
        if not unlisted.skipped:
            where = unlisted.scope or "the source"
            notices.append(f"cannot read {where}: {unlisted.reason}; its pages are kept as they are")
    notices += _left_out(listing, plan, tally)
    if renames := list(plan.renames):
        named = ", ".join(f"{old!r} is now {new!r}" for old, new in renames[:3])
        more = ", …" if len(renames) > 3 else ""
        notices.append(f"{len(renames)} page(s) were renamed: {named}{more}")
    if tally.warned:
        notices.append(f"{tally.warned} page(s) came with warnings: syncd pages --skipped")
    if tally.unlinked:
        notices.append(f"{tally.unlinked} link(s) to no page of the source were published as text")
    if plan.parked:
        notices.append(
            f"{len(plan.parked)} page(s) stay in quarantine until they change: syncd pages --skipped"
        )
    return notices


def _left_out(listing: Listing, plan: Plan, tally: Tally) -> list[str]:
    """What is not published on purpose, and why."""
    kept = Counter(unlisted.reason for unlisted in listing.unlisted if unlisted.skipped)
    told = [f"left out {count} item(s): {reason}" for reason, count in kept.most_common()]
    if empty := plan.skipped + tally.skipped:
        told.append(f"left out {empty} page(s) without text or marked as drafts: syncd pages --skipped")
    if plan.kept_out:
        told.append(f"{plan.kept_out} page(s) are taken down and stay out: syncd pages --skipped")
    return told
