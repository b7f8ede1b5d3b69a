"""First runs, in which every page is read, rendered and sent."""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from syncd.cli import exit_codes
from syncd.intercom.pages import PATH
from tests.bench import corpus, process
from tests.bench.figure import Figure, at_least, at_most
from tests.bench.intercom import OTHERS, REAL_LIMIT, WINDOW_S, Met, intercom, other_client
from tests.bench.place import Place
from tests.bench.standin import standin

LATENCY_S = 0.1
MEMORY_BYTES = 250_000_000
_MB = 1_000_000


def at_the_limit(root: Path, home: Path) -> list[Figure]:
    """`syncd sync` of everything, as far from Intercom as most are, at Intercom's own limit."""
    row = "first, at the limit"
    with intercom(rate_limit=REAL_LIMIT, latency_s=LATENCY_S) as server:
        place = Place(home=home, root=root, url=server.url)
        began_s = time.perf_counter()
        with (
            subprocess.Popen(
                place.command("sync", "-q"),
                env=place.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            ) as syncing,
            process.Watch(syncing.pid) as watch,
        ):
            code = syncing.wait()
        elapsed_s = time.perf_counter() - began_s
        if code not in (exit_codes.OK, exit_codes.PARTIAL):
            raise SystemExit(f"the first run at the limit ended with exit code {code}")
        met = server.met()
    shares = used(met)
    pages = sum(one.method == "POST" and one.path == PATH and one.status < 400 for one in met)
    refused = sum(one.status == 429 for one in met)
    figures = [
        Figure(row=row, name="pages", value=pages),
        Figure(row=row, name="whole run", value=elapsed_s, unit="s"),
        Figure(row=row, name="full windows of 10 s", value=len(shares)),
        Figure(row=row, name="answers 429", value=refused, goal=at_most(0)),
    ]
    if shares:
        figures[3:3] = [
            Figure(
                row=row,
                name="allowance used (median of the full windows)",
                value=statistics.median(shares),
                goal=at_least(0.98),
            ),
            Figure(row=row, name="allowance used (the worst window)", value=min(shares)),
        ]
    return figures + _memory(row, watch.peak)


def with_another(root: Path, home: Path) -> list[Figure]:
    """The same with a client of somebody else that takes a third of the limit, evenly, all the time."""
    row = "first, shared limit"
    with intercom(rate_limit=REAL_LIMIT, latency_s=LATENCY_S) as server:
        place = Place(home=home, root=root, url=server.url)
        with other_client(server.url, REAL_LIMIT / WINDOW_S / 3):
            process.spent(place.command("sync", "-q"), environment=place.environment)
        met = server.met()
    ours = [one for one in met if one.path != OTHERS]
    shares = left_used(met)
    refused = sum(one.status == 429 for one in ours) / len(ours)
    figures = [
        Figure(row=row, name="answers 429 in a thousand of ours", value=1000 * refused, goal=at_most(1)),
        Figure(row=row, name="requests of the other client", value=len(met) - len(ours)),
    ]
    if shares:
        name = "used of what it left (median of the full windows)"
        figures.insert(0, Figure(row=row, name=name, value=statistics.median(shares), goal=at_least(0.95)))
    return figures


def left_used(met: Sequence[Met], limit: int = REAL_LIMIT) -> list[float]:
    """Which share was used of what another client left, in each window that lay wholly within our run."""
    ours, others = Counter[int](), Counter[int]()
    for one in met:
        if one.status != 429:
            (others if one.path == OTHERS else ours)[int(one.at // WINDOW_S)] += 1
    return [ours[window] / (limit - others[window]) for window in range(min(ours) + 1, max(ours))]


def used(met: Sequence[Met], limit: int = REAL_LIMIT) -> list[float]:
    """Which share of the limit was used in each window that lay wholly within the run.

    Requests are counted by the server's clock, when it handled them and by its own windows, which begin at
    multiples of ten seconds; refused ones do not count. The windows in which the run began and ended are
    left out, since it could not have filled them.
    """
    counts = Counter(int(one.at // WINDOW_S) for one in met if one.status != 429)
    first, last = min(counts), max(counts)
    return [counts[window] / limit for window in range(first + 1, last)]


def unthrottled(home: Path, *, pages: int, rounds: int) -> list[Figure]:
    """All pages of 10 kB, with nobody to wait for."""
    row = "first, unthrottled"
    root = home / "pages"
    corpus.make(root, pages, size_bytes=corpus.REAL_BYTES)
    rates: list[float] = []
    busy: list[float] = []
    ours: list[float] = []
    theirs: list[float] = []
    with standin() as url:
        for _ in range(rounds + 1):
            here = Place(home=home / "state", root=root, url=url)
            with here.service() as service:
                before = _processor_s()
                began_s = time.perf_counter()
                report, rendered = service.counted()
                elapsed_s = time.perf_counter() - began_s
                after = _processor_s()
            shutil.rmtree(here.home)
            rates.append(report.created / elapsed_s)
            busy.append(rendered.busy_s / (rendered.processes * elapsed_s))
            ours.append((after[0] - before[0]) / report.created)
            theirs.append((after[1] - before[1]) / report.created)
    # The first round warms up.
    rates, busy, ours, theirs = rates[1:], busy[1:], ours[1:], theirs[1:]
    both = statistics.median(own + rendering for own, rendering in zip(ours, theirs, strict=True))
    return [
        Figure(row=row, name="pages a second", value=statistics.median(rates), goal=at_least(250)),
        Figure(
            row=row,
            name="pages a second that two processors to itself could do",
            value=2 / both,
        ),
        Figure(
            row=row,
            name="time in which renderers had work",
            value=statistics.median(busy),
            goal=at_least(0.85),
        ),
        Figure(
            row=row,
            name="processor time a page, main process",
            value=1000 * statistics.median(ours),
            unit="ms",
        ),
        Figure(
            row=row,
            name="processor time a page, renderers",
            value=1000 * statistics.median(theirs),
            unit="ms",
        ),
    ]


def _processor_s() -> tuple[float, float]:
    """Of this process, and of its children that ended."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    own, children = (usage.ru_utime + usage.ru_stime for usage in spent)
    return own, children


def _memory(row: str, peak: process.Peak) -> list[Figure]:
    if peak.resident is None:
        return []
    figures = [
        Figure(
            row=row,
            name=f"memory of {peak.processes} processes, sum of their peaks",
            value=peak.resident / _MB,
            unit="MB",
            goal=at_most(MEMORY_BYTES / _MB),
        )
    ]
    if peak.proportional is not None:
        figures.append(
            Figure(
                row=row,
                name="the same, what they share counted once",
                value=peak.proportional / _MB,
                unit="MB",
            )
        )
    return figures
