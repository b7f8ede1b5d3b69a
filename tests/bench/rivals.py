"""What people would otherwise use, on the same pages in the same run: `make bench-peers` installs it."""

from __future__ import annotations

import http.client
import json
import statistics
from pathlib import Path

from tests.bench import corpus, process
from tests.bench.figure import Figure, at_least, ratio_of
from tests.bench.place import Place
from tests.bench.standin import COUNT, standin

_ADAPTERS = Path(__file__).parent / "peers"
_NAMES = ("dlt", "llamaindex", "langchain", "cocoindex")


def no_change(home: Path, python: Path, *, pages: int, rounds: int) -> list[Figure]:
    """Whole processes over pages that did not change: each peer's, and that of `syncd sync`.

    Of each the processor time counts, since some of them use more than one processor.

    Args:
        python: of the virtual environment in which the peers are installed.

    Raises:
        SystemExit: a peer did not send what it should have.
    """
    row = "peers, no change"
    root = home / "pages"
    corpus.make(root, pages)
    spent: dict[str, list[float]] = {name: [] for name in ("syncd", *_NAMES)}
    with standin() as url:
        place = Place(home=home / "syncd", root=root, url=url)
        commands = {
            name: [
                *(str(python), str(_ADAPTERS / f"with_{name}.py")),
                *(str(root), str(home / name), url),
            ]
            for name in _NAMES
        }
        commands["syncd"] = place.command("sync", "-q")
        for name, line in commands.items():
            before = _writes(url)
            process.spent(line, environment=place.environment)
            if _writes(url) - before < pages:
                raise SystemExit(f"{name} sent {_writes(url) - before} of {pages} pages at first")
            process.spent(line, environment=place.environment)
        before = _writes(url)
        for _ in range(rounds):
            for name, line in commands.items():
                spent[name].append(process.spent(line, environment=place.environment).cpu_s)
        if _writes(url) != before:
            raise SystemExit(f"{_writes(url) - before} pages were sent again though none had changed")
    figures = [
        ratio_of(row, f"{name}, against syncd sync", list(zip(spent["syncd"], spent[name], strict=True)))
        for name in _NAMES
    ]
    fastest = [min(spent[name][turn] for name in _NAMES) for turn in range(rounds)]
    ratio = statistics.median(peer / own for peer, own in zip(fastest, spent["syncd"], strict=True))
    return [*figures, Figure(row=row, name="the fastest of them", value=ratio, unit="x", goal=at_least(5))]


def _writes(url: str) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"))
    connection.request("GET", COUNT)
    told = json.loads(connection.getresponse().read())
    connection.close()
    return int(told["writes"])
