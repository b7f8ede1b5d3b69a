"""A progress bar on a terminal; elsewhere nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncd.survey import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID


@contextmanager
def shown(*, silent: bool) -> Iterator[Progress]:
    """Show how runs go on, on stderr, if it is a terminal that can."""
    if silent or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or os.environ.get("CI"):
        yield Progress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    with RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bars:
        yield _Bars(bars)


class _Bars(Progress):
    """One bar for each source that has something to do."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def planned(self, source: str, pages: int) -> None:
        if pages:
            self._tasks[source] = self._bars.add_task(source, total=pages)

    def done(self, source: str, external_id: str) -> None:
        if source in self._tasks:
            self._bars.advance(self._tasks[source])
