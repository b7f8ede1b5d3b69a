"""Rows of the other origins: a Git repository, and exports of Confluence."""

from __future__ import annotations

import multiprocessing
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from connectors.confluence_export.entities import build_index
from syncd.connector import Connector, Snapshot
from syncd.model import Document, Item
from tests.bench import corpus, floor, process
from tests.bench.audit import watching
from tests.bench.figure import Figure, at_most, ratio_of, timed
from tests.bench.intercom import intercom
from tests.bench.place import Place
from tests.connectors.confluence_export.builders import HtmlPage, html_files, obj, page, space, write_zip

_XML_BYTES = 15_000
_MB = 1_000_000


def git(home: Path, *, pages: int, rounds: int) -> list[Figure]:
    """No change in a Git repository of so many pages."""
    row = "no-change, Git"
    root = home / "repository"
    corpus.make(root, pages)
    for line in ("init -q -b main", "add -A", "-c user.name=b -c user.email=b@example.com commit -q -m all"):
        subprocess.run(["git", *line.split()], cwd=root, check=True)
    origin = {"connector": "git", "url": str(root), "branch": "main", "allow_local": True}

    def least() -> None:
        for line in (["ls-remote", str(root), "main"], ["rev-parse", "HEAD"]):
            subprocess.run(["git", *line], cwd=root, check=True, stdout=subprocess.DEVNULL)

    with intercom() as server:
        place = Place(home=home / "state", root=root, url=server.url, origin=origin)
        with place.service() as service:
            service.sync()
            service.sync()
            server.met()
            with watching(()) as touched:
                _, rendered = service.counted()
            requests = len(server.met())
            pairs = [(timed(least), timed(service.sync)) for _ in range(rounds)]
    return [
        ratio_of(row, "run in a service, against two git commands", pairs),
        Figure(
            row=row,
            name="run besides two git commands",
            value=statistics.median(value - least_s for least_s, value in pairs),
            unit="s",
            goal=at_most(0.1),
        ),
        Figure(row=row, name="git commands", value=touched.git, goal=at_most(3)),
        Figure(row=row, name="requests", value=requests, goal=at_most(0)),
        Figure(row=row, name="pages rendered", value=rendered.pages, goal=at_most(0)),
    ]


def export_again(home: Path, *, pages: int, rounds: int) -> list[Figure]:
    """A new HTML export of a Confluence space in which nothing changed but the time in every footer."""
    row = "new export"
    home.mkdir(parents=True)
    path = home / "SPACE.zip"
    made = datetime(2024, 1, 21, 10, tzinfo=UTC)
    _export(path, pages, made)
    origin = {"connector": "confluence_export", "path": str(path)}
    pairs: list[tuple[float, float]] = []
    with intercom() as server:
        place = Place(home=home / "state", root=home, url=server.url, origin=origin)
        with place.service() as service:
            service.sync()
            service.sync()
            server.met()
            reads = Reads(service.source().connector)
            _export(path, pages, made + timedelta(hours=1))
            report, rendered = service.counted(reads)
            assert report.unchanged == pages, report
            requests = len(server.met())
            for turn in range(rounds):
                _export(path, pages, made + timedelta(hours=2 + turn))
                pairs.append((timed(lambda: floor.inflated(path)), timed(service.sync)))
    return [
        # 0.54 s is the floor of 10,000 pages where a second was set as the goal.
        ratio_of(row, "run, against inflate + cut + hash", pairs, goal=at_most(1.85)),
        Figure(row=row, name="requests", value=requests, goal=at_most(0)),
        Figure(row=row, name="pages read and parsed", value=reads.count, goal=at_most(0)),
        Figure(row=row, name="pages rendered", value=rendered.pages, goal=at_most(0)),
    ]


class Reads:
    """A connector that counts which documents are read through it."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self.count = 0

    @contextmanager
    def open(self) -> Iterator[Snapshot]:
        with self._connector.open() as snapshot:
            yield _Counting(snapshot, self)


class _Counting:
    """A snapshot in all but that its reads are counted."""

    def __init__(self, snapshot: Snapshot, reads: Reads) -> None:
        self._snapshot = snapshot
        self._reads = reads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._snapshot, name)

    def read(self, item: Item) -> Document:
        self._reads.count += 1
        return self._snapshot.read(item)


def entities(home: Path, *, pages: int, rounds: int) -> list[Figure]:
    """The index of an XML export, in a process of its own."""
    row = "Confluence XML"
    home.mkdir(parents=True)
    path = home / "entities.xml"
    _entities(path, pages)
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    child = spawn.Process(target=_index, args=(theirs, path, rounds))
    child.start()
    theirs.close()
    pairs, peak = ours.recv()
    child.join()
    figures = [
        Figure(row=row, name="pages", value=pages),
        Figure(row=row, name="entities.xml", value=path.stat().st_size / _MB, unit="MB"),
        ratio_of(row, "processor time of the index, against bare iterparse", pairs, goal=at_most(2)),
    ]
    if peak is not None:
        figures.append(Figure(row=row, name="memory", value=peak / _MB, unit="MB", goal=at_most(300)))
    path.unlink()
    return figures


def _index(pipe: Pipe, path: Path, rounds: int) -> None:
    index = path.with_suffix(".db")

    def build() -> None:
        index.unlink(missing_ok=True)
        with path.open("rb") as file:
            build_index(file, index, path.name)

    build()
    # Of the first one alone: the floor would count too.
    peak = process.own_peak_bytes()
    floor.parsed(path)
    # Of the processor alone: what the disk does is the same for both, and unlike from round to round.
    pairs = [(_processor_s(lambda: floor.parsed(path)), _processor_s(build)) for _ in range(rounds)]
    pipe.send((pairs, peak))


def _processor_s(work: Callable[[], object]) -> float:
    began_s = time.process_time()
    work()
    return time.process_time() - began_s


def _export(path: Path, pages: int, made: datetime) -> None:
    bodies = _bodies(corpus.REAL_BYTES)
    files = html_files(
        [
            HtmlPage(id=str(1000 + number), title=f"Page {number}", body=f"<p>{number}</p>{next(bodies)}")
            for number in range(pages)
        ],
        made=made.strftime("%b %d, %Y %H:%M"),
    )
    write_zip(path, files)


def _entities(path: Path, pages: int) -> None:
    bodies = _bodies(_XML_BYTES)
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write('<hibernate-generic datetime="2024-01-21 10:00:00">\n')
        file.write(space())
        for number in range(pages):
            name = str(1000 + number)
            more = {"creationDate": "2023-01-02 10:00:00.000", "hibernateVersion": 5, "position": number}
            more |= {"lowerTitle": f"page {number}", "versionComment": None}
            file.write(page(name, f"Page {number}", next(bodies), **more))
            # Two objects of which nothing is needed stand beside each page.
            file.write(obj("ContentProperty", f"7{name}", name="editor", stringValue="v2", longValue=None))
            file.write(obj("OutgoingLink", f"8{name}", lowerDestinationPageTitle="page 1"))
        file.write("</hibernate-generic>\n")


def _bodies(size_bytes: int) -> Iterator[str]:
    chance = random.Random(1)
    parts = [f"<h2>{corpus.sentence(chance, 3)}</h2><p>{corpus.sentence(chance, 40)}</p>" for _ in range(200)]
    while True:
        yield "".join(chance.choices(parts, k=max(1, size_bytes // len(parts[0]))))
