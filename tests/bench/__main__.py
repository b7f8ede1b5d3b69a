"""Measure: `python -m tests.bench`. It prints one table; README.md says how to read it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench import corpus, dashboard, database, first, memory, origins, profiles, quiet, rivals
from tests.bench.figure import Figure, document, table, timed, verdict
from tests.bench.intercom import intercom
from tests.bench.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured.

    Attributes:
        pages: small ones, in most rows.
        limited: pages of the first run at Intercom's limit.
        real: pages of 10 kB.
        records: sizes of the sources for the memory of each page.
        shared: pages of the first run beside another client.
        entities: pages of an XML export of Confluence.
        listed: pages of the source that the dashboard shows.
    """

    pages: int = 10_000
    limited: int = 10_000
    real: int = 1_500
    records: tuple[int, int] = (10_000, 100_000)
    shared: int = 4_000
    entities: int = 50_000
    listed: int = 100_000
    rounds: int = 5


# Twice Intercom's limit and a little: at least one full window, whenever the run begins.
QUICK = Size(
    pages=1_000,
    limited=3_400,
    real=300,
    records=(2_000, 12_000),
    shared=0,
    entities=1_500,
    listed=10_000,
    rounds=3,
)


def main() -> None:
    """Measure what the command line asks for, and print it."""
    asked = _arguments()
    size = QUICK if asked.quick else Size()
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        if asked.profile:
            profiles.show(asked.profile, Path(folder), size.pages, asked.corpus)
            return
        if asked.scale:
            figures = memory.scaled(Path(folder), asked.scale)
        else:
            figures = _measure(Path(folder), size, asked.corpus, asked.peers)
    print(table(figures))
    if asked.json is not None:
        about = {
            "quick": asked.quick,
            "python": platform.python_version(),
            "processors": os.cpu_count(),
        }
        asked.json.write_text(json.dumps(document(figures, **about), indent=1) + "\n", encoding="utf-8")
    print(f"\n{verdict(figures)}")


def _measure(home: Path, size: Size, given: Path | None, peers: Path | None) -> list[Figure]:
    figures: list[Figure] = []

    def step(name: str, work: Callable[[], list[Figure]]) -> None:
        print(f"measuring: {name} ...", file=sys.stderr, end="", flush=True)
        print(f" {timed(lambda: figures.extend(work())):.0f} s", file=sys.stderr, flush=True)

    root = prepared(home / "small", size.pages, given)
    with intercom() as server:
        place = Place(home=home / "quiet", root=root, url=server.url)
        print("preparing: a first run ...", file=sys.stderr, flush=True)
        with quiet.settled(place) as service:
            step("no change", lambda: quiet.no_change(place, service, server, rounds=size.rounds))
        step("the command", lambda: quiet.command(place, rounds=size.rounds))
        step("start", lambda: quiet.start(place, rounds=size.rounds))
        with quiet.settled(place) as service:
            step("1 % changed", lambda: quiet.few_changed(place, service, server, rounds=3))
            step("new times", lambda: quiet.new_times(place, service, server, rounds=3))
    if peers is not None:
        python = peers / "bin" / "python"
        step("peers", lambda: rivals.no_change(home / "peers", python, pages=size.pages, rounds=3))
    step("Git", lambda: origins.git(home / "git", pages=size.pages, rounds=size.rounds))
    step("a new export", lambda: origins.export_again(home / "export", pages=size.pages, rounds=3))
    step("an XML export", lambda: origins.entities(home / "xml", pages=size.entities, rounds=3))
    step("PostgreSQL", lambda: database.rows(home / "server", pages=size.pages, rounds=3))
    limited = root if given is not None else prepared(home / "limited", size.limited, None)
    step("first run at the limit", lambda: first.at_the_limit(limited, home / "throttled"))
    if size.shared:
        shared = prepared(home / "shared", size.shared, None)
        step("first run beside another client", lambda: first.with_another(shared, home / "beside"))
    step("first run, unthrottled", lambda: first.unthrottled(home / "real", pages=size.real, rounds=3))
    step("memory", lambda: memory.many(home / "memory", size.records, rounds=size.rounds))
    step("dashboard", lambda: dashboard.dashboard(home / "web", pages=size.listed, runs=1_000, rounds=20))
    return figures


def prepared(root: Path, pages: int, given: Path | None) -> Path:
    """A corpus to work on: made, or copied."""
    if given is None:
        corpus.make(root, pages)
    else:
        corpus.copy(given, root)
    return root


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer pages: under two minutes")
    parser.add_argument("--scale", type=int, metavar="N", help="only the memory of a run over N pages")
    parser.add_argument("--peers", type=Path, metavar="VENV", help="measure the peers installed there, too")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="measure on a copy of this folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--profile", choices=profiles.ROWS, help="profile one row instead of measuring")
    return parser.parse_args()


if __name__ == "__main__":
    main()
