"""The connector that connectors/README.md teaches works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "connectors/README.md"


def test_taught_connector_passes_its_own_test(tmp_path: Path) -> None:
    """Somebody's first connector is a copy of this one."""
    connector, test = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "acme_wiki.py").write_text(connector)
    (tmp_path / "test_acme_wiki.py").write_text(test)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    plain = ["-q", "-W", "error", "-p", "no:asyncio", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *plain, "test_acme_wiki.py"]

    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_table_names_every_connector() -> None:
    """A connector that nobody is told of is not found."""
    folder = README.parent
    modules = {one.name for one in folder.glob("*.py")} - {"__init__.py"}
    packages = {f"{one.parent.name}/" for one in folder.glob("*/__init__.py")}

    table = README.read_text(encoding="utf-8").partition("## ")[0]
    assert modules | packages == set(re.findall(r"`(\w+(?:\.py|/))`", table))
