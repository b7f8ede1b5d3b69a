from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from syncd.cli.db import command
from syncd.errors import StateStoreError
from syncd.state.locks import ProcessLock, lock_path
from syncd.state.store import SqlStateStore
from syncd.testing.entries import sent
from tests.conftest import TOKEN


def db(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["--state", f"sqlite:///{path}", *arguments])


def test_path_is_absolute() -> None:
    """Another program can be handed the file."""
    assert db(Path("some.db"), "path").output == f"{Path.cwd()}/some.db\n"


def test_upgrade_makes_a_state_once(tmp_path: Path) -> None:
    """The second time there is nothing to do."""
    path = tmp_path / "syncd.db"

    assert db(path, "upgrade").output == f"state file {path} made with schema 0001\n"
    assert db(path, "upgrade").output == f"state file {path} has schema 0001: nothing to do\n"


def test_status_of_no_state_makes_none(tmp_path: Path) -> None:
    """Asking is not making."""
    path = tmp_path / "syncd.db"

    assert db(path, "status").output == f"{path} does not exist yet: the first sync makes it\n"
    assert list(tmp_path.iterdir()) == []


def test_status_tells_schema_and_holder(tmp_path: Path) -> None:
    """Who uses the state is part of how it stands."""
    path = tmp_path / "syncd.db"
    SqlStateStore(f"sqlite:///{path}").close()
    with ProcessLock(lock_path(path), command="syncd run", at=0.0):
        text = db(path, "status").output
        document = json.loads(db(path, "status", "--json").output)

    assert "schema 0001" in text
    assert "(syncd run, since 1970-01-01T00:00:00+00:00)" in text
    assert document["schema"] == 1
    assert document["state"]["path"] == str(path)
    assert document["state"]["damage"] == []
    assert db(path, "status").output.endswith("not in use\n")


def test_status_fails_on_damage(tmp_path: Path) -> None:
    """A monitor that calls it learns of a broken file by the exit code."""
    path = tmp_path / "syncd.db"
    with SqlStateStore(f"sqlite:///{path}") as store:
        run = store.start("s", trigger="test", at=1.0)
        store.write("s", run, [sent(str(number)) for number in range(1_000)], at=1.0)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 3 * 4096)
        file.write(b"\xa5" * 400)

    result = db(path, "status")

    assert isinstance(result.exception, StateStoreError)
    assert "is damaged" in str(result.exception)


def test_backup_is_a_whole_state(tmp_path: Path) -> None:
    """It can be taken while syncd runs, has what was committed, and is private."""
    path, target = tmp_path / "syncd.db", tmp_path / "copy.db"
    with SqlStateStore(f"sqlite:///{path}") as store:
        store.write("s", store.start("s", trigger="test", at=1.0), [sent("a")], at=1.0)
        assert db(path, "backup", str(target)).output == f"backup written to {target}\n"

    assert target.stat().st_mode & 0o777 == 0o600
    assert target.read_bytes()[18:20] == b"\x01\x01"  # no log: the one file is all there is
    with SqlStateStore(f"sqlite:///{target}", read_only=True) as copy:
        assert set(copy.records("s")) == {"a"}


@pytest.mark.parametrize(
    ("origin", "target", "words"),
    [
        ("syncd.db", "taken.db", "exists and was left alone"),
        ("syncd.db", "none/copy.db", "cannot be written: No such file"),
        ("none.db", "copy.db", "does not exist: there is nothing to back up"),
        ("taken.db", "copy.db", "is not an SQLite database"),
    ],
)
def test_backup_that_cannot_be_made(tmp_path: Path, origin: str, target: str, words: str) -> None:
    """No file is replaced, and none is left behind half written."""
    SqlStateStore(f"sqlite:///{tmp_path}/syncd.db").close()
    (tmp_path / "taken.db").write_text("something else " * 100)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    result = db(tmp_path / origin, "backup", str(tmp_path / target))

    assert isinstance(result.exception, StateStoreError)
    assert words in str(result.exception)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["backup", "path", "status", "upgrade"])
def test_help_needs_no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Who asks how a command is called has none yet."""
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(command, [name, "--help"])

    assert result.exit_code == 0
    assert "--state URL" in result.output


def test_options_stand_before_or_after_the_subcommand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with every other command, -c goes last, too; what stands last counts."""
    monkeypatch.setenv("SYNCD_TEST_TOKEN", TOKEN)
    config = tmp_path / "syncd.yaml"
    config.write_text(
        "sources:\n"
        "  - { name: a, connector: filesystem, root: ., import_source: { url: 'https://a.example.com' } }\n"
        "intercom: { token: '${SYNCD_TEST_TOKEN}' }\n"
        "state: sqlite:///of-config.db\n"
    )
    other = f"sqlite:///{tmp_path}/other.db"

    def path(*arguments: str) -> str:
        return CliRunner().invoke(command, list(arguments)).output

    assert path("path", "-c", str(config)) == f"{tmp_path}/of-config.db\n"
    assert path("-c", str(config), "path") == f"{tmp_path}/of-config.db\n"
    assert path("--state", other, "path", "-c", str(config)) == f"{tmp_path}/of-config.db\n"
    assert path("-c", str(config), "path", "--state", other) == f"{tmp_path}/other.db\n"
