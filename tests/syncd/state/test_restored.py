"""A state file that is not the one that was used last."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.journal import Standing
from syncd.model import Report
from syncd.state.locks import LastRun
from syncd.state.restored import distrust_if_older
from syncd.state.store import SqlStateStore


@pytest.mark.parametrize(
    ("last_run", "trusted"),
    [
        (LastRun(1, 10.0), True),
        (LastRun(2, 20.0), True),
        (LastRun(3, 30.0), False),
        # The file that was used last had been begun anew: its numbers were given to other runs.
        (LastRun(1, 15.0), False),
    ],
)
def test_state_that_does_not_know_the_last_run_is_compared(
    tmp_path: Path, last_run: LastRun, trusted: bool
) -> None:
    """Nothing that it says of Intercom counts, until all pages were looked at."""
    with SqlStateStore(f"sqlite:///{tmp_path / 'syncd.db'}") as store:
        for started in (10.0, 20.0):
            run = store.start("s", trigger="test", at=started)
            store.finish(
                "s",
                run,
                report=Report(name="s"),
                standing=Standing(verified_at=5.0),
                holds=(),
                found=(),
                revision=None,
                at=started,
            )

        distrust_if_older(store, last_run, (), at=started)

        assert (store.before("s").standing.verified_at is not None) is trusted
