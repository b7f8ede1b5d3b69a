"""From nothing to a service: the commands of the README, as they stand there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from syncd.sandbox import Running
from tests.conftest import TOKEN
from tests.connectors.git.origins import Origin
from tests.deploy.tools import DEPLOY

_LIMIT_S = 60


def commands() -> list[str]:
    """The lines of the section's one block."""
    section = (
        (DEPLOY.parent / "README.md").read_text(encoding="utf-8").partition("## From nothing to a service")[2]
    )
    block = re.search(r"^```console\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    assert block is not None
    return [line.removeprefix("$ ") for line in block[1].splitlines()]


def test_path_of_a_newcomer(tmp_path: Path, running: Running) -> None:
    """Fewer than ten commands, and the pages of a repository are in Intercom and stay fresh.

    What installs is left out, as the tests run what is installed; repository and Intercom are local ones.
    """
    venv, install, *steps = commands()
    assert len(commands()) < 10
    assert venv.startswith("python3 -m venv")
    assert install.startswith("pip install")
    assert steps[-1] == "syncd run"
    origin = Origin(tmp_path / "origin")
    origin.commit({"README.md": "# Welcome\n\nText.\n", "guides/start.md": "# Start\n\nText.\n"})
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "INTERCOM_TOKEN": TOKEN,
    }

    for step in steps[:-1]:
        done = subprocess.run(
            ["bash", "-ec", step], cwd=home, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{step}\n{done.stdout}{done.stderr}"
        if step.startswith("syncd init"):
            written = home / "syncd.yaml"
            text = written.read_text(encoding="utf-8")
            local = f"url: {origin.folder}\n    allow_local: true"
            text, found = re.subn(r"url: \"?https://github.com/acme/handbook.git\"?", local, text)
            assert found == 1
            written.write_text(text.replace("region: us", f"base_url: {running.url}"), encoding="utf-8")
    with subprocess.Popen(["syncd", "run"], cwd=home, env=environment, stdout=subprocess.DEVNULL) as service:
        until = time.monotonic() + _LIMIT_S
        while len(running.workspace.pages) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        service.send_signal(signal.SIGTERM)
        assert service.wait(_LIMIT_S) == 0
    assert {page.external_id for page in running.workspace.pages} == {"README.md", "guides/start.md"}
