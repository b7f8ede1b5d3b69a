"""syncd connectors: what is installed, and the start of a new one."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from syncd.cli import call

FILES = [
    "README.md",
    "pyproject.toml",
    "syncd_team_wiki/__init__.py",
    "syncd_team_wiki/connector.py",
    "syncd_team_wiki/py.typed",
    "tests/test_team_wiki.py",
]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and a shell whose `python` is another one than syncd's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))


def written(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_without_a_subcommand_it_lists(capsys: pytest.CaptureFixture[str]) -> None:
    """Each connector with what brought it, and its settings with their meaning."""
    assert call(["connectors"]) == 0

    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split()[0] for line in out.splitlines() if "  (syncd " in line] == [
        "confluence_export",
        "filesystem",
        "git",
    ]
    assert re.search(r"^  root +required  The folder; ", out, re.MULTILINE)


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """One document, with the JSON Schema of each connector's settings."""
    assert call(["connectors", "--json"]) == 0

    document = json.loads(capsys.readouterr().out)
    kinds = {kind["name"]: kind for kind in document["connectors"]}
    assert document["schema"] == 1
    assert sorted(kinds) == ["confluence_export", "filesystem", "git"]
    assert kinds["filesystem"]["distribution"] == "syncd"
    assert kinds["filesystem"]["settings"]["required"] == ["root"]


def test_new_writes_a_package_and_tells_the_next_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """They install it where syncd is, whatever `python` means in the shell."""
    assert call(["connectors", "new", "team_wiki"]) == 0

    out, err = capsys.readouterr()
    python = shlex.quote(sys.executable)
    assert out == ""
    assert err == (
        "Wrote syncd-team_wiki: a connector that works, and reads a file of JSON Lines. Then:\n"
        f"  {python} -m pip install --upgrade 'pip>=25.1'    # the first with --group\n"
        f"  {python} -m pip install --editable syncd-team_wiki --group syncd-team_wiki/pyproject.toml:test\n"
        f"  {python} -m pytest syncd-team_wiki\n"
        "  syncd connectors\n"
    )
    assert written(Path("syncd-team_wiki")) == FILES


def test_commands_name_python_where_the_shell_finds_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In syncd's own environment the short form is right; a folder with a space is quoted."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))

    assert call(["connectors", "new", "team_wiki", "--directory", "my wiki"]) == 0

    assert capsys.readouterr().err.splitlines()[2:4] == [
        "  python -m pip install --editable 'my wiki' --group 'my wiki/pyproject.toml:test'",
        "  python -m pytest 'my wiki'",
    ]


def test_no_placeholder_is_left() -> None:
    """Whatever stands for the name or the version of syncd is filled in, in texts and in paths."""
    assert call(["connectors", "new", "team_wiki"]) == 0

    text = "".join(f"{path}\n{Path('syncd-team_wiki', path).read_text()}" for path in FILES)
    assert "NAME" not in text
    assert "VERSION" not in text
    assert ".template" not in text


@pytest.mark.parametrize(
    "name",
    [
        "Wiki",
        "team-wiki",
        "2wiki",
        "_wiki",
        "wiki_",
        "team__wiki",
        "wïki",
        "",
        "a.b",
        "../wiki",
        "wiki\n",
        "w" * 41,
    ],
)
def test_name_that_no_package_can_have_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """It names a distribution, a module and a connector at once."""
    assert call(["connectors", "new", name]) == 2

    err = capsys.readouterr().err
    assert err.startswith(f"error: {name!r} cannot be a connector's name: ")
    assert len(err.splitlines()) == 1
    assert written(tmp_path) == []


def test_name_of_an_installed_connector_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two packages that offer one name make both unusable."""
    assert call(["connectors", "new", "git"]) == 2

    assert capsys.readouterr().err == (
        "error: a connector 'git' is installed already; take another name (`syncd connectors` lists all)\n"
    )
    assert written(tmp_path) == []


def test_folder_that_holds_something_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No file of somebody else's is overwritten, or mixed with."""
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")

    assert call(["connectors", "new", "team_wiki", "--directory", "mine"]) == 2

    assert capsys.readouterr().err == (
        "error: mine is not empty, and nothing was written; --directory names another folder\n"
    )
    assert written(tmp_path) == ["mine/notes.txt"]


def test_empty_folder_is_filled() -> None:
    """A repository may have been made before, or its folder."""
    Path("mine").mkdir()

    assert call(["connectors", "new", "team_wiki", "--directory", "mine"]) == 0

    assert written(Path("mine")) == FILES


@pytest.mark.parametrize("directory", ["notes.txt", "notes.txt/below"])
def test_folder_that_cannot_be_made_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], directory: str
) -> None:
    """A file lies in the way, and stays."""
    Path("notes.txt").write_text("mine")

    assert call(["connectors", "new", "team_wiki", "--directory", directory]) == 2

    assert capsys.readouterr().err == (
        f"error: {directory} cannot be written (not a directory); --directory names another folder\n"
    )
    assert Path("notes.txt").read_text() == "mine"


def test_unknown_subcommand_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt word must not pass for a listing."""
    assert call(["connectors", "nwe"]) == 2

    assert "No such command 'nwe'" in capsys.readouterr().err
