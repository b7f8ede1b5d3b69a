"""What a run came to: the result, the counts, and the exit code that follows."""

from __future__ import annotations

import pytest

from syncd.attempt import Attempt
from syncd.change import Tally
from syncd.cli import exit_codes
from syncd.decision import Order, Orders
from syncd.errors import (
    ConfigError,
    CredentialsRefused,
    PageRejected,
    SourceBusy,
    SourceMisconfigured,
    SourceUnavailable,
    StateStoreError,
    TargetUnavailable,
)
from syncd.journal import Standing
from syncd.model import Action, Result
from syncd.outcome import Outcome, sum_up
from tests.builders import hold


def outcome_of(**values: object) -> Outcome:
    """The outcome of an attempt that never came to look at its origin."""
    attempt = Attempt(
        name="s",
        began_s=10.0,
        standing=Standing(listed=3, unchanged=2, skipped=1, notices="left out 1 item(s): too large"),
        hold=None,
    )
    for name, value in values.items():
        setattr(attempt, name, value)
    return sum_up(attempt, requests=7, now_s=12.5)


def test_settled_run_counts_what_the_last_listing_named() -> None:
    """Nothing was listed, and nothing is missing from the report: what is left out is told again."""
    outcome = outcome_of(settled=True)
    report = outcome.report

    assert (report.listed, report.unchanged, report.skipped, report.result) == (3, 2, 1, Result.OK)
    assert outcome.notices == ("left out 1 item(s): too large",)
    assert (report.requests, report.seconds) == (7, 2.5)


def test_stopped_run_is_no_success() -> None:
    """Whoever reads the report has to know that there is more to do."""
    report = outcome_of(stopped=True).report

    assert report.result is Result.FAILED
    assert report.error == "stopped before the end; the next run goes on from here"


def test_run_that_did_not_look_at_its_origin_does_not_complain_of_it() -> None:
    """As of a source that is on hold: nobody should search for pages that nobody lost."""
    order = Order(since=1.0, by="ada", why="audit")
    outcome = outcome_of(orders=Orders(frozen=order))

    assert outcome.notices == ("on hold by ada: audit. Nothing is sent; to let it go on: syncd release s",)


def test_notice_is_one_line() -> None:
    """An error has up to three."""
    [notice] = outcome_of(unasked="no token.\nSet one.").notices

    assert notice.endswith("so all are told as new: no token. Set one.")


def test_error_without_words_is_named() -> None:
    """An empty message would look like no error."""
    assert outcome_of(error=KeyError()).report.error == "KeyError"


def test_one_failed_page_makes_the_run_partial() -> None:
    """Success is never reported with failures."""
    tally = Tally()
    tally.sent(Action.CREATE)
    tally.failure("a.md", PageRejected("422"))

    outcome = outcome_of(tally=tally)

    assert (outcome.report.result, outcome.report.created, outcome.report.failed) == (Result.PARTIAL, 1, 1)
    assert outcome.failures == (("a.md", "422"),)
    assert exit_codes.of_outcome(outcome) == exit_codes.PARTIAL


def test_hold_outweighs_failed_pages() -> None:
    """A person has to decide; the failures are told as well."""
    tally = Tally()
    tally.failure("a.md", PageRejected("422"))

    outcome = outcome_of(tally=tally, hold=hold(count=30))

    assert (outcome.report.result, outcome.report.held) == (Result.HELD, 30)
    assert exit_codes.of_outcome(outcome) == exit_codes.HELD


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError(""), 2),
        (SourceMisconfigured(""), 2),
        (SourceBusy(""), 4),
        (CredentialsRefused(""), 5),
        (SourceUnavailable(""), 6),
        (TargetUnavailable(""), 6),
        (StateStoreError(""), 8),
        (PageRejected(""), 3),
        (ZeroDivisionError(), 1),
    ],
)
def test_exit_code_of_each_error(error: Exception, code: int) -> None:
    """The class of an error is the decision, and the code follows."""
    assert exit_codes.of_error(error) == code


@pytest.mark.parametrize(
    ("codes", "worst"),
    [
        ([], 0),
        ([0, 0], 0),
        ([3, 7], 7),
        ([7, 6, 3], 6),
        ([6, 5], 5),
        ([5, 8, 7], 8),
        ([0, 3], 3),
        ([3, 2], 2),
    ],
)
def test_gravest_code_stands_for_all(codes: list[int], worst: int) -> None:
    """The first of 8, 5, 6, 7, 3."""
    assert exit_codes.worst(codes) == worst
