"""syncd init: asks on a terminal, takes options elsewhere, and never overwrites by itself."""

from __future__ import annotations

import os
import pty
import stat
import sys
from pathlib import Path

import pytest
import yaml

from syncd.cli import call

OPTIONS = ["--root", "./docs", "--import-source-url", "https://docs.acme.com"]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNCD_CONFIG", raising=False)


def on_a_terminal(*arguments: str, answers: str) -> tuple[str, int]:
    """Run `syncd init` on a terminal of its own; what it showed, and its exit code."""
    process, terminal = pty.fork()
    if process == 0:
        os.execv(
            sys.executable, [sys.executable, "-c", "from syncd.cli import main; main()", "init", *arguments]
        )
    os.write(terminal, answers.encode())
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # so a terminal tells that the other side went away
            break
        if not piece:
            break
        shown += piece
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def test_options_alone_write_a_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    """What it writes is right, readable by its owner alone, and the next two commands are told."""
    page_url = "https://docs.acme.com/{slug}"
    assert call(["init", *OPTIONS, "--page-url", page_url, "--region", "eu", "--set", "include=5"]) == 2
    assert "include: must be a list" in capsys.readouterr().err
    assert call(["init", *OPTIONS, "--page-url", page_url, "--region", "eu"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "Wrote syncd.yaml. Put the access token into INTERCOM_TOKEN; then:\n"
        "  syncd check    # proves that all of it works, and changes nothing\n"
        "  syncd plan     # tells what a sync would do\n"
    )
    text = Path("syncd.yaml").read_text()
    assert "# yaml-language-server: $schema=" in text
    written = yaml.safe_load(text)
    assert written["intercom"] == {"token": "${INTERCOM_TOKEN}", "region": "eu"}
    [source] = written["sources"]
    assert (source["name"], source["connector"], source["root"]) == ("docs", "filesystem", "./docs")
    assert (source["import_source"], source["page_url"]) == ({"url": "https://docs.acme.com"}, page_url)
    assert stat.S_IMODE(Path("syncd.yaml").stat().st_mode) == 0o600
    assert call(["config", "validate"]) == 0


def test_settings_are_what_the_connector_wants() -> None:
    """Numbers, lists and yes or no are read as in YAML; what is a text stays one, whatever it looks like."""
    given = ["allow_local=true", "time_limit_s=60", 'include=["**/*.md", guide.txt]', "branch=on", "root=5"]
    asked = [part for text in given for part in ("--set", text)]
    url = ["--set", "url=/srv/handbook.git", "--import-source-url", "https://docs.acme.com"]
    assert call(["init", "--connector", "git", *url, *asked]) == 0
    [source] = yaml.safe_load(Path("syncd.yaml").read_text())["sources"]
    assert (source["allow_local"], source["time_limit_s"]) == (True, 60)
    assert source["include"] == ["**/*.md", "guide.txt"]
    assert (source["branch"], source["root"], source["url"]) == ("on", "5", "/srv/handbook.git")


@pytest.mark.parametrize(
    ("given", "wrong"),
    [("allow_local=perhaps", "allow_local: must be"), ("include=**/*.md", "include: must be a list")],
)
def test_settings_that_do_not_fit_are_named(
    given: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a configuration that somebody wrote by hand would be answered."""
    url = ["--set", "url=https://git.acme.com/a.git", "--import-source-url", "https://docs.acme.com"]
    assert call(["init", "--connector", "git", *url, "--set", given]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: nothing was written, since this would be wrong (--set NAME=VALUE):\n")
    assert wrong in err
    assert not Path("syncd.yaml").exists()


def test_without_a_terminal_the_missing_options_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and nothing is written."""
    assert call(["init"]) == 2
    assert capsys.readouterr().err.endswith(
        "Error: nobody to ask: give --root and --import-source-url, or run it on a terminal\n"
    )
    assert not Path("syncd.yaml").exists()


def test_existing_file_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """Only --force overwrites."""
    Path("syncd.yaml").write_text("mine")
    assert call(["init", *OPTIONS]) == 2
    assert capsys.readouterr().err == (
        "error: syncd.yaml exists already; --force overwrites it, --output names another file\n"
    )
    assert Path("syncd.yaml").read_text() == "mine"
    assert call(["init", *OPTIONS, "--force"]) == 0
    assert "connector" in Path("syncd.yaml").read_text()


def test_wrong_answers_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """The text is read as a configuration before it becomes a file."""
    assert call(["init", "--root", "x", "--import-source-url", "http://localhost"]) == 2
    assert "Intercom takes only public domain names" in capsys.readouterr().err
    assert call(["init", *OPTIONS, "--set", "nonsense"]) == 2
    assert capsys.readouterr().err.endswith("Error: --set takes NAME=VALUE, not 'nonsense'\n")
    assert call(["init", *OPTIONS, "--connector", "nots"]) == 2
    assert capsys.readouterr().err.startswith("error: no connector is called 'nots'")
    assert not Path("syncd.yaml").exists()


def test_folder_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """The system's reason is told."""
    assert call(["init", *OPTIONS, "--output", "none/syncd.yaml"]) == 2
    assert capsys.readouterr().err == "error: none/syncd.yaml cannot be written (no such file or directory)\n"


def test_questions_on_a_terminal(tmp_path: Path) -> None:
    """A wrong answer is asked again; the defaults are shown."""
    answers = "\n./handbook: old\nhttp://localhost\nhttps://docs.acme.com\n\nuk\nau\n"
    shown, code = on_a_terminal(answers=answers)
    assert code == 0
    assert "Connector [filesystem]:" in shown
    assert "Error: Intercom takes only public domain names" in shown
    assert "Error: us, eu or au" in shown
    written = yaml.safe_load((tmp_path / "syncd.yaml").read_text())
    assert written["intercom"]["region"] == "au"
    assert written["sources"][0]["root"] == "./handbook: old"
    assert "page_url" not in written["sources"][0]


def test_nothing_is_asked_on_a_terminal_with_no_input() -> None:
    """-y takes the defaults, and names what has none."""
    shown, code = on_a_terminal("-y", "--root", "x", answers="")
    assert (code, "give --import-source-url, or" in shown) == (2, True)
