"""The access token: by reference or by file, and only when somebody needs it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.config.load import Loaded, load_config
from syncd.config.model import Config
from syncd.config.token import FileToken
from syncd.errors import ConfigError
from tests.syncd.config.conftest import settings_model

Read = Callable[..., Loaded]
SOURCE = "sources: [{ name: a, connector: mail, host: h, import_source: { id: 1 } }]\n"


def config_in(folder: Path, intercom: str) -> Config:
    file = folder / "syncd.yaml"
    file.write_text(f"intercom: {{ {intercom} }}\n{SOURCE}")
    return load_config(file, environ={}, settings_model=settings_model)


def test_token_from_a_variable(read: Read) -> None:
    """The reference is filled in from the environment."""
    config = read("intercom: { token: '${T}' }\n" + SOURCE, T="dG9rOmFiYw==").config
    assert config.token_source()() == "dG9rOmFiYw=="
    assert "dG9r" not in repr(config)


@pytest.mark.parametrize("environ", [{}, {"T": ""}])
def test_unset_variable_is_an_error_when_the_token_is_needed(read: Read, environ: dict[str, str]) -> None:
    """A command that does not talk to Intercom runs without it."""
    config = read("intercom:\n  token: ${T}\n" + SOURCE, **environ).config
    with pytest.raises(ConfigError) as caught:
        config.token_source()()
    assert str(caught.value) == (
        "syncd.yaml:2:10: intercom.token: the environment variable T is not set.\n"
        "Set it to the access token, or set 'token_file' to a file that holds it."
    )
    assert config.secrets() == frozenset()


def test_no_token_names_both_ways_to_give_it(read: Read) -> None:
    """Neither `token` nor `token_file` is there."""
    with pytest.raises(ConfigError) as caught:
        read(SOURCE).config.token_source()()
    assert str(caught.value) == (
        "syncd.yaml: no Intercom access token is configured.\n"
        "Set 'token: ${INTERCOM_TOKEN}' under 'intercom' and give the token in that variable,\n"
        "or set 'token_file' to a file that holds it."
    )


@pytest.mark.parametrize("raw", [b"abc\n", b"abc\r\n", b"\xef\xbb\xbfabc", b"  abc\t\n\n"])
def test_blanks_around_a_token_in_a_file_do_not_count(tmp_path: Path, raw: bytes) -> None:
    """Editors end a file with a new line, and some begin it with a byte order mark."""
    (tmp_path / "token").write_bytes(raw)
    config = config_in(tmp_path, "token_file: token")
    assert config.token_source()() == "abc"
    assert config.secrets() == {"abc"}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "intercom.token_file: {} cannot be read (no such file or directory); "
         "write the access token into it, readable by this user"),
        (b" \n", "intercom.token_file: {} is empty; write the access token into it"),
        (b"\xff\xfea\0", "intercom.token_file: {} is not text; it must hold the access token alone"),
        (b"abc\nX-Other: 1", "intercom.token_file: {} does not hold an access token: "
         "there are blanks or other characters in it"),
        (b"x" * 20_000, "intercom.token_file: {} does not hold an access token: "
         "there are blanks or other characters in it"),
    ],
    ids=["missing", "empty", "binary", "two lines", "huge"],
)  # fmt: skip
def test_file_without_a_token(tmp_path: Path, raw: bytes | None, message: str) -> None:
    """The file is named, and what it holds is not shown."""
    file = tmp_path / "token"
    if raw is not None:
        file.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        FileToken(file)()
    assert str(caught.value) == message.format(file)


def test_rotated_token_is_taken_without_a_restart(tmp_path: Path) -> None:
    """The file is read again when it is another one, and each token is told before it is given."""
    file = tmp_path / "token"
    file.write_text("first")
    noticed: list[str] = []
    token = FileToken(file, noticed.append)
    assert [token(), token()] == ["first", "first"]
    (tmp_path / "new").write_text("other")
    (tmp_path / "new").replace(file)
    assert token() == "other"
    assert noticed == ["first", "other"]


def test_token_that_every_user_can_read_is_a_warning(tmp_path: Path) -> None:
    """Not an error: containers are given their secrets like that."""
    file = tmp_path / "token"
    file.write_text("abc")
    file.chmod(0o644)
    expected = f"every user of this machine can read the token file {file}; run: chmod 600 {file}"
    assert config_in(tmp_path, "token_file: token").warnings == (expected,)
    file.chmod(0o640)
    assert config_in(tmp_path, "token_file: token").warnings == ()


def test_token_file_may_appear_later(tmp_path: Path) -> None:
    """Nothing is read before the token is needed."""
    config = config_in(tmp_path, f"token_file: {os.fspath(tmp_path / 'later')}")
    token = config.token_source()
    (tmp_path / "later").write_text("abc")
    assert token() == "abc"
