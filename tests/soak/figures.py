"""What the service holds while it lives: memory, files, threads; and whether that grows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

_PROC = Path("/proc")
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at the service and its children.

    Attributes:
        life: which of its processes it was, from 0.
        age_s: since that process began.
        memory_bytes: of all processes, what they share counted once (PSS).
        own_bytes: of it what no other process can share. The rest also grows when a stranger ends that used
            the same libraries.
        files: descriptors that the service has open.
        wal_bytes, state_bytes: of the state's write-ahead log and file.
    """

    life: int
    age_s: float
    memory_bytes: int
    own_bytes: int
    files: int
    threads: int
    processes: int
    wal_bytes: int
    state_bytes: int


def look(pid: int, state: Path, *, life: int, age_s: float) -> Sample | None:
    """Look at a service; None if it is gone, or the system has no /proc."""
    try:
        family = _family(pid)
        return Sample(
            life=life,
            age_s=age_s,
            memory_bytes=sum(_bytes_of(each, "Pss:") for each in family),
            own_bytes=sum(_bytes_of(each, "Pss_Anon:") for each in family),
            files=len(os.listdir(_PROC / str(pid) / "fd")),
            threads=len(os.listdir(_PROC / str(pid) / "task")),
            processes=len(family),
            wal_bytes=_size_bytes(state.with_name(state.name + "-wal")),
            state_bytes=_size_bytes(state),
        )
    except OSError:
        return None


def slope_per_h(samples: Iterable[Sample], field: str, *, after_s: float) -> float | None:
    """How much a field grows in an hour, by least squares within each life, without its first seconds.

    Each life has a level of its own, so that a restart neither hides growth nor looks like it.
    """
    above = below = 0.0
    lives: dict[int, list[tuple[float, float]]] = {}
    for sample in samples:
        if sample.age_s >= after_s:
            lives.setdefault(sample.life, []).append((sample.age_s, getattr(sample, field)))
    for points in lives.values():
        middle_age, middle = (mean(values) for values in zip(*points, strict=True))
        above += sum((age - middle_age) * (value - middle) for age, value in points)
        below += sum((age - middle_age) ** 2 for age, _ in points)
    return above / below * 3600 if below else None


def table(samples: Sequence[Sample], *, after_s: float) -> str:
    """One row a life: what it held once it had warmed up, as a Markdown table."""
    rows = [
        "| life | minutes | memory, median | memory, most | open files | threads | processes | WAL, most |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for life in sorted({sample.life for sample in samples}):
        mine = [sample for sample in samples if sample.life == life]
        warm = [sample for sample in mine if sample.age_s >= after_s]
        if not warm:
            continue
        cells = [
            str(life + 1),
            f"{mine[-1].age_s / 60:.1f}",
            f"{median(sample.memory_bytes for sample in warm) / _MEGABYTE:.1f} MB",
            f"{max(sample.memory_bytes for sample in mine) / _MEGABYTE:.1f} MB",
            _span(sample.files for sample in warm),
            _span(sample.threads for sample in warm),
            _span(sample.processes for sample in warm),
            f"{max(sample.wal_bytes for sample in mine) / _MEGABYTE:.1f} MB",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _span(values: Iterable[int]) -> str:
    found = sorted(values)
    return str(found[0]) if found[0] == found[-1] else f"{found[0]} to {found[-1]}"


def _family(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        for path in (_PROC / str(each) / "task").glob("*/children"):
            try:
                found += map(int, path.read_text().split())
            except OSError:  # the thread ended
                continue
    return found


def _bytes_of(pid: int, what: str) -> int:
    try:
        for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) * 1024
    except OSError:  # a child ended
        pass
    return 0


def _size_bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
