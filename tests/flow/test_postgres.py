"""Trips that must end on PostgreSQL as they do on SQLite: after a kill -9, and through a hold."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from syncd.sandbox import Sandbox, serving
from tests import postgres
from tests.conftest import TOKEN, URL, Workplace
from tests.flow.test_crash import BEFORE, Moment, foreign, killed_at, place, shown
from tests.flow.test_stop import some


@pytest.fixture
def shared(workplace: Workplace, postgres_url: str) -> Workplace:
    """A place whose state is in PostgreSQL, and whose deletions need no second run."""
    workplace.top = {"state": postgres_url}
    workplace.intercom["concurrency"] = 3
    workplace.configure(deletions={"confirm": 1, "min_absence": "0s"})
    return workplace


def edit(workplace: Workplace, turn: int) -> None:
    """Two edits, a create, a rename and a deletion, other ones each turn."""
    before, now = workplace.docs / f"turn-{turn - 1}.md", workplace.docs / f"turn-{turn}.md"
    workplace.write(
        {
            "page-01.md": f"# Page 1\n\nTurn {turn}.\n",
            "page-02.md": f"# Page 2 of turn {turn}\n\nText 2, see [it]({now.name}).\n",
            f"new-{turn}.md": "# New\n\nSee [one](page-01.md).\n",
        }
    )
    (before if before.exists() else workplace.docs / "old.md").rename(now)
    (workplace.docs / (f"new-{turn - 1}.md" if turn > 1 else "gone.md")).unlink()


def wait_for_the_lease(workplace: Workplace) -> None:
    """Let the lease of the process that was killed run out."""
    postgres.execute(workplace.top["state"], "UPDATE leases SET until = 1 WHERE until > 1")


def assert_as_if_synced_afresh(workplace: Workplace, home: Path) -> None:
    """Intercom shows what a first sync of the same folder would show, and others' pages as they were."""
    with serving(Sandbox(tokens=[TOKEN])) as running:
        foreign(running)
        afresh = place(home, running)
        afresh.configure(root=str(workplace.docs))
        assert afresh.sync()["result"] == "ok"
        assert shown(workplace.running) == shown(running)


@pytest.mark.parametrize(
    "kills",
    [
        [(5, "after")],
        pytest.param(None, marks=pytest.mark.ring),
    ],
    ids=["one", "all"],
)
def test_p07_killed_run_is_made_good_by_the_next(
    shared: Workplace, tmp_path: Path, kills: list[tuple[int, Moment]] | None
) -> None:
    """Whoever takes over the lease of a dead process sends what it did not, and nothing twice."""
    moments: tuple[Moment, ...] = ("before", "after")
    foreign(shared.running)
    shared.write(BEFORE)
    assert shared.sync()["result"] == "ok"
    turns = count(1)

    def survives(number: int, moment: Moment) -> bool:
        turn = next(turns)
        edit(shared, turn)
        killed = killed_at(number, moment, shared, "sync")
        wait_for_the_lease(shared)
        assert shared.sync()["result"] == "ok", (number, moment)
        assert shared.sync()["requests"] == 0, (number, moment)
        assert_as_if_synced_afresh(shared, tmp_path / f"afresh-{turn}")
        return not killed

    if kills is not None:
        assert not any(survives(number, moment) for number, moment in kills)
        return
    for moment in moments:
        assert next(number for number in count(1) if survives(number, moment)) > 5


def test_p03_mass_deletion_waits_for_a_person(shared: Workplace) -> None:
    """A wrong number is refused, the right one is carried out, once."""
    shared.write(some(40))
    shared.sync()
    shared.remove(*list(some(12)))
    shared.exchanges()
    assert shared.sync()["held"] == 12
    assert shared.run("status").code == 7

    refused = shared.run("approve", "handbook", "--deletes", "11")
    assert (refused.code, "approval no longer matches: 11 named, 12 held now" in refused.err) == (2, True)
    assert shared.sync()["held"] == 12
    assert shared.writes() == []

    assert shared.run("approve", "handbook", "--deletes", "12", "--by", "ada").code == 0
    report = shared.sync()
    assert (report["deleted"], report["result"]) == (12, "ok")
    assert sorted(shared.writes()) == [("DELETE", name) for name in some(12)]
    assert shared.run("approve", "handbook", "--deletes", "12").code == 2
    assert shared.run("status").code == 0


def test_taken_down_page_stays_out_until_it_is_restored(shared: Workplace) -> None:
    """A person's word is kept with the state, and carried out at once."""
    shared.write(some(3))
    shared.sync()
    name = next(iter(some(1)))
    assert shared.run("takedown", f"{URL}/{name.removesuffix('.md')}", "--why", "leaked").code == 0
    assert name not in shared.pages()
    shared.sync("--full")
    assert name not in shared.pages()
    assert shared.run("restore", name).code == 0
    shared.sync()
    assert name in shared.pages()
