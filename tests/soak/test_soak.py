"""The soak itself: that it runs, sees what is wrong, and counts what it says. Nothing is timed here."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

from syncd.sandbox import Sandbox, serving
from tests.soak.__main__ import document
from tests.soak.edits import Folder, Repository
from tests.soak.figures import Sample, slope_per_h, table
from tests.soak.soak import Pace, Result, Soak, Tally

SHORT = Pace(whole_s=3, life_s=3, edit_s=0.2, sample_s=0.5, settle_s=60, doubt_s=1, pages=20)


def sample(age_s: float, memory_bytes: int, *, life: int = 0) -> Sample:
    return Sample(
        life=life,
        age_s=age_s,
        memory_bytes=memory_bytes,
        own_bytes=memory_bytes // 2,
        files=20,
        threads=5,
        processes=1,
        wal_bytes=0,
        state_bytes=0,
    )


def test_a_short_soak_ends_equal(tmp_path: Path) -> None:
    """A service with edits and faults, its end by SIGTERM, and the figures of both."""
    tally = Tally()
    with serving(Sandbox(log=tally)) as running:
        result = Soak(tmp_path, running, tally, SHORT, seed=1).run()

    assert result.problems == []
    assert result.differences == []
    assert result.edits > 0
    assert result.requests > 20
    assert result.runs["ok"] > 0
    assert len(result.ends) >= 2, "one SIGTERM amid edits, one at the end"
    assert result.samples
    assert "Nothing was wrong." in document(result, SHORT)


def test_differences_are_named(tmp_path: Path) -> None:
    """A page that is missing, one that should be gone, and one with an old text are three things."""
    folder = Folder(tmp_path / "docs", 4, random.Random(0))
    held = {
        name: (text.splitlines()[0].removeprefix("# "), f"<p>{' '.join(text.splitlines()[1:])}</p>")
        for name, text in folder.texts.items()
    }
    assert folder.differences(held) == []
    one, two, *_ = held
    del held[one]
    held[two] = ("Version 0", "<p>another</p>")
    held["gone.md"] = ("Gone", "<p>gone</p>")

    assert folder.differences(held) == sorted(
        [f"{one} is missing", f"{two} has an old text", "gone.md is gone, and still published"]
    )


def test_repository_is_edited_in_commits(tmp_path: Path) -> None:
    """What is expected is what the newest commit holds."""
    repository = Repository(tmp_path / "docs", 8, random.Random(0))
    for _ in range(30):
        repository.edit()

    files = {path.relative_to(repository.root).as_posix() for path in repository.root.rglob("*.md")}
    assert files == set(repository.texts)


def test_growth_is_seen_within_the_lives() -> None:
    """A restart neither hides growth nor looks like it, and warming up is none."""
    growing = [
        sample(age_s, 1_000_000 * life + 100 * age_s, life=life)
        for life in (0, 1)
        for age_s in range(0, 90, 10)
    ]
    warming = [sample(age_s, 0 if age_s < 30 else 500) for age_s in range(0, 90, 10)]

    assert slope_per_h(growing, "memory_bytes", after_s=0) == 360_000
    assert slope_per_h(growing, "own_bytes", after_s=0) == 180_000
    assert slope_per_h(warming, "memory_bytes", after_s=30) == 0
    assert slope_per_h([], "memory_bytes", after_s=0) is None


def test_table_leaves_out_lives_that_were_too_short() -> None:
    """One row for each life that had warmed up."""
    lines = table([sample(5, 1), sample(70, 2_000_000, life=1)], after_s=60).splitlines()

    assert len(lines) == 3
    assert lines[2].startswith("| 2 | 1.2 | 2.0 MB |")


def test_what_should_not_be_is_told() -> None:
    """A soak that went wrong says so, and how."""
    result = Result(verified=0, ends=[(9.5, 0), (1.0, 137)], differences=["handbook: a.md is missing"])
    broken = replace(result, broken=Counter(run_broke=2), verified=3)

    assert result.problems == [
        "not equal: handbook: a.md is missing",
        "SIGTERM: exit code 0 after 9.5 s",
        "SIGTERM: exit code 137 after 1.0 s",
    ]
    assert broken.problems[3:] == ["syncd verify ended with 3", "2 events run_broke with a traceback"]
