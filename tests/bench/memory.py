"""How much memory and time each page costs that exists and did not change."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from syncd.connector import Connector, Snapshot
from syncd.errors import ItemError
from syncd.journal import Sent, Standing
from syncd.model import Action, Document, Item, Report, Unlisted
from tests.bench import process
from tests.bench.figure import Figure, at_most, timed
from tests.bench.place import Place
from tests.bench.quiet import bare

_BATCH = 1000
PAGE_BYTES = 1000
"""Of memory, for each page that exists and did not change."""
MOST_MB = 1000
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
        figures.append(
            Figure(row=row, name="each added page", value=round(each), unit="bytes", goal=at_most(PAGE_BYTES))
        )
    return figures


def scaled(home: Path, pages: int) -> list[Figure]:
    """A run without a change over an origin that is only a list, as long as one likes; no file is made."""
    row = f"memory, {pages:,} pages"
    sizes = (max(1, pages // 10), pages)
    spawn = multiprocessing.get_context("spawn")
    peaks: list[int] = []
    for size in sizes:
        place = Place(home=home / str(size), root=home, url=_NOWHERE)
        record_all(place, Listed(size))
        ours, theirs = spawn.Pipe()
        child = spawn.Process(target=_measure_listed, args=(theirs, place, size))
        child.start()
        theirs.close()
        peaks.append(ours.recv())
        child.join()
    each = (peaks[1] - peaks[0]) / max(1, sizes[1] - sizes[0])
    most = at_most(max(MOST_MB, MOST_MB * pages / 1_000_000))
    return [
        Figure(row=row, name=f"peak at {sizes[0]:,} pages", value=peaks[0] / 1e6, unit="MB"),
        Figure(row=row, name=f"peak at {sizes[1]:,} pages", value=peaks[1] / 1e6, unit="MB", goal=most),
        Figure(row=row, name="each added page", value=round(each), unit="bytes", goal=at_most(PAGE_BYTES)),
    ]


class Listed(Snapshot):
    """An origin with so many items and nothing behind them (a Connector and its Snapshot)."""

    def __init__(self, pages: int) -> None:
        self._pages = pages

    @contextmanager
    def open(self) -> Iterator[Snapshot]:
        yield self

    def items(self) -> Iterator[Item | Unlisted]:
        for number in range(self._pages):
            path = f"section-{number // 50:05}/page-{number:07}.md"
            yield Item(external_id=path, path=path, version=f"{number:016x}")

    def read(self, item: Item) -> Document:
        raise ItemError(f"{item.path}: nothing of an unchanged origin is read")


def record_all(place: Place, connector: Connector | None = None) -> None:
    """Write a record for each page as if it had been sent and seen in Intercom just now."""
    with place.service() as service:
        source = service.source()
        number = service.store.start(source.name, trigger="bench", at=0.0)
        with (connector or source.connector).open() as snapshot:
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


def _measure_listed(pipe: Connection, place: Place, pages: int) -> None:
    with place.service() as service:
        for _ in range(2):
            report, _rendered = service.counted(Listed(pages))
            assert report.unchanged == pages
        pipe.send(process.own_peak_bytes() or 0)


def _measure(pipe: Connection, place: Place, rounds: int) -> None:
    with place.service() as service:
        service.sync()
        times = [timed(service.sync) for _ in range(rounds)]
        # The floor comes after the peak was read: it holds the rows in another way.
        peak = process.own_peak_bytes() or 0
        floor_s = statistics.median(timed(bare(place)) for _ in range(rounds))
    pipe.send((peak, statistics.median(times), statistics.median(times) / floor_s))
