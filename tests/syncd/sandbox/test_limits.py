"""Rate windows under any sequence of times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.sandbox.limits import Limits
from syncd.sandbox.switches import Switches

_STEPS = st.lists(st.floats(min_value=0, max_value=12, allow_nan=False), min_size=1, max_size=60)


@given(steps=_STEPS, limit=st.integers(1, 5), aligned=st.booleans())
def test_no_window_lets_more_through_than_its_limit(steps: list[float], limit: int, aligned: bool) -> None:
    """Between two resets at most `limit` requests pass, and waiting until the reset always helps."""
    limits = Limits(
        Switches(
            rate_limit=limit,
            workspace_rate_limit=0,
            rate_windows="clock" if aligned else "first-request",
        )
    )
    now, passed, reset_at = 1_700_000_000.0, 0, 0
    for step in steps:
        now += step
        allowance = limits.admit("t", now)
        if allowance.reset_at != reset_at:
            passed, reset_at = 0, allowance.reset_at
        passed += not allowance.exceeded
        assert passed <= limit
        assert now < allowance.reset_at <= now + 11
        assert allowance.remaining == limit - passed
        if allowance.exceeded:
            now = float(allowance.reset_at)
            after = limits.admit("t", now)
            assert not after.exceeded
            passed, reset_at = 1, after.reset_at


def test_a_clock_that_goes_back_does_not_close_the_window_for_ever() -> None:
    """After the clock was set back an hour, a new window begins."""
    limits = Limits(Switches(rate_limit=1))
    limits.admit("t", 10_000.0)
    assert limits.admit("t", 10_001.0).exceeded

    assert not limits.admit("t", 6_400.0).exceeded
