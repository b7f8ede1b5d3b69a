"""Where the time of a row goes."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path

from tests.bench import corpus, process, quiet
from tests.bench.intercom import UNLIMITED, intercom
from tests.bench.place import Place, Service

ROWS = ("no-change", "command", "changed", "new-times", "first", "render")
_LINES = 25
_IMPORTS = 10


def show(row: str, home: Path, pages: int, given: Path | None) -> None:
    """Profile a row and print its dearest functions by own time, or its dearest imports.

    Runs are made in one thread, since a profiler sees only one; `render` is what a renderer does.
    """
    root = home / "pages"
    if given is not None:
        corpus.copy(given, root)
    elif row in ("first", "render"):
        corpus.make(root, pages // 10, size_bytes=corpus.REAL_BYTES)
    else:
        corpus.make(root, pages)
    with intercom(rate_limit=UNLIMITED) as server:
        place = Place(home=home / "state", root=root, url=server.url)
        if row == "render":
            _print(lambda: _render_all(place))
        elif row == "first":
            with place.service() as service:
                _print(service.inline)
        else:
            with quiet.settled(place) as service:
                if row != "command":
                    _print(_prepared(row, place, service))
            if row == "command":
                _print_imports(place)


def _prepared(row: str, place: Place, service: Service) -> Callable[[], object]:
    service.sync()
    if row == "changed":
        part = max(1, len(quiet.names(place.root)) // 400)
        corpus.Edits(place.root).step(edited=2 * part, added=part, removed=part)
    elif row == "new-times":
        quiet.touch(place.root)
    return service.inline


def _render_all(place: Place) -> None:
    from syncd.model import Item
    from syncd.render import render

    with place.service() as service:
        source = service.source()
        with source.connector.open() as snapshot:
            for item in snapshot.items():
                if isinstance(item, Item):
                    render(snapshot.read(item), source.rules)


def _print(work: Callable[[], object]) -> None:
    profile = cProfile.Profile()
    profile.enable()
    work()
    profile.disable()
    pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(_LINES)


def _print_imports(place: Place) -> None:
    found = process.imported(place.command("sync", "-q"), place.environment)
    print(f"{len(found)} modules, {1000 * sum(own_s for own_s, _ in found):.0f} ms; the dearest by own time:")
    for own_s, name in sorted(found, reverse=True)[:_IMPORTS]:
        print(f"{1000 * own_s:8.1f} ms  {name}")
    packages: dict[str, float] = {}
    for own_s, name in found:
        package = name.partition(".")[0]
        packages[package] = packages.get(package, 0.0) + own_s
    print("by package:")
    for name, own_s in sorted(packages.items(), key=lambda each: -each[1])[:_IMPORTS]:
        print(f"{1000 * own_s:8.1f} ms  {name}")
