"""How much memory and time each page costs that exists and did not change."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from syncd.journal import Sent, Standing
from syncd.model import Action, Item, Report
from tests.bench import process
from tests.bench.figure import Figure, timed
from tests.bench.place import Place
from tests.bench.quiet import bare

_BATCH = 1000
_NOWHERE = "http://127.0.0.1:9"


def many(home: Path, sizes: Sequence[int], *, rounds: int) -> list[Figure]:
    """A run without a change over few and over many pages, each in a process of its own.

    The records are written as a first run would leave them, without rendering and sending anything.
    """
    row = "memory"
    figures: list[Figure] = []
    peaks: list[int] = []
    for size in sizes:
        peak, seconds, ratio = _elsewhere(home / str(size), size, rounds)
        peaks.append(peak)
        figures += [
            Figure(row=row, name=f"peak at {size:,} pages", value=peak / 1e6, unit="MB"),
            Figure(row=row, name=f"run over {size:,} pages", value=seconds, unit="s", ratio=ratio),
        ]
    if all(peaks):
        each = (peaks[-1] - peaks[0]) / (sizes[-1] - sizes[0])
        figures.append(Figure(row=row, name="each added page", value=round(each), unit="bytes"))
    return figures


def record_all(place: Place) -> None:
    """Write a record for each page as if it had been sent and seen in Intercom just now."""
    with place.service() as service:
        source = service.source()
        number = service.store.start(source.name, trigger="bench", at=0.0)
        with source.connector.open() as snapshot:
            items = [item for item in snapshot.items() if isinstance(item, Item)]
        for first in range(0, len(items), _BATCH):
            entries = [
                Sent(
                    external_id=item.external_id,
                    page_id=str(100_000 + place),
                    version=item.version,
                    content_hash=f"{place:064x}",
                    source_hash="0" * 64,
                    remote_digest=f"{place:064x}",
                    rules=source.rules_key,
                    title=item.path,
                    url=source.url_of(item),
                    links=(),
                    action=Action.CREATE,
                    reason="new",
                    hash_before=None,
                )
                for place, item in enumerate(items[first : first + _BATCH], first)
            ]
            service.store.write(source.name, number, entries, at=0.0)
        standing = Standing(rules=source.rules_key, listed=len(items), verified_at=time.time())
        service.store.finish(
            source.name,
            number,
            report=Report(name=source.name),
            standing=standing,
            holds=(),
            found=(),
            revision=None,
            at=0.0,
        )


def _elsewhere(home: Path, size: int, rounds: int) -> tuple[int, float, float]:
    root = home / "pages"
    for number in range(size):
        if number % 50 == 0:
            (root / f"section-{number // 50:05}").mkdir(parents=True)
        (root / f"section-{number // 50:05}" / f"page-{number:06}.md").write_text("# Page\n")
    place = Place(home=home / "state", root=root, url=_NOWHERE)
    record_all(place)
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    child = spawn.Process(target=_measure, args=(theirs, place, rounds))
    child.start()
    theirs.close()
    measured: tuple[int, float, float] = ours.recv()
    child.join()
    return measured


def _measure(pipe: Connection, place: Place, rounds: int) -> None:
    with place.service() as service:
        service.sync()
        times = [timed(service.sync) for _ in range(rounds)]
        # The floor comes after the peak was read: it holds the rows in another way.
        peak = process.own_peak_bytes() or 0
        floor_s = statistics.median(timed(bare(place)) for _ in range(rounds))
    pipe.send((peak, statistics.median(times), statistics.median(times) / floor_s))
