"""Real repositories, walked through while Intercom fails in all ways and syncd is killed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.corpora.samples import GIT, Sample
from tests.ring.history import commits, walk

STEPS = 20
WALKED = ("redux-docs", "myst-docs")


@pytest.mark.ring
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("sample", [one for one in GIT if one.name in WALKED], ids=lambda one: one.name)
def test_p07_history_under_faults_ends_like_a_fresh_sync(tmp_path: Path, sample: Sample, seed: int) -> None:
    """No page is lost, doubled, left over or stale, and no run ends in a way that nobody documented."""
    if not sample.path.is_file():
        pytest.skip(f"no sample {sample.file} in ../shared/samples")
    repository = tmp_path / "repository.git"
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", str(sample.path), str(repository)],
        check=True,
        capture_output=True,
    )

    met = walk(tmp_path, repository, commits(repository, "main", STEPS), seed=seed)

    assert met.strange == []
    assert met.doubles == []
    assert met.pages == met.expected
    assert met.repaired == []
    assert met.codes[-9] > 0
