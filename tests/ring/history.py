"""A real repository walked through commit by commit, while all around syncd fails, and it is killed."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from syncd.sandbox import Running, Sandbox, serving
from tests.conftest import TOKEN, Done, Workplace
from tests.connectors.git.origins import Origin

WINDOW_S = 2
KINDS = (
    "503",
    "503-after",
    "500-after",
    "502",
    "429:reset=1",
    "drop",
    "drop-after",
    "truncate",
    "garbage",
    "garbage-after",
    "redirect",
    "401",
    "slow=100ms-900ms",
)
ANSWERS = frozenset({0, 3, 5, 6, 7})
"""How a run may end while Intercom fails; anything else is a mistake of ours."""


class Shown(NamedTuple):
    """What a reader gets of a page, and Fin."""

    title: str
    html: str
    url: str | None
    flags: tuple[bool, bool]


@dataclass
class Walk:
    """What was met on the way.

    Attributes:
        codes: how the runs ended; -9 for those that were killed.
        struck: how many requests met a fault, by kind of answer.
        strange: runs that ended in a way that the documentation does not know, with what they said.
    """

    codes: Counter[int] = field(default_factory=Counter)
    requests: int = 0
    strange: list[Done] = field(default_factory=list)
    pages: dict[str, Shown] = field(default_factory=dict)
    expected: dict[str, Shown] = field(default_factory=dict)
    doubles: list[str] = field(default_factory=list)
    repaired: list[tuple[str, str]] = field(default_factory=list)
    last: Done | None = None


def commits(repository: Path, tip: str, count: int, *, step: int = 1) -> list[str]:
    """The last commits of a branch, each step-th of them, oldest first."""
    listed = _git(repository, "rev-list", "--first-parent", f"--max-count={count * step}", tip)
    return listed.decode().split()[::step][::-1]


def files(repository: Path, commit: str, root: str) -> dict[str, bytes]:
    """The pages below the root of a commit, and what they need besides: text, that is."""
    listed = _git(repository, "ls-tree", "-r", "-z", commit, *([root] if root else []))
    rows = [row.partition("\t") for row in listed.decode("utf-8", "surrogateescape").split("\0") if row]
    wanted = [
        (name, row.split()[2])
        for row, _, name in rows
        if row.split()[1] == "blob" and Path(name).suffix in (".md", ".mdx", ".rs", ".yml", ".yaml")
    ]
    given = "".join(f"{blob}\n" for _, blob in wanted).encode()
    contents = subprocess.run(
        ["git", "-C", str(repository), "cat-file", "--batch"], input=given, check=True, capture_output=True
    ).stdout
    found, at = {}, 0
    for name, _ in wanted:
        end = contents.index(b"\n", at)
        if contents[at:end].endswith(b"missing"):
            at = end + 1
            continue
        size = int(contents[at:end].split()[2])
        found[name] = contents[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found


def _git(repository: Path, *arguments: str) -> bytes:
    run = ["git", "-C", str(repository), *arguments]
    return subprocess.run(run, check=True, capture_output=True).stdout


def place(home: Path, running: Running, origin: Path, root: str) -> Workplace:
    """A workplace whose source is the repository."""
    home.mkdir()
    workplace = Workplace(home, running)
    workplace.intercom |= {"ambiguity_window": f"{WINDOW_S}s", "concurrency": 4}
    del workplace.settings["root"]
    workplace.configure(
        connector="git",
        url=f"file://{origin}",
        branch="main",
        allow_local=True,
        **({"root": root} if root else {}),
    )
    return workplace


def shown(running: Running) -> list[tuple[str, Shown]]:
    """All pages, doubles included."""
    return [
        (
            page.external_id,
            Shown(
                page.title, page.html, page.url, (page.ai_agent_availability, page.ai_copilot_availability)
            ),
        )
        for page in running.workspace.pages
    ]


def approve(workplace: Workplace, done: Done) -> None:
    """Say yes to all that waits, as a person would who looked at it."""
    for source in workplace.run("status", "--json").document["sources"]:
        for hold in source["holds"]:
            workplace.run("approve", "handbook", f"--{hold['question']}", str(hold["count"]))


def walk(home: Path, repository: Path, steps: Sequence[str], *, root: str = "", seed: int = 0) -> Walk:
    """Sync each commit under faults and kills, let peace return, and compare with a fresh sync.

    Nothing but ordinary `sync` runs and approvals bring it there: no `--full`, no `verify`.
    """
    chance, met = random.Random(seed), Walk()
    origin = Origin(home / "origin.git")
    with serving(Sandbox(tokens=[TOKEN])) as running:
        workplace, done = place(home / "walked", running, origin.folder, root), None
        for commit in steps:
            origin.commit(
                {
                    name.encode("utf-8", "surrogateescape"): text
                    for name, text in files(repository, commit, root).items()
                }
            )
            for _ in range(chance.randint(1, 3)):
                running.faults.put(
                    [
                        f"{kind}:WRITE:p={chance.uniform(0.02, 0.1):.3f}"
                        for kind in chance.sample(KINDS, chance.randint(1, 6))
                    ]
                    + ([f"{chance.choice(KINDS)}:GET:p=0.1"] if chance.random() < 0.5 else [])
                )
                done = _run(workplace, chance, kill=done is None or done.code != -9)
                met.codes[done.code] += 1
                if done.code not in ANSWERS | {-9} or "Traceback" in done.err + done.out:
                    met.strange.append(done)
                if done.code == 7:
                    approve(workplace, done)
        running.faults.clear()
        for _ in range(6):
            time.sleep(WINDOW_S)
            met.last = workplace.process("sync")
            if met.last.code == 7:
                approve(workplace, met.last)
        met.requests = len(running.requests)
        pages = shown(running)
        met.pages = dict(pages)
        met.doubles = [name for name, count in Counter(name for name, _ in pages).items() if count > 1]
        workplace.exchanges()
        workplace.process("sync", "--full")
        met.repaired = workplace.writes()
    with serving(Sandbox(tokens=[TOKEN])) as running:
        assert place(home / "anew", running, origin.folder, root).process("sync").code in (0, 3)
        met.expected = dict(shown(running))
    return met


def _run(workplace: Workplace, chance: random.Random, *, kill: bool) -> Done:
    # A page at which two runs in a row are killed is parked, and that is what should happen.
    child = workplace.start("sync")
    if kill and chance.random() < 0.6:
        # Start-up takes most of a second; the rest is the run's.
        try:
            child.wait(chance.uniform(0.5, 8.0))
        except subprocess.TimeoutExpired:
            child.kill()
    out, err = child.communicate(timeout=600)
    return Done(child.returncode, out, err)
