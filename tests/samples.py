"""Real documentation, where it is at hand: a folder `shared/samples` beside the checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parent.parent.parent / "shared" / "samples"

BUNDLES = (
    "flux-site",
    "jekyll-docs",
    "mkdocs-material-docs",
    "myst-docs",
    "react-native-docs",
    "redux-docs",
    "rust-book",
)


def bundle(name: str) -> Path:
    """The Git bundle of that name. Skips the test where it is absent."""
    path = SAMPLES / "git" / f"{name}.bundle"
    if not path.is_file():
        pytest.skip(f"no sample {name}.bundle in ../shared/samples/git")
    return path


def clone(name: str, folder: Path) -> Path:
    """Clone a bundle into the folder and return it. Skips the test where the bundle is absent."""
    git("clone", "--quiet", str(bundle(name)), str(folder))
    return folder


def git(*arguments: str, at: Path | None = None) -> str:
    """Run git and return what it prints."""
    where = ("-C", str(at)) if at is not None else ()
    done = subprocess.run(
        ["git", "-c", "core.quotePath=false", "-c", "advice.detachedHead=false", *where, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout
