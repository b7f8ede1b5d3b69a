"""Runs in which little or nothing changed: their cost should follow what changed, not what exists."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import floor, process
from tests.bench.audit import watching
from tests.bench.corpus import Edits
from tests.bench.figure import Figure, against, at_most, ratio_of, timed
from tests.bench.intercom import Intercom
from tests.bench.place import Place, Service


def no_change(place: Place, service: Service, intercom: Intercom, *, rounds: int) -> list[Figure]:
    """Nothing changed since the last run, in a service that is up."""
    row = "no-change"
    ratio = against(row, "run in a service", service.sync, bare(place), rounds=rounds, goal=at_most(2))
    intercom.met()
    with watching(names(place.root)) as touched:
        report, rendered = service.counted()
    counts = {
        "source files opened": (touched.opened, 0),
        "requests": (len(intercom.met()), 0),
        "commits": (touched.commits, 3),
        "pages rendered": (rendered.pages, 0),
    }
    assert report.created + report.updated + report.deleted == 0
    return [
        ratio,
        *(
            Figure(row=row, name=name, value=value, goal=at_most(most))
            for name, (value, most) in counts.items()
        ),
    ]


def command(place: Place, *, rounds: int) -> list[Figure]:
    """The same as a command, from the start of its process to its end."""
    row = "command"
    sync = place.command("sync", "-q")
    modules = [name for _, name in process.imported(sync, place.environment)]
    starts: dict[str, list[process.Spent]] = {"python": [], "imports": [], "sync": []}
    walks: list[float] = []
    for _ in range(rounds + 1):
        starts["python"].append(process.spent([sys.executable, "-c", "pass"]))
        starts["imports"].append(process.spent(process.importing(modules)))
        starts["sync"].append(process.spent(sync, environment=place.environment))
        walks.append(timed(bare(place)))
    # The first round warms the caches of the system.
    python, imports, whole = (starts[name][1:] for name in ("python", "imports", "sync"))
    least = [start.wall_s + walk for start, walk in zip(imports, walks[1:], strict=True)]
    return [
        ratio_of(
            row,
            "syncd sync, against python -c pass",
            [(a.wall_s, b.wall_s) for a, b in zip(python, whole, strict=True)],
        ),
        ratio_of(
            row,
            "syncd sync, against its imports",
            [(a.wall_s, b.wall_s) for a, b in zip(imports, whole, strict=True)],
        ),
        ratio_of(
            row,
            "syncd sync, against its imports + the floor of the run",
            [(a, b.wall_s) for a, b in zip(least, whole, strict=True)],
        ),
        ratio_of(
            row,
            "processor time, against its imports",
            [(a.cpu_s, b.cpu_s) for a, b in zip(imports, whole, strict=True)],
        ),
        Figure(row=row, name="modules imported", value=len(modules)),
    ]


def start(place: Place, *, rounds: int) -> list[Figure]:
    """Commands that should answer before anybody waits."""
    row = "start"
    figures: list[Figure] = []
    for words, bound_s in (("--help", 0.2), ("status", 0.5)):
        line = place.command(words) if words == "status" else [*place.command()[:3], words]
        process.spent(line, environment=place.environment)
        times = [process.spent(line, environment=place.environment).wall_s for _ in range(rounds)]
        figures.append(
            Figure(
                row=row,
                name=f"syncd {words}",
                value=statistics.median(times),
                unit="s",
                goal=at_most(bound_s),
            )
        )
    return figures


def few_changed(place: Place, service: Service, intercom: Intercom, *, rounds: int) -> list[Figure]:
    """One page in a hundred changed: half of them edited, a quarter new, a quarter gone."""
    row = "1 % changed"
    edits = Edits(place.root)
    part = max(1, service.sync().listed // 400)
    if edits.spare < rounds * part:
        return []  # a small folder in which each page is linked to
    pairs: list[tuple[float, float]] = []
    writes: list[int] = []
    reads: list[int] = []
    # Before a page is deleted it is read, to see that it is ours; and the import source is asked for once.
    needed, asked = 4 * part, 1 + part
    for _ in range(rounds):
        quiet_s = timed(service.sync)
        edits.step(edited=2 * part, added=part, removed=part)
        intercom.met()
        pairs.append((quiet_s, timed(service.sync)))
        met = intercom.met()
        writes.append(sum(one.method != "GET" for one in met))
        reads.append(sum(one.method == "GET" for one in met))
    service.sync()
    return [
        Figure(
            row=row,
            name=f"writes more or less than the {needed} needed (all rounds)",
            value=sum(abs(sent - needed) for sent in writes),
            goal=at_most(0),
        ),
        Figure(
            row=row,
            name=f"reads more than one, and one a delete: {asked}",
            value=max(reads) - asked,
            goal=at_most(0),
        ),
        ratio_of(row, "run, against one without a change", pairs),
    ]


def new_times(place: Place, service: Service, intercom: Intercom, *, rounds: int) -> list[Figure]:
    """Every file has a new time and its old content, as after a fresh clone."""
    row = "new times"
    pairs: list[tuple[float, float]] = []
    listed = names(place.root)
    service.sync()
    intercom.met()
    with watching(listed) as touched:
        touch(place.root)
        _, rendered = service.counted()
    for _ in range(rounds):
        touch(place.root)
        least_s = timed(lambda: (floor.digests(place.root), floor.rows(place.state)))
        pairs.append((least_s, timed(service.sync)))
    return [
        Figure(row=row, name="requests that write", value=writing(intercom), goal=at_most(0)),
        Figure(row=row, name="source files opened", value=touched.opened),
        Figure(row=row, name="pages rendered", value=rendered.pages),
        ratio_of(row, "run, against read + SHA-256 + rows", pairs),
    ]


def writing(intercom: Intercom) -> int:
    """Writes that the sandbox met since it was last asked."""
    return sum(one.method != "GET" for one in intercom.met())


def touch(root: Path) -> None:
    """Give each file a time a minute ago or so, another one each time."""
    now_ns = time.time_ns() - 60_000_000_000
    for place, path in enumerate(sorted(path for path in root.rglob("*") if path.is_file())):
        os.utime(path, ns=(now_ns + place * 1001, now_ns + place * 1001))
    time.sleep(0.05)


def names(root: Path) -> set[str]:
    """Base names of all files below a folder."""
    return {path.name for path in root.rglob("*") if path.is_file()}


def bare(place: Place) -> Callable[[], object]:
    """The floor of a run that finds nothing: the walk, and the rows."""
    return lambda: (floor.walk(place.root), floor.rows(place.state))


@contextmanager
def settled(place: Place) -> Iterator[Service]:
    """A service whose first run is over, and whose next one finds nothing."""
    with place.service() as service:
        service.sync()
        yield service
