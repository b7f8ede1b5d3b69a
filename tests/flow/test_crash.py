"""kill -9 at every request, before and after the server applied it; one more run makes it good."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from syncd.sandbox import Request, Running, Sandbox, Writing, serving
from tests.conftest import TOKEN, URL, Workplace

Moment = Literal["before", "after"]

BEFORE = {f"page-{number:02}.md": f"# Page {number}\n\nText {number}.\n" for number in range(9)} | {
    "index.md": "# Start\n\nSee [old](old.md), [new](new.md) and [one](page-01.md).\n",
    "old.md": "# A page to be renamed\n\nIts text.\n",
    "gone.md": "# Gone\n\nSee [one](page-01.md).\n",
}
CHANGED = {
    "page-01.md": "# Page 1\n\nEdited.\n",
    "page-02.md": "# Page 2, with a new title\n\nText 2.\n",
    "new.md": "# New\n\nSee [one](page-01.md).\n",
}


class Shown(NamedTuple):
    """What a reader gets of a page."""

    title: str
    html: str
    url: str | None
    flags: tuple[bool, bool]


class Start(NamedTuple):
    """Where each run begins: the pages, which no run changes, the state, and what the sandbox holds.

    Attributes:
        command: the one that is killed.
    """

    docs: Path
    state: Path
    changes: list[Any]
    settings: dict[str, Any]
    command: tuple[str, ...]


def shown(running: Running) -> list[tuple[int, str, Shown]]:
    """All pages of the workspace, duplicates included."""
    return sorted(
        (
            page.source_id,
            page.external_id,
            Shown(
                page.title, page.html, page.url, (page.ai_agent_availability, page.ai_copilot_availability)
            ),
        )
        for page in running.workspace.pages
    )


def foreign(running: Running) -> None:
    """Put pages of others into the workspace and into our own import source."""
    workspace = running.workspace
    other = workspace.add_source(url="https://other.example.com", sync_behavior="api", now=1.0)
    for name in ("page-01.md", "gone.md"):
        workspace.upsert(
            Writing(
                source_id=other.id,
                external_id=name,
                title="Foreign",
                html="<p>Not ours.</p>",
                locale="en",
                url=None,
                flags={},
            ),
            now=1.0,
        )


def place(home: Path, running: Running) -> Workplace:
    """A workplace whose deletions need no second run."""
    home.mkdir()
    workplace = Workplace(home, running)
    workplace.intercom["concurrency"] = 3
    workplace.configure(root=str(workplace.docs), deletions={"confirm": 1, "min_absence": "0s"})
    return workplace


def change(workplace: Workplace) -> None:
    workplace.write(CHANGED)
    (workplace.docs / "old.md").rename(workplace.docs / "renamed.md")
    workplace.remove("gone.md")


def first(workplace: Workplace) -> None:
    """Nothing was published yet: the import source itself has to be made."""
    foreign(workplace.running)
    workplace.write(CHANGED)


def later(workplace: Workplace) -> None:
    """Edits, a create, a rename and a deletion."""
    foreign(workplace.running)
    workplace.write(BEFORE)
    assert workplace.process("sync").code == 0
    change(workplace)


def long(*names: str) -> str:
    words = {name: f"{name.partition(' ')[0]} " * 120 for name in names}
    return "# Guide\n\nWelcome.\n\n" + "".join(
        f"## {name.rpartition(' ')[2]}\n\n{text}\n\n" for name, text in words.items()
    )


def parts(workplace: Workplace) -> None:
    """Sections of a long page are edited, added, renamed and deleted; another one grows, and one shrinks."""
    workplace.configure(rendering={"split_above": "1kB"})
    text = {"grows.md": "# G\n\nShort.\n", "shrinks.md": long("1 One", "1 Two", "1 Three")}
    workplace.write({"page-01.md": long("1 One", "1 Two", "1 Three", "1 Four"), **text})
    assert workplace.process("sync").code == 0
    text = {"grows.md": long("1 One", "1 Two"), "shrinks.md": "# S\n\nShort.\n"}
    workplace.write({**CHANGED, "page-01.md": long("2 One", "2 Two", "1 Five", "2 Four"), **text})


def adopting(workplace: Workplace) -> None:
    """The state is lost, and some pages were edited, renamed or deleted meanwhile."""
    later(workplace)
    workplace.state.unlink()


def repairing(workplace: Workplace) -> None:
    """People edited pages in Intercom, and deleted some."""
    foreign(workplace.running)
    workplace.write(BEFORE)
    assert workplace.process("sync").code == 0
    (source,) = (one for one in workplace.running.workspace.sources if one.url == URL)
    for name in ("page-01.md", "page-02.md", "page-03.md"):
        workplace.running.workspace.upsert(
            Writing(
                source_id=source.id,
                external_id=name,
                title="Edited",
                html="<p>By hand.</p>",
                locale="en",
                url=None,
                flags={},
            ),
            now=2.0,
        )
    for name in ("page-04.md", "page-05.md"):
        workplace.running.workspace.delete_page(workplace.pages()[name].id)


SYNC, REPAIR = ("sync",), ("verify", "--repair")


@pytest.mark.parametrize(
    ("prepare", "command", "step"),
    [
        (first, SYNC, 4),
        (later, SYNC, 4),
        (parts, SYNC, 6),
        (adopting, SYNC, 10),
        (repairing, REPAIR, 10),
        pytest.param(first, SYNC, 1, marks=pytest.mark.ring),
        pytest.param(later, SYNC, 1, marks=pytest.mark.ring),
        pytest.param(parts, SYNC, 1, marks=pytest.mark.ring),
        pytest.param(adopting, SYNC, 1, marks=pytest.mark.ring),
        pytest.param(repairing, REPAIR, 1, marks=pytest.mark.ring),
    ],
)
def test_p07_killed_run_is_made_good_by_the_next(
    tmp_path: Path, prepare: Callable[[Workplace], None], command: tuple[str, ...], step: int
) -> None:
    """No page is lost, doubled or left over, and nobody else's is touched, wherever the process died."""
    with serving(Sandbox(tokens=[TOKEN])) as running:
        whole = place(tmp_path / "whole", running)
        prepare(whole)
        settings = {name: whole.settings[name] for name in ("rendering",) if name in whole.settings}
        start = Start(whole.docs, tmp_path / "state", list(running.workspace.changes()), settings, command)
        if whole.state.exists():
            shutil.copy(whole.state, start.state)
        before = len(running.requests)
        assert whole.process(*command).code == 0
        requests = len(running.requests) - before
        expected = shown(running)
    assert {name for _, name, page in expected if page.title != "Foreign"} >= {"page-01.md", "page-02.md"}
    numbers = [*range(1, requests + 1, step), requests + 1]

    moments: tuple[Moment, ...] = ("before", "after")
    for moment in moments:
        with ThreadPoolExecutor(2) as pool:
            attempts = pool.map(
                lambda number, at=moment: _killed(tmp_path / f"{at}-{number}", start, number, at, expected),
                numbers,
            )
            # The last one is beyond the end of the run.
            assert list(attempts) == [True] * (len(numbers) - 1) + [False]


