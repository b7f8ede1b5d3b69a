"""The programs that read what deploy/ holds, and how they are had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

_WAYS = {
    "promtool": "apt-get install prometheus",
    "systemd-analyze": "it comes with systemd",
    "setpriv": "it comes with util-linux",
    "unshare": "it comes with util-linux",
}
_IN_GROUP = "make test-deploy installs it"


def run(tool: str, *arguments: str | Path, stdin: str = "", cwd: Path = DEPLOY) -> str:
    """Run a tool that must be content, and return what it said; skip the test where there is none."""
    done = subprocess.run(
        [found(tool), *map(str, arguments)], input=stdin, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def found(tool: str) -> str:
    """Where a tool is: beside this Python, or on the path; skip the test if it is nowhere."""
    beside = Path(sys.executable).parent
    path = os.pathsep.join([str(beside), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    if (place := shutil.which(tool, path=path)) is None:
        pytest.skip(f"no {tool} on this machine: {_WAYS.get(tool, _IN_GROUP)}")
    return place


def fails(tool: str, *arguments: str | Path, stdin: str = "") -> bool:
    """Whether a tool finds a mistake, which shows that it looks."""
    with pytest.raises(AssertionError):
        run(tool, *arguments, stdin=stdin)
    return True


def files(*patterns: str) -> Sequence[Path]:
    """What of deploy/ has such names, by path."""
    return sorted(path for pattern in patterns for path in DEPLOY.rglob(pattern))
