"""The dashboard over a large state: 100,000 pages, 1,000 runs, and a long audit trail."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

from syncd.decision import TakeDown
from syncd.journal import Absent, Entry, Failed, Skipped
from syncd.model import Unlisted
from tests.bench.figure import Figure, at_most
from tests.syncd.web.place import Place, sent

SOURCE = "handbook"

ADDRESSES = {
    "overview": "/",
    "source": f"/sources/{SOURCE}",
    "decisions": "/decisions",
    "pages, first": f"/sources/{SOURCE}/pages",
    "pages, from the middle": f"/sources/{SOURCE}/pages?after=guides/page{{middle:06}}.md",
    "pages in quarantine": f"/sources/{SOURCE}/pages?view=quarantined",
    "pages gone": f"/sources/{SOURCE}/pages?view=missing",
    "left out, and why": f"/sources/{SOURCE}/pages?view=left-out",
    "search, many": f"/sources/{SOURCE}/pages?q=page",
    "search, one": f"/sources/{SOURCE}/pages?q=page{{last:06}}",
    "search, none": f"/sources/{SOURCE}/pages?q=nowhere",
    "page": f"/sources/{SOURCE}/page?id=guides/page{{middle:06}}.md",
    "run": "/runs/1",
    "run, what failed": "/runs/1?action=fail",
    "audit": "/audit",
    "audit of a source": "/audit?source=wiki",
    "audit of a page": f"/audit?source={SOURCE}&page=guides/page{{middle:06}}.md",
    "audit, decisions": "/audit?decisions=1",
    "audit, a rare action": "/audit?action=takedown",
}


def dashboard(home: Path, *, pages: int, runs: int, rounds: int) -> list[Figure]:
    """How long each page of the dashboard takes, from request to answer, within the process."""
    home.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_measured(home, pages, runs, rounds))


async def _measured(home: Path, pages: int, runs: int, rounds: int) -> list[Figure]:
    place = Place(home)
    _fill(place, pages, runs)
    await place.sign_in()
    figures = []
    for name, address in ADDRESSES.items():
        path = address.format(middle=pages // 2, last=pages - 2)
        assert (await place.client.get(path)).status_code == 200
        taken = []
        for _ in range(rounds):
            began_s = time.perf_counter()
            await place.client.get(path)
            taken.append((time.perf_counter() - began_s) * 1000)
        p95 = sorted(taken)[min(len(taken) - 1, round(0.95 * len(taken)))]
        figures.append(Figure(row="dashboard", name=f"{name}, p95", value=p95, unit="ms", goal=at_most(300)))
    await place.client.aclose()
    return figures


def _fill(place: Place, pages: int, runs: int) -> None:
    """One first run with all pages, and many that changed a few of them."""
    store, at = place.store, place.clock.now()
    number = store.start(SOURCE, trigger="schedule", at=at)
    for batch in _batches(pages):
        store.write(SOURCE, number, batch, at=at)
    store.unlisted(SOURCE, [Unlisted(f"drafts/{one}.md", "a draft", True) for one in range(pages // 100)])
    for one in range(runs):
        name = SOURCE if one % 10 else "wiki"
        changed = (f"guides/page{(one * 31 + more) % pages:06}.md" for more in range(20))
        place.run(name, *(sent(page, title="Changed") for page in changed), updated=20)
    store.decide(SOURCE, TakeDown(external_id="x.md", by="ana", why="leaked"), at=at)


def _entries(pages: int) -> Iterator[Entry]:
    for number in range(pages):
        name = f"guides/page{number:06}.md"
        if number % 1000 == 1:
            yield Failed(external_id=name, version="1", rules="r", error="not UTF-8")
        elif number % 500 == 2:
            yield Skipped(external_id=name, version="1", rules="r", reason="a draft")
        else:
            yield sent(
                name, title=f"Page {number} of the handbook", warnings=("w",) if number % 50 == 3 else ()
            )
            if number % 2000 == 4:
                yield Absent(external_id=name)


def _batches(pages: int) -> Iterator[list[Entry]]:
    entries = _entries(pages)
    while batch := list(itertools.islice(entries, 1_000)):
        yield batch