def killed_at(number: int, moment: Moment, workplace: Workplace, *command: str) -> bool:
    """Run a command that is killed at its request of that number; whether it got so far."""
    seen = count(1)
    child = None
    killed = False

    def hook(_: int, when: Moment, request: Request) -> None:
        nonlocal killed
        if when != moment or killed or next(seen) != number:
            return
        assert child is not None
        os.kill(child.pid, signal.SIGKILL)
        killed = True
        raise ConnectionError

    unhook = workplace.running.sandbox.on_request(hook)
    child = workplace.start(*command)
    child.communicate(timeout=60)
    unhook()
    assert child.returncode == (-signal.SIGKILL if killed else 0)
    return killed


def _killed(
    home: Path,
    start: Start,
    number: int,
    moment: Moment,
    expected: list[tuple[int, str, Shown]],
) -> bool:
    """Kill a run at its request of that number; return whether it got so far."""
    with serving(Sandbox(tokens=[TOKEN])) as running:
        running.workspace.replay(start.changes)
        workplace = place(home, running)
        workplace.configure(root=str(start.docs), **start.settings)
        if start.state.exists():
            shutil.copy(start.state, workplace.state)
        killed = killed_at(number, moment, workplace, *start.command)

        again = workplace.process(*start.command)

        where = f"killed {moment} request {number}: {again}"
        assert again.code == 0, where
        assert shown(running) == expected, where
        if number % 4 == 1:
            settled = len(running.requests)
            assert workplace.process("sync").code == 0
            assert len(running.requests) == settled, where
    shutil.rmtree(home)
    return killed
