"""What the dashboard is made of besides code has to be in the wheel, and nothing comes from elsewhere."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WEB = ROOT / "syncd" / "web"


def test_wheel_has_templates_and_static_files(tmp_path: Path) -> None:
    """A page without its template, or htmx without its licence, would be found out by users."""
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")

    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in WEB.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    assert {"syncd/web/templates/base.html", "syncd/web/static/style.css"} <= wanted
    assert wanted <= names


def test_htmx_is_as_it_was_published() -> None:
    """The file of the package htmx.org 2.0.11 (npm), untouched."""
    script = (WEB / "static" / "htmx.min.js").read_bytes()

    assert b'version:"2.0.11"' in script
    assert (WEB / "static" / "htmx.LICENSE").read_text(encoding="utf-8").startswith("Zero-Clause BSD")
