"""The guards: what may be deleted now, and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.guards import APPROVAL_LIFE_S, Candidate, ErrorBudget, Policy, Verdict, judge
from syncd.journal import Standing
from tests.builders import candidate, hold


def verdict_of(
    missing: Sequence[Candidate], gone: Sequence[Candidate] | None = None, **values: object
) -> Verdict:
    given: dict[str, object] = {
        "listed": 70,
        "rows": 100,
        "policy": Policy(),
        "standing": Standing(identity="volume", fingerprint="filters"),
        "fingerprint": "filters",
        "identity": "volume",
        "hold": None,
        "now": 100.0,
    }
    return judge(missing, missing if gone is None else gone, **{**given, **values})  # type: ignore[arg-type]


def some(count: int, *, since: float = 0.0) -> list[Candidate]:
    return [candidate(f"{number}.md", since=since) for number in range(count)]


def test_few_deletions_go() -> None:
    """Ten pages never wait, whatever share they are."""
    gone = some(10)

    assert verdict_of(gone, rows=20) == Verdict(deletes=tuple(gone))


def test_small_share_goes() -> None:
    """Many pages of a large source go, as long as they are at most ten per cent."""
    assert len(verdict_of(some(100), rows=1000).deletes) == 100


def test_more_than_both_limits_is_held() -> None:
    """Eleven pages and more than ten per cent wait for a person."""
    verdict = verdict_of(some(11))

    assert verdict.deletes == ()
    assert verdict.hold is not None
    assert (verdict.hold.kind, verdict.hold.count, verdict.hold.since) == ("deletions", 11, 100.0)
    assert verdict.hold.reason == "11 of 100 pages are missing (limit 10 and 10 %)"


def test_budget_counts_what_is_not_confirmed_yet() -> None:
    """A collapse is loud at the first sight of it."""
    assert verdict_of(some(30), gone=[]).hold is not None


def test_all_pages_of_a_source_are_held() -> None:
    """Also of a small source, if it has at least two."""
    assert verdict_of(some(2), rows=2).hold is not None


def test_only_page_of_a_source_may_go() -> None:
    """One page that was replaced by others is no collapse."""
    assert len(verdict_of(some(1), rows=1, listed=3).deletes) == 1


def test_empty_source_is_suspicious() -> None:
    """A source that lists nothing is a failure until a person says otherwise."""
    verdict = verdict_of(some(1), rows=1, listed=0)

    assert verdict.suspicious == "the source lists nothing, although 1 of its pages are published"
    assert verdict.deletes == ()


def test_changed_configuration_is_no_deletion() -> None:
    """What a new filter leaves out is out of scope, not gone."""
    verdict = verdict_of(some(1), fingerprint="other filters")

    assert verdict.hold is not None
    assert verdict.hold.kind == "scope"


def test_other_origin_is_no_deletion() -> None:
    """Another volume at the same path lacks pages; nobody removed them."""
    verdict = verdict_of(some(1), identity="other volume")

    assert verdict.hold is not None
    assert verdict.hold.kind == "identity"


def test_unknown_identity_proves_nothing_either_way() -> None:
    """An origin that cannot tell who it is is judged by the budget alone."""
    assert verdict_of(some(1), identity=None).hold is None


def test_f55_every_deletion_waits_while_another_writer_is_at_work() -> None:
    """However few: what is missing here may be what the other one has."""
    verdict = verdict_of(some(1), standing=Standing(contested=True))

    assert (verdict.deletes, verdict.hold and verdict.hold.kind) == ((), "writer")


def test_hold_keeps_its_age() -> None:
    """The longer a hold waits, the more it should be noticed."""
    verdict = verdict_of(some(30), hold=hold(since=5.0))

    assert verdict.hold is not None
    assert verdict.hold.since == 5.0


def test_hold_ends_with_its_cause() -> None:
    """Pages that came back take the hold with them."""
    assert verdict_of([], hold=hold()) == Verdict()


def approved(count: int, *, at: float) -> object:
    return hold(approved=count, approved_until=at + APPROVAL_LIFE_S, approved_by="ann")


def test_approval_lets_the_named_set_go() -> None:
    """A person said yes to 30, and 30 go."""
    assert len(verdict_of(some(30, since=10.0), hold=approved(30, at=50.0)).deletes) == 30


def test_approval_covers_a_part_of_its_set() -> None:
    """Pages that came back meanwhile do not void it."""
    assert len(verdict_of(some(20, since=10.0), hold=approved(30, at=50.0)).deletes) == 20


def test_approval_is_a_ceiling() -> None:
    """What grew since is held anew, all of it."""
    assert verdict_of(some(70, since=10.0), hold=approved(30, at=50.0)).deletes == ()


def test_approval_does_not_cover_pages_that_went_missing_later() -> None:
    """A yes to one set is no yes to another of the same size."""
    missing = [*some(29, since=10.0), candidate("late.md", since=60.0)]

    assert verdict_of(missing, hold=approved(30, at=50.0)).deletes == ()


def test_approval_expires() -> None:
    """A day later the question is asked again."""
    late = 50.0 + APPROVAL_LIFE_S + 1

    assert verdict_of(some(30, since=10.0), hold=approved(30, at=50.0), now=late).deletes == ()


def test_approval_lets_only_confirmed_pages_go() -> None:
    """A yes does not replace the second listing."""
    missing = some(30, since=10.0)

    assert len(verdict_of(missing, gone=missing[:4], hold=approved(30, at=50.0)).deletes) == 4


def test_approved_empty_source_may_go() -> None:
    """A source that was really emptied needs a way through."""
    verdict = verdict_of(some(3, since=10.0), rows=3, listed=0, hold=approved(3, at=50.0))

    assert (len(verdict.deletes), verdict.suspicious) == (3, None)


def noted(*failed: bool) -> tuple[ErrorBudget, list[str | None]]:
    budget = ErrorBudget()
    return budget, [budget.note(failed=one) for one in failed]


def test_p13_failures_in_a_row_end_a_run() -> None:
    """The eleventh does, and a page that is fine begins the count anew."""
    assert noted(*[True] * 11)[1] == [None] * 10 + ["11 pages in a row failed"]
    assert set(noted(*[False] * 100, *[True] * 10, False, *[True] * 10)[1]) == {None}


def test_p13_a_quarter_of_twenty_ends_a_run() -> None:
    """Not before the twentieth, and not below a quarter."""
    assert noted(*[True, False, False] * 7)[1][:20] == [None] * 19 + ["7 of the 20 pages looked at failed"]
    assert set(noted(*[False] * 4, *[True, False, False, False, False] * 40)[1]) == {None}


def test_p13_no_more_pages_are_begun_than_could_all_fail() -> None:
    """Ten may be at any time, and twenty before one fails; what goes well makes more room."""
    assert noted()[0].room == 20
    assert noted(*[False] * 20, True)[0].room == 10
    assert noted(*[False] * 144)[0].room == 48
    assert noted(*[False] * 144, *[True] * 9)[0].room == 39
