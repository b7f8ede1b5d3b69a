"""What people do to their documents, at random, and what Fin should hold because of it."""

from __future__ import annotations

import random
import re
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.connectors.git.origins import QUIET

_SENTENCE = (
    "the bicycle is kept in a shed whose key hangs beside the door and who needs it signs the list before "
    "noon or asks the caretaker for another one that works as well when it rains in autumn"
)
_WORDS = _SENTENCE.split()
_TAG = re.compile(r"<[^>]+>")


class Origin(ABC):
    """Documents that are edited, added, renamed and removed.

    Attributes:
        texts: path → Markdown, as it stands now.
    """

    def __init__(self, root: Path, count: int, chance: random.Random) -> None:
        """Make the documents below an empty folder."""
        self.root = root
        self.texts: dict[str, str] = {}
        self._chance = chance
        self._made = 0
        self._least, self._most = count * 3 // 4, count * 5 // 4
        root.mkdir(parents=True)
        for _ in range(count):
            self._add()

    def edit(self) -> None:
        """Do one thing to one document."""
        acts = [self._change] * 12 + [self._rename, self._retouch]
        acts += [self._add, self._add] if len(self.texts) < self._most else []
        acts += [self._remove] if len(self.texts) > self._least else []
        self._chance.choice(acts)()
        self.keep()

    @abstractmethod
    def keep(self) -> None:
        """Let the edits so far be seen by others."""

    def differences(self, held: Mapping[str, tuple[str, str]]) -> list[str]:
        """What of {external_id: (title, html)} is not as these documents say."""
        wrong = [f"{name} is missing" for name in self.texts.keys() - held.keys()]
        wrong += [f"{name} is gone, and still published" for name in held.keys() - self.texts.keys()]
        for name in self.texts.keys() & held.keys():
            title, html = held[name]
            if _words(self.texts[name]) != _words(f"{title} {html}"):
                wrong.append(f"{name} has an old text")
        return sorted(wrong)

    def _add(self) -> None:
        self._made += 1
        folder = self._chance.choice(("", "guides/", "guides/deep/", "änderungen/"))
        self._write(f"{folder}page-{self._made:05}.md", self._text())

    def _change(self) -> None:
        self._write(self._any(), self._text())

    def _retouch(self) -> None:
        name = self._any()
        self._write(name, self.texts[name])

    def _rename(self) -> None:
        name = self._any()
        text = self.texts[name]
        self._remove(name)
        self._made += 1
        self._write(f"renamed-{self._made:05}.md", text)

    def _remove(self, name: str | None = None) -> None:
        name = name or self._any()
        del self.texts[name]
        (self.root / name).unlink()

    def _any(self) -> str:
        return self._chance.choice(list(self.texts))

    def _write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.texts[name] = text

    def _text(self) -> str:
        self._made += 1
        paragraphs = (
            " ".join(self._chance.choices(_WORDS, k=self._chance.randint(5, 60)))
            for _ in range(self._chance.randint(1, 12))
        )
        return f"# Version {self._made}\n\n" + "\n\n".join(paragraphs) + "\n"


class Folder(Origin):
    """Documents that are seen as soon as they are written."""

    def keep(self) -> None:
        """Nothing is left to do."""


class Repository(Origin):
    """Documents that are seen once they are committed."""

    def __init__(self, root: Path, count: int, chance: random.Random) -> None:
        super().__init__(root, count, chance)
        self._git(("init", "--quiet", "--initial-branch=main"))
        self.keep()

    def keep(self) -> None:
        """Commit."""
        who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        self._git(("add", "--all"))
        self._git((*who, "commit", "--quiet", "--allow-empty", "--message=x"))

    def _git(self, arguments: Iterable[str]) -> None:
        subprocess.run(["git", *arguments], cwd=self.root, env=QUIET, check=True)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", _TAG.sub(" ", text))
