"""syncd config: exact output and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from syncd.cli import call

SOURCES = """\
sources:
  - name: notes
    connector: filesystem
    root: ./notes
    import_source: { url: "https://notes.acme.com" }
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and no configuration from elsewhere."""
    monkeypatch.chdir(tmp_path)
    for name in ("SYNCD_CONFIG", "CONFIGURATION_DIRECTORY", "INTERCOM_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))


def write(text: str) -> None:
    Path("syncd.yaml").write_text(text)


def test_validate_tells_what_it_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right configuration is one line on stdout."""
    write("intercom: { token: '${INTERCOM_TOKEN}' }\n" + SOURCES)
    monkeypatch.setenv("INTERCOM_TOKEN", "canary-token")
    assert call(["config", "validate"]) == 0
    assert capsys.readouterr() == ("ok: syncd.yaml: 1 source (notes)\n", "")


def test_validate_warns_of_a_token_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    """The file is right; what is missing is said, since a sync would fail."""
    write("intercom:\n  token: ${INTERCOM_TOKEN}\n" + SOURCES)
    assert call(["config", "validate", "--json"]) == 0
    out, err = capsys.readouterr()
    warning = (
        "syncd.yaml:2:10: intercom.token: the environment variable INTERCOM_TOKEN is not set. "
        "Set it to the access token, or set 'token_file' to a file that holds it."
    )
    assert json.loads(out) == {
        "schema": 1,
        "result": "ok",
        "path": "syncd.yaml",
        "sources": ["notes"],
        "warnings": [warning],
    }
    assert err == ""
    assert call(["config", "validate"]) == 0
    assert capsys.readouterr() == ("ok: syncd.yaml: 1 source (notes)\n", f"warning: {warning}\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            SOURCES.replace("root:", "rooot:"),
            "syncd.yaml:2:5: sources[0]: 'root' is missing: The folder; a relative path starts at the "
            "configuration file's folder.\n"
            "syncd.yaml:4:5: sources[0].rooot: unknown setting; did you mean 'root'?",
        ),
        (
            SOURCES.replace("filesystem", "filesystm"),
            "syncd.yaml:3:16: sources[0].connector: no connector is called 'filesystm'; "
            "did you mean 'filesystem'? Installed: ",
        ),
        (
            SOURCES + "    page_url: ${NOWHERE}\n",
            "syncd.yaml:6:15: sources[0].page_url: the environment variable NOWHERE is not set; set it, or "
            "give a default: ${NOWHERE:-…}\n",
        ),
        (
            SOURCES + "    enabled: maybe\n",
            "syncd.yaml:6:14: sources[0].enabled: must be true or false, not the text 'maybe'\n",
        ),
        (SOURCES + "    include: [a, '']\n", "syncd.yaml:6:18: sources[0].include[1]: "),
        (
            SOURCES + "    include: []\n",
            "syncd.yaml:6:14: sources[0].include: is empty; it needs at least one entry\n",
        ),
        (SOURCES + "    include: ['../*.md']\n", "syncd.yaml:6:15: sources[0].include[0]: "),
        (SOURCES + "    include: ['[']\n", "syncd.yaml:6:15: sources[0].include[0]: "),
    ],
    ids=[
        "unknown key",
        "unknown connector",
        "unset",
        "wrong type",
        "B17 empty",
        "B17 none",
        "B17 ..",
        "B17 [",
    ],
)
def test_wrong_configuration_exits_with_2(
    text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message is on stderr, at most three lines, and stdout stays empty."""
    write(text)
    assert call(["config", "validate"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {message}")
    assert len(err.splitlines()) <= 3


def test_missing_configuration_exits_with_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It is told where syncd looked, and how to write one."""
    assert call(["config", "show"]) == 2
    assert capsys.readouterr().err == (
        f"error: no configuration file; looked for syncd.yaml, {tmp_path}/none/syncd/config.yaml, "
        "/etc/syncd/config.yaml.\nWrite one with 'syncd init', or name yours with -c FILE or SYNCD_CONFIG.\n"
    )
    assert call(["config", "show", "-c", "mine.yaml"]) == 2
    assert (
        capsys.readouterr().err
        == "error: mine.yaml: no such file; 'syncd init' writes a first configuration\n"
    )


SECRETIVE = (
    "intercom:\n  token: ${INTERCOM_TOKEN}\n  concurrency: ${N:-8}\nstate: postgresql://u:${DB}@h/d\n"
    "defaults: { schedule: every 1h }\n"
    + SOURCES
    + "    page_url: https://acme.com/${INTERCOM_TOKEN}/{slug}\n"
)


def test_show_tells_where_each_value_comes_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """File and line, variable or default; secrets are hidden wherever they turn up."""
    write(SECRETIVE)
    monkeypatch.setenv("INTERCOM_TOKEN", "canary-token")
    monkeypatch.setenv("DB", "canary-password")
    assert call(["config", "show"]) == 0
    out, err = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert 'token: "***" # line 2, ${INTERCOM_TOKEN}' in lines
    assert "concurrency: 8 # line 3, ${N}" in lines
    assert 'region: "us" # default' in lines
    assert 'state: "postgresql://***@h/d" # line 4, ${DB}' in lines
    assert lines.count('schedule: "every 1h" # line 5') == 2
    assert 'root: "notes" # line 9' in lines
    assert 'page_url: "https://acme.com/***/{slug}" # line 11, ${INTERCOM_TOKEN}' in lines
    assert "canary" not in out + err


def test_what_show_prints_is_yaml_of_the_same_shape(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be pasted into a configuration; the settings of a connector stand beside the others."""
    write(SOURCES + SOURCES.partition("\n")[2].replace("notes", "more"))
    assert call(["config", "show"]) == 0
    shown = yaml.safe_load(capsys.readouterr().out)
    assert [source["name"] for source in shown["sources"]] == ["notes", "more"]
    assert shown["sources"][1]["import_source"]["url"] == "https://more.acme.com"
    assert shown["sources"][0]["deletions"]["hold_above"] == {"pages": 10, "percent": 10.0}
    Path("again.yaml").write_text(yaml.safe_dump(shown))
    assert call(["config", "validate", "-c", "again.yaml"]) == 0


def test_show_as_json_has_the_same_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dotted names, for machines."""
    write(SECRETIVE)
    monkeypatch.setenv("INTERCOM_TOKEN", "canary-token")
    monkeypatch.setenv("DB", "canary-password")
    assert call(["config", "show", "--json"]) == 0
    out, _ = capsys.readouterr()
    document = json.loads(out)
    found = {setting.pop("name"): setting for setting in document["settings"]}
    assert found["intercom.token"] == {"value": "***", "line": 2, "variables": ["INTERCOM_TOKEN"]}
    assert found["sources[0].root"] == {"value": "notes", "line": 9, "variables": []}
    assert found["sources[0].deletions.hold_above.pages"] == {"value": 10, "line": None, "variables": []}
    assert "canary" not in out


def test_schema_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    """It knows the connectors that are installed, and needs no configuration."""
    assert call(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    assert "root" in schema["$defs"]["source_filesystem"]["properties"]
