"""Folders of Markdown to measure on: made from a seed, or given."""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

FOLDERS = 200
SMALL_BYTES = 2_000
REAL_BYTES = 10_000

_WORDS = str.split(
    "access account agent allow answer archive before billing change channel check choose click code "
    "configure connect content create customer default delete deploy document edit enable error event "
    "export field file filter find folder follow guide import index install inspect invite keep label "
    "language limit link list manage member merge message module network open option order page path "
    "permission plan policy press project publish query read remove report request reset restart result "
    "review role rule save schedule search secret section select send server service setting share show "
    "sign source start state status step stop store sync table team template test token tool update "
    "upgrade user value verify version view wait webhook window workspace write"
)

# What could be a file's name in a link, or a page's in a path, without its extension.
_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*?(?=\.\w+\b|[^\w.-])")

# A file that is changed within a tick of its file system's clock is read once more by the next run.
_TICK_S = 0.05


def make(root: Path, pages: int, *, size_bytes: int = SMALL_BYTES, seed: int = 1) -> None:
    """Write so many pages of about that size below `root`, in up to 200 folders, always the same.

    Each has headings, paragraphs, a list, a table, a piece of code and a link. Links lead only to pages of
    the first half, so the others can be removed without changing what any page says.
    """
    chance = random.Random(seed)
    folders = min(FOLDERS, max(1, pages // 5))
    for number in range(folders):
        (root / f"section-{number:03}").mkdir(parents=True)
    for number in range(pages):
        target = number // 2
        link = f"../section-{target % folders:03}/page-{target:06}.md"
        path = root / f"section-{number % folders:03}" / f"page-{number:06}.md"
        path.write_text(_page(chance, f"Page {number}", link, size_bytes), encoding="utf-8")
    time.sleep(_TICK_S)


def copy(given: Path, root: Path) -> None:
    """Copy a folder that was given, so that the original is never changed."""
    shutil.copytree(given, root, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    time.sleep(_TICK_S)


class Edits:
    """Changes a corpus step by step: in each one pages are edited, added and removed."""

    def __init__(self, root: Path, *, seed: int = 2) -> None:
        self._chance = random.Random(seed)
        self._root = root
        self._steps = 0
        self._files = sorted(path for path in root.rglob("*.md") if path.is_file())
        self._spare = self._unlinked()

    @property
    def spare(self) -> int:
        """How many pages can be removed without changing what another one says."""
        return len(self._spare)

    def step(self, *, edited: int, added: int, removed: int) -> None:
        """Change that many pages, none of which another page links to."""
        self._steps += 1
        gone = [self._spare.pop() for _ in range(removed)]
        for path in gone:
            path.unlink()
        self._files = [path for path in self._files if path not in set(gone)]
        for path in self._chance.sample(self._files, edited):
            with path.open("a", encoding="utf-8") as file:
                file.write(f"\nStep {self._steps} added this sentence.\n")
        for number in range(added):
            path = self._root / f"added-{self._steps:02}-{number:04}.md"
            path.write_text(
                _page(self._chance, f"Added {self._steps}.{number}", None, SMALL_BYTES), encoding="utf-8"
            )
        time.sleep(_TICK_S)

    def _unlinked(self) -> list[Path]:
        """Pages whose names no other page mentions, in no order."""
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in self._files]
        mentioned = {name for text in texts for name in _NAME.findall(text)}
        spare = [
            path
            for path in self._files
            if path.stem not in mentioned and path.stem.lower() not in ("index", "_index", "readme")
        ]
        self._chance.shuffle(spare)
        return spare


def _page(chance: random.Random, title: str, link: str | None, size_bytes: int) -> str:
    parts = [f"# {title}\n"]
    length = len(parts[0])
    shapes = (_paragraph, _paragraph, _list, _paragraph, _table, _code, _paragraph)
    turn = 0
    while length < size_bytes - 150:
        part = shapes[turn % len(shapes)](chance)
        if turn % len(shapes) == 0:
            part = f"## {sentence(chance, 3)}\n\n{part}"
        parts.append(part)
        length += len(part) + 1
        turn += 1
    if link is not None:
        parts.append(f"See [the page above]({link}#top) and [the web](https://www.example.com/{turn}).\n")
    return "\n".join(parts)


def sentence(chance: random.Random, words: int) -> str:
    """So many words of documentation, in no sense."""
    return " ".join(chance.choices(_WORDS, k=words)).capitalize()


def _paragraph(chance: random.Random) -> str:
    sentences = (sentence(chance, chance.randint(8, 16)) for _ in range(3))
    return f"{'. '.join(sentences)}. Use **{chance.choice(_WORDS)}** or `{chance.choice(_WORDS)}`.\n"


def _list(chance: random.Random) -> str:
    return "".join(f"- {sentence(chance, 6)}\n" for _ in range(4))


def _table(chance: random.Random) -> str:
    rows = (f"| {_row(chance.choices(_WORDS, k=3))} |\n" for _ in range(4))
    return f"| Name | Value | Default |\n|---|---|---|\n{''.join(rows)}"


def _row(cells: Sequence[str]) -> str:
    return " | ".join(cells)


def _code(chance: random.Random) -> str:
    lines = "".join(sentence(chance, 4).lower() + "\n" for _ in range(3))
    return f"```sh\n{lines}```\n"
