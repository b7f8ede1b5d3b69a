"""What a piece of work touches, counted by the interpreter and the database layer themselves."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, event


@dataclass
class Touched:
    """Counts while a context lasts.

    Attributes:
        opened: times that a file of one of the given names was opened, in whatever way.
        commits: transactions that wrote.
        git: commands of Git that were started.
    """

    opened: int = 0
    commits: int = 0
    git: int = 0


class _Eye:
    """Sees every opening in this process; the interpreter never lets go of an audit hook."""

    def __init__(self) -> None:
        self.watches = False
        self.names: frozenset[str] = frozenset()
        self.touched = Touched()
        sys.addaudithook(self._hear)

    def _hear(self, name: str, arguments: tuple[object, ...]) -> None:
        if not self.watches:
            return
        if name == "subprocess.Popen":
            self.touched.git += os.path.basename(os.fsdecode(arguments[0])) == "git"  # type: ignore[arg-type]
        if name != "open":
            return
        # Files are opened relative to their folder's descriptor, so only the name is to be seen here.
        path = arguments[0]
        if isinstance(path, str | bytes | os.PathLike) and os.path.basename(os.fsdecode(path)) in self.names:
            self.touched.opened += 1


_eyes: list[_Eye] = []


@contextmanager
def watching(names: Collection[str]) -> Iterator[Touched]:
    """Count while the context lasts; `names` are the base names of the files that matter."""
    if not _eyes:
        _eyes.append(_Eye())
    (eye,) = _eyes
    touched = eye.touched = Touched()

    def committed(_: object) -> None:
        touched.commits += 1

    event.listen(Engine, "commit", committed)
    eye.names, eye.watches = frozenset(names), True
    try:
        yield touched
    finally:
        eye.watches = False
        event.remove(Engine, "commit", committed)
