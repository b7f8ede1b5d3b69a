"""`syncd check`: what stands in the way of a first sync, and what does not."""

from __future__ import annotations

from tests.conftest import Workplace


def test_all_is_well_before_the_first_sync(workplace: Workplace) -> None:
    """It comes before the first sync, so a state that nobody made yet is no mistake, and none is made."""
    workplace.write({"a.md": "# A\n\nText.\n"})

    done = workplace.process("check")

    assert (done.code, done.err) == (0, "")
    assert f"✓ state: sqlite:///{workplace.state}, still empty\n" in done.out
    assert not workplace.state.exists()


def test_state_of_another_kind_is_found(workplace: Workplace) -> None:
    """What a sync would stop at is told before it."""
    workplace.write({"a.md": "# A\n\nText.\n"})
    workplace.state.write_text("something else " * 100)

    done = workplace.process("check")

    assert done.code == 8
    assert "✗ state: state file" in done.out
