"""The state in a PostgreSQL that is a millisecond away."""

from __future__ import annotations

import asyncio
import multiprocessing
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests import postgres
from tests.bench import corpus
from tests.bench.figure import Figure, at_most, ratio_of, timed
from tests.bench.place import Place
from tests.bench.standin import standin

LATENCY_S = 0.001


class Way:
    """A way to a server that takes a while, in a process of its own."""

    def __init__(self, url: str, pipe: Connection) -> None:
        self.url = url
        self._pipe = pipe

    def round_trips(self) -> int:
        """How often something was asked and answered since this was last called."""
        self._pipe.send("count")
        count: int = self._pipe.recv()
        return count


def rows(home: Path, *, pages: int, rounds: int) -> list[Figure]:
    """A run without a change, and first runs beside those with SQLite; nothing where there is no server."""
    row = "PostgreSQL, 1 ms away"
    if postgres.programs() is None:
        return []
    root, large = home / "pages", home / "large"
    corpus.make(root, pages)
    corpus.make(large, max(50, pages // 10), size_bytes=corpus.REAL_BYTES)
    pairs: list[tuple[float, float]] = []
    quiet: list[tuple[float, float]] = []
    with standin() as url, postgres.serving() as server, distant(server.url) as way:
        calm = Place(home=home / "calm", root=root, url=url, database=f"{way.url}?schema=calm")
        with calm.service() as service:
            service.sync()
            service.sync()
            beside = Place(home=home / "beside", root=root, url=url)
            with beside.service() as local:
                local.sync()
                local.sync()
                way.round_trips()
                for _ in range(rounds):
                    quiet.append((timed(local.sync), timed(service.sync)))
            trips = way.round_trips() / rounds
        for turn in range(rounds + 1):
            near = Place(home=home / "near", root=large, url=url)
            far = Place(home=home / "far", root=large, url=url, database=f"{way.url}?schema=first{turn}")
            pairs.append((_first_run_s(near), _first_run_s(far)))
    return [
        Figure(row=row, name="round trips of a run without a change", value=trips, goal=at_most(5)),
        ratio_of(row, "run without a change, against SQLite", quiet),
        # A tenth fewer pages a second is 1.11 times as long; the first round warms up.
        ratio_of(row, "first run, against SQLite", pairs[1:], goal=at_most(1 / 0.9)),
    ]


def _first_run_s(place: Place) -> float:
    with place.service() as service:
        seconds = timed(service.counted)
    shutil.rmtree(place.home)
    return seconds


@contextmanager
def distant(url: str) -> Iterator[Way]:
    """A URL under which the server of a URL with a socket's folder is found, as far away as that."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    folder = parse_qs(urlsplit(url).query)["host"][0]
    process = spawn.Process(target=_forward, args=(theirs, f"{folder}/.s.PGSQL.5432"), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Way(f"postgresql://syncd@127.0.0.1:{ours.recv()}/postgres", ours)
    finally:
        process.kill()
        process.join()


def _forward(pipe: Connection, socket: str) -> None:
    count = 0

    async def both_ways(ours: asyncio.StreamReader, ours_back: asyncio.StreamWriter) -> None:
        theirs, theirs_back = await asyncio.open_unix_connection(socket)
        asked = False

        async def ask() -> None:
            nonlocal count, asked
            while data := await ours.read(1 << 16):
                count += not asked
                asked = True
                await asyncio.sleep(LATENCY_S)
                theirs_back.write(data)
            theirs_back.close()

        async def answer() -> None:
            nonlocal asked
            while data := await theirs.read(1 << 16):
                asked = False
                ours_back.write(data)
            ours_back.close()

        await asyncio.gather(ask(), answer(), return_exceptions=True)

    async def serve() -> None:
        nonlocal count
        server = await asyncio.start_server(both_ways, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        while True:
            await asyncio.to_thread(pipe.recv)
            told, count = count, 0
            pipe.send(told)

    asyncio.run(serve())
