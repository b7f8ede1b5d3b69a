"""What is known of a run while it goes on, and the steps that a sync and a plan have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from syncd.before import Before
from syncd.change import Tally
from syncd.connector import Snapshot
from syncd.decision import NONE, Orders, Question
from syncd.drift import Drift, Settlement, due
from syncd.errors import SourceUnavailable
from syncd.guards import Candidate
from syncd.journal import Hold, Standing
from syncd.library import Library, above_root, outdated
from syncd.plan import Listing
from syncd.rewrite import Rewrite
from syncd.survey import Origin, Run, Source, Survey, judge_missing, look
from syncd.verify import Look, is_due


@dataclass(slots=True, kw_only=True)
class Attempt:
    """What is known of a run while it goes on, whatever way it ends.

    Attributes:
        began_s: on the monotonic clock.
        before: what the state held when it began.
        standing, hold, rewrite: what will be remembered, the deletions and the updates that are held; a run
            that ends early leaves them as far as it came.
        orders: what people ordered.
        made: the import source was made by this run, so that it held nothing.
        settlement: what was found out about what Intercom shows.
        unasked: why a plan could not find that out.
        keeps_drift: what somebody changed in Intercom is to be left so.
        settled: the origin said that nothing changed.
        stopped: it was asked to stop before the end.
    """

    name: str
    began_s: float
    before: Before = field(default_factory=Before)
    standing: Standing
    hold: Hold | None
    rewrite: Hold | None = None
    orders: Orders = NONE
    revision: str | None = None
    survey: Survey | None = None
    tally: Tally = field(default_factory=Tally)
    made: bool = False
    settlement: Settlement = field(default_factory=Settlement)
    unasked: str | None = None
    keeps_drift: bool = False
    settled: bool = False
    stopped: bool = False
    error: BaseException | None = None

    @property
    def drifted(self) -> tuple[Drift, ...]:
        """Pages that are not in Intercom as they were sent, and should be."""
        return () if self.keeps_drift else self.settlement.left

    @property
    def restored(self) -> bool:
        """Whether the state was replaced by an older one."""
        standing = self.before.standing
        return bool(standing.listed) and standing.verified_at is None


async def begin(source: Source, run: Run) -> Attempt:
    """Begin with what the state holds."""
    before = await run.keep(run.store.before, source.name)
    standing = before.standing
    if standing.fingerprint is None:
        # What the first runs send is judged by their settings, also if none of them reaches its end.
        standing = replace(standing, fingerprint=source.fingerprint)
    return Attempt(
        name=source.name,
        began_s=run.clock.monotonic(),
        before=before,
        # What a thorough run leaves undone is no less undone because the origin did not change.
        standing=replace(standing, revision=None) if run.is_thorough else standing,
        hold=before.holds.get(Question.DELETES),
        rewrite=before.holds.get(Question.UPDATES),
        orders=before.orders,
        keeps_drift=source.drift == "keep",
    )


async def fit(source: Source, run: Run, snapshot: Snapshot, attempt: Attempt) -> Source:
    """Fit the source to what its documents are written for, and note whether there is nothing to do."""
    source.check(attempt.standing)
    source = await run.crawl(source.fitted_to, snapshot)
    attempt.revision = await run.crawl(lambda: snapshot.revision)
    if _is_settled(source, run, attempt):
        # The revision is of the root, and pages may include what lies above it.
        above = above_root(attempt.before.included)
        library = Library(snapshot, Listing())
        attempt.settled = not (above and await run.crawl(outdated, library, above, whole=False))
    return source


def _is_settled(source: Source, run: Run, attempt: Attempt) -> bool:
    """Whether the origin says that nothing changed since a run that left nothing to do."""
    standing = attempt.standing
    return (
        attempt.revision is not None
        and not is_due(source, run, standing)
        and not due(attempt.before.doubts, settled_before=run.clock.now() - run.window_s)
        and attempt.hold is None
        and attempt.rewrite is None
        and standing.revision == attempt.revision
        and standing.rules == source.rules_key
        and standing.fingerprint == source.fingerprint
    )


def heed(attempt: Attempt, look: Look) -> None:
    """Take in what Intercom was found to show, and whether somebody else seems to write there.

    One page of others, or one that was edited, is nothing unusual. Both at once, where there were fewer
    pages of others at the look before, are what a second syncd with a state of its own looks like; that
    stays so while pages go on to be changed.
    """
    attempt.settlement = settlement = look.settlement
    if not look.whole:
        return
    known = attempt.before.standing
    doubtful = {doubt.external_id for doubt in attempt.before.doubts}
    changed = bool(attempt.drifted or settlement.resent - doubtful)
    strangers = len(settlement.foreign)
    more = known.verified_at is not None and strangers > known.strangers
    contested = changed and strangers > 0 and (more or known.contested)
    attempt.standing = replace(attempt.standing, strangers=strangers, contested=contested)


async def survey(
    source: Source, run: Run, origin: Origin, attempt: Attempt, *, foretells: bool = False
) -> Survey:
    """Compare the origin with the records, as far as they are settled.

    Raises:
        SourceUnavailable: the origin looks wrong as a whole.
    """
    settlement = attempt.settlement
    seen = attempt.survey = await look(
        source,
        run,
        origin,
        records=settlement.records,
        standing=attempt.standing,
        before=attempt.before,
        drifted=settlement.resent,
        remote=settlement.adoptable,
        foretells=foretells,
    )
    if seen.listing.broken is None:
        attempt.hold = seen.verdict.hold
    if seen.verdict.suspicious is not None:
        raise SourceUnavailable(
            f"{seen.verdict.suspicious}. Nothing was sent and nothing is deleted.\n"
            f"If that is intended: syncd approve {source.name} --deletes {len(seen.plan.missing)}"
        )
    return seen


async def watch(source: Source, run: Run, attempt: Attempt, survey: Survey) -> Rewrite:
    """Be ready to notice a mass blanking."""
    published = any(task.record is not None for task in survey.plan.tasks)
    return Rewrite(
        survey.plan,
        rows=survey.rows,
        sizes=await run.keep(run.store.text_sizes, source.name) if published else {},
        known_cause=attempt.standing.rules not in (None, source.rules_key),
        hold=attempt.rewrite,
    )


def let_go(
    source: Source, run: Run, attempt: Attempt, survey: Survey, leaving: Mapping[str, Candidate]
) -> Survey:
    """Let the guards judge once more, with the pages that must go because the documents themselves say so."""
    if not leaving:
        return survey
    candidates = [leaving[external_id] for external_id in sorted(leaving)]
    verdict = judge_missing(
        source,
        survey,
        standing=attempt.standing,
        hold=attempt.before.holds.get(Question.DELETES),
        now=run.clock.now(),
        withdrawn=candidates,
    )
    plan = replace(survey.plan, missing=(*survey.plan.missing, *candidates))
    attempt.survey = replace(survey, plan=plan, verdict=verdict)
    if survey.listing.broken is None:
        attempt.hold = verdict.hold
    return attempt.survey
