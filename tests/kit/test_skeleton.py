"""What `syncd connectors new` writes: it is tested, checked and run here as its author would do it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from syncd.cli import call

ROOT = Path(__file__).resolve().parents[2]

NAME = "team_wiki"

MAIN = "from syncd.cli import main; main()"


def skeleton(folder: Path, name: str = NAME) -> Path:
    assert call(["connectors", "new", name, "--directory", str(folder)]) == 0
    return folder


def python(
    project: Path, *arguments: str, path: tuple[Path, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run this interpreter in the project, with this checkout's syncd and no other setting than PATH."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(project),
            "PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT))),
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def pytest_in(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)


def installed(project: Path) -> Path:
    """What an installation would put on the path to make the entry points known."""
    declared = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = project / "site" / f"{NAME}-{declared['version']}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: {declared['name']}\nVersion: {declared['version']}\n", encoding="utf-8"
    )
    groups = [
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())])
        for group, entries in declared["entry-points"].items()
    ]
    (folder / "entry_points.txt").write_text("\n".join(groups), encoding="utf-8")
    return folder.parent


def block(readme: str, language: str) -> str:
    """The one code block of a language."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert isinstance(found, str)
    return found


def test_its_tests_pass_at_once(tmp_path: Path) -> None:
    """Before a line is changed, before it is installed; only the optional hook for scopes is left open."""
    done = pytest_in(skeleton(tmp_path))

    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d+ passed, 1 skipped in ", done.stdout, re.MULTILINE), done.stdout
    assert "no scope that can fail by itself" in done.stdout


@pytest.mark.parametrize(
    ("right", "wrong", "noticed_by"),
    [
        ("return Item(head.id, _version(line)", 'return Item(head.id, "1"', "test_version_moves_exactly"),
        (
            "except OSError as error:\n            raise",
            "except ValueError as error:\n            raise",
            "test_lost_",
        ),
        ("if seen.hexdigest() != self._revision", "if not seen", "test_file_that_changes"),
        ('yield Unlisted("", ', 'yield Unlisted("x", ', "test_broken_line"),
        (
            'raise ItemError(f"{item.path}: cannot',
            'raise ValueError(f"{item.path}: cannot',
            "test_unreadable_",
        ),
        ("hide_input_in_errors=True", "hide_input_in_errors=False", "test_message_about_a_line"),
        ("return self._revision", 'return "1"', "test_revision_is_equal_only"),
    ],
)
def test_its_tests_notice_a_mistake(tmp_path: Path, right: str, wrong: str, noticed_by: str) -> None:
    """An author who breaks a promise hears of it before Intercom does."""
    module = skeleton(tmp_path) / f"syncd_{NAME}" / "connector.py"
    text = module.read_text(encoding="utf-8")
    assert right in text
    module.write_text(text.replace(right, wrong, 1), encoding="utf-8")

    done = pytest_in(tmp_path, "-k", noticed_by)

    assert re.search(rf"^FAILED .*::{noticed_by}", done.stdout, re.MULTILINE), done.stdout


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")
@pytest.mark.parametrize("name", ["a", NAME, "z" * 40])
def test_it_is_tidy_whatever_its_name(tmp_path: Path, name: str) -> None:
    """Formatted, sorted, and no line too long, also with the longest name."""
    skeleton(tmp_path, name)

    style = python(tmp_path, "-m", "ruff", "format", "--no-cache", "--diff", ".")
    lint = python(tmp_path, "-m", "ruff", "check", "--no-cache", ".")

    assert (style.returncode, lint.returncode) == (0, 0), style.stdout + lint.stdout


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_its_types_are_right(tmp_path: Path) -> None:
    """Its own settings ask mypy for strictness."""
    skeleton(tmp_path)

    done = python(tmp_path, "-m", "mypy", MYPYPATH=str(ROOT))

    assert done.returncode == 0, done.stdout
    assert done.stdout == "Success: no issues found in 3 source files\n"


def test_installed_it_is_listed_and_planned_as_its_readme_says(tmp_path: Path) -> None:
    """The pages and the configuration of the README, word for word, give a plan."""
    project = skeleton(tmp_path)
    path = (project, installed(project))
    readme = (project / "README.md").read_text(encoding="utf-8")
    (project / "pages.jsonl").write_text(block(readme, "json"), encoding="utf-8")
    (project / "syncd.yaml").write_text(block(readme, "yaml"), encoding="utf-8")

    listed = python(project, "-c", MAIN, "connectors", "--json", path=path)
    planned = python(project, "-c", MAIN, "plan", "--json", path=path, INTERCOM_TOKEN="canary-token")
    taken = python(project, "-c", MAIN, "connectors", "new", NAME, "--directory", "other", path=path)

    kinds: dict[str, Any] = {kind["name"]: kind for kind in json.loads(listed.stdout)["connectors"]}
    assert kinds[NAME]["summary"] == "A file of JSON Lines whose lines are the pages."
    assert (kinds[NAME]["distribution"], kinds[NAME]["version"]) == (f"syncd-{NAME}", "0.1.0")
    assert kinds[NAME]["settings"]["required"] == ["path"]
    assert planned.returncode == 0, planned.stderr
    operations = json.loads(planned.stdout)["operations"]
    assert [(one["action"], one["external_id"]) for one in operations] == [
        ("create", "guides/install"),
        ("create", "guides/sign-in"),
    ]
    assert taken.returncode == 2
    assert f"a connector {NAME!r} is installed already" in taken.stderr
