"""A person lets held deletions go."""

from __future__ import annotations

from tests.conftest import Workplace


def held(workplace: Workplace) -> None:
    names = [f"page-{number:02}.md" for number in range(30)]
    workplace.write({name: f"# {name}\n\nText.\n" for name in names})
    workplace.sync()
    workplace.remove(*names[:20])
    assert workplace.sync()["held"] == 20


def test_approval_says_what_is_next(workplace: Workplace) -> None:
    """The command that carries it out stands there to be copied."""
    held(workplace)

    done = workplace.run("approve", "handbook", "--deletes", "20")

    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "approved: up to 20 of the 20 held pages of handbook may go.\nnext: syncd sync handbook\n"
    )


def test_approval_of_fewer_than_are_held_is_refused(workplace: Workplace) -> None:
    """None would go, so nobody should believe that some will."""
    held(workplace)

    done = workplace.run("approve", "handbook", "--deletes", "10")

    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error: approval no longer matches: 10 named, 20 held now; nothing was approved.\n"
        "'syncd plan handbook' names them. All of them may go, or none: --deletes 20\n"
    )
    assert workplace.sync()["held"] == 20


def test_approval_of_nothing_is_refused(workplace: Workplace) -> None:
    """An approval for later would be a blank cheque."""
    done = workplace.run("approve", "handbook", "--deletes", "10")

    assert done.code == 2
    assert done.err.startswith("error: no deletes of source 'handbook' wait for an approval")


def test_approval_that_has_to_wait_says_so(workplace: Workplace) -> None:
    """Whoever approved is not asked to approve once more."""
    workplace.configure(deletions={"confirm": 2, "min_absence": "15m"})
    held(workplace)
    workplace.run("approve", "handbook", "--deletes", "20")

    done = workplace.run("sync")

    assert done.code == 7
    assert ": they go once their absence has lasted long enough\n" in done.out
    assert "to let them go" not in done.out
