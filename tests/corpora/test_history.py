"""Walking through real history: each commit sends what came out differently, and no more."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from syncd.model import Page
from tests.corpora.samples import GIT, Sample
from tests.corpora.trip import Place, Remembering, settings_of

WALKED = ("redux-docs", "myst-docs")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


@pytest.mark.parametrize("steps", [6, pytest.param(50, marks=pytest.mark.ring)])
@pytest.mark.parametrize("sample", [one for one in GIT if one.name in WALKED], ids=lambda one: one.name)
def test_each_commit_sends_exactly_what_came_out_differently(
    sample: Sample, steps: int, tmp_path: Path
) -> None:
    """Compared with a first sync of the same commit, which has no records to rely on."""
    if not sample.path.is_file():
        pytest.skip(f"no sample {sample.file} in ../shared/samples")
    origin = tmp_path / "origin.git"
    git("clone", "--quiet", "--bare", str(sample.path), str(origin))
    commits = git("-C", str(origin), "rev-list", "--first-parent", f"--max-count={steps + 1}", "main").split()
    settings, renderer = settings_of(sample, origin), Remembering()
    walked = Place(tmp_path / "walked", settings, renderer=renderer)
    before: dict[str, Page] = {}
    quiet = 0

    for number, commit in enumerate(reversed(commits)):
        git("-C", str(origin), "update-ref", "refs/heads/main", commit)
        walked.sync()
        # Only its state is new: the copy of the repository may stay.
        anew = Place(tmp_path / "anew", settings, renderer=renderer)
        after = dict(anew.sync().pages)
        differs = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert (number, sorted(walked.sent)) == (number, sorted(differs))
        assert walked.target.held == after
        quiet += not differs
        before = after

    assert number == steps
    assert quiet < steps
