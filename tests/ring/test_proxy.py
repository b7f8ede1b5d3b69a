"""The installed program against the sandbox, through a proxy that spoils one request after the other."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from syncd.sandbox import Sandbox, serving
from tests.conftest import TOKEN, Workplace
from tests.flow.test_crash import Shown, later, place, shown
from tests.ring.proxy import Proxy, Toxic, between

TOXICS: tuple[Toxic, ...] = get_args(Toxic)


class Start(NamedTuple):
    """Where each trip begins: the pages, which no run changes, the state, and what the sandbox holds.

    Attributes:
        requests: how many an undisturbed sync sends.
        expected: what Intercom holds after it.
    """

    docs: Path
    state: Path
    changes: list[Any]
    requests: int
    expected: list[tuple[int, str, Shown]]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Edits, a create, a rename and a deletion wait to be sent."""
    folder = tmp_path_factory.mktemp("start")
    with serving(Sandbox(tokens=[TOKEN])) as running:
        workplace = place(folder / "home", running)
        later(workplace)
        state = folder / "state"
        shutil.copy(workplace.state, state)
        changes = list(running.workspace.changes())
        before = len(running.requests)
        assert workplace.process("sync").code == 0
        return Start(workplace.docs, state, changes, len(running.requests) - before, shown(running))


@contextmanager
def trip(home: Path, start: Start) -> Iterator[tuple[Workplace, Proxy]]:
    """A place of its own at that start, and the proxy through which it talks."""
    with serving(Sandbox(tokens=[TOKEN])) as running, between(running.url) as proxy:
        running.workspace.replay(start.changes)
        workplace = place(home, running)
        workplace.intercom["base_url"] = proxy.url
        workplace.configure(root=str(start.docs))
        shutil.copy(start.state, workplace.state)
        yield workplace, proxy


def grown_old(workplace: Workplace) -> None:
    """Let the time be over in which a request without an answer may still take effect."""
    with closing(sqlite3.connect(workplace.state)) as state, state:
        state.execute("UPDATE records SET ambiguous_at = ambiguous_at - 3600")


def spoiled(home: Path, start: Start, toxic: Toxic, number: int) -> None:
    """Spoil that request of a sync; the next ones must make it good, whatever became of it."""
    where = f"{toxic} at request {number}"
    with trip(home, start) as (workplace, proxy):
        proxy.begin({number: toxic})
        child = workplace.start("sync")
        proxy.pid = child.pid
        out, err = child.communicate(timeout=60)
        assert child.returncode in ((-9,) if toxic.startswith("kill") else (0, 3)), (where, out, err)
        assert "Traceback" not in out + err, (where, err)
        assert len(proxy.met) >= number, where
        proxy.begin()

        assert workplace.sync()["result"] == "ok", where

        assert shown(workplace.running) == start.expected, where
        late = proxy.deliver()
        assert late == toxic.endswith("late"), where
        grown_old(workplace)
        assert workplace.sync()["result"] == "ok", where
        assert shown(workplace.running) == start.expected, where
        proxy.begin()
        assert workplace.sync()["result"] == "ok", where
        assert proxy.met == [], where


@pytest.mark.parametrize("toxic", TOXICS)
def test_p08_spoiled_request_is_made_good(tmp_path: Path, start: Start, toxic: Toxic) -> None:
    """One request for each way to fail, and no two of the first ones the same."""
    spoiled(tmp_path / "trip", start, toxic, 1 + TOXICS.index(toxic) % start.requests)


@pytest.mark.ring
@pytest.mark.parametrize("toxic", TOXICS)
def test_p08_every_request_may_be_spoiled(tmp_path: Path, start: Start, toxic: Toxic) -> None:
    """Each request in each way."""
    for number in range(1, start.requests + 1):
        spoiled(tmp_path / str(number), start, toxic, number)


def test_p08_text_that_lands_late_is_replaced(tmp_path: Path) -> None:
    """F33: a killed run's request lands over a newer text that was acknowledged; one sync mends it."""
    with serving(Sandbox(tokens=[TOKEN])) as running, between(running.url) as proxy:
        workplace = place(tmp_path / "home", running)
        workplace.intercom["base_url"] = proxy.url
        workplace.configure()
        workplace.write({"a.md": "# A\n\nFirst.\n", "b.md": "# B\n\nText.\n"})
        workplace.sync()
        workplace.write({"a.md": "# A\n\nSecond.\n"})
        proxy.begin({2: "kill-late"})  # the first one looks for the import source
        child = workplace.start("sync")
        proxy.pid = child.pid
        child.communicate(timeout=60)
        assert child.returncode == -9
        workplace.write({"a.md": "# A\n\nThird.\n"})
        proxy.begin()
        assert workplace.sync()["updated"] == 1
        assert "Third." in workplace.pages()["a.md"].html
        assert proxy.deliver() == 1
        assert "Second." in workplace.pages()["a.md"].html
        grown_old(workplace)

        told = workplace.sync()

        assert "Third." in workplace.pages()["a.md"].html
        assert any("not in Intercom as they were sent: sent again" in notice for notice in told["notices"])


def test_p08_page_that_lands_late_after_its_deletion_goes(tmp_path: Path) -> None:
    """F34: a killed run's request publishes a page whose file is long gone; one sync takes it away."""
    with serving(Sandbox(tokens=[TOKEN])) as running, between(running.url) as proxy:
        workplace = place(tmp_path / "home", running)
        workplace.intercom["base_url"] = proxy.url
        workplace.configure()
        workplace.write({"a.md": "# A\n\nText.\n", "b.md": "# B\n\nText.\n"})
        workplace.sync()
        workplace.write({"new.md": "# New\n\nText.\n"})
        proxy.begin({2: "kill-late"})  # the first one looks for the import source
        child = workplace.start("sync")
        proxy.pid = child.pid
        child.communicate(timeout=60)
        assert child.returncode == -9
        workplace.remove("new.md")
        proxy.begin()
        workplace.sync()
        assert proxy.deliver() == 1
        assert "new.md" in workplace.pages()
        grown_old(workplace)

        workplace.sync()

        assert sorted(workplace.pages()) == ["a.md", "b.md"]
