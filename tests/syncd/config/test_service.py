"""The service's own settings: where it listens, and which secrets it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from syncd.config.load import Loaded
from syncd.config.schedule import parse_quiet_hours
from syncd.config.service import Secret, ServiceConfig
from syncd.errors import ConfigError

Read = Callable[..., Loaded]

LONG = "0123456789abcdef"


@pytest.mark.parametrize(
    ("listen", "address", "private"),
    [
        ("127.0.0.1:8321", ("127.0.0.1", 8321), True),
        ("127.8.8.8:1", ("127.8.8.8", 1), True),
        ("[::1]:8321", ("::1", 8321), True),
        ("localhost:65535", ("localhost", 65535), True),
        ("0.0.0.0:8321", ("0.0.0.0", 8321), False),
        ("[::]:8321", ("::", 8321), False),
        ("localhost.acme.com:8321", ("localhost.acme.com", 8321), False),
        ("2130706433:8321", ("2130706433", 8321), False),
    ],
)
def test_address(listen: str, address: tuple[str, int], private: bool) -> None:
    """What other machines may reach needs a token; what cannot be told counts as such."""
    with_token = ServiceConfig(listen=listen, token=SecretStr(LONG))

    assert (with_token.address, with_token.is_private) == (address, private)
    if private:
        ServiceConfig(listen=listen)
    else:
        with pytest.raises(ValidationError, match="must have a token"):
            ServiceConfig(listen=listen)


@pytest.mark.parametrize(
    "listen", ["", "8321", ":8321", "host", "host:0", "host:65536", "::1:8321", "a b:1", "h:1/x"]
)
def test_address_that_is_none(listen: str) -> None:
    """A port is always given, and never left to chance: others have to find it."""
    with pytest.raises(ValidationError, match="must be an address with a port"):
        ServiceConfig(listen=listen, token=SecretStr(LONG))


def test_secret_from_a_file(tmp_path: Path) -> None:
    """Without the line's end that an editor leaves."""
    (tmp_path / "hook").write_text(f"{LONG}\n")

    assert Secret(secret_file=Path("hook")).value(tmp_path, "x") == LONG


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"", "x has 0 characters"),
        (b"0123456789abcde\n", "x has 15 characters"),
        (b"\xff" * 20, "is not text"),
    ],
)
def test_secret_file_that_will_not_do(tmp_path: Path, content: bytes | None, message: str) -> None:
    """An empty secret would let everybody in; the message never has a part of it."""
    if content is not None:
        (tmp_path / "hook").write_bytes(content)

    with pytest.raises(ConfigError, match=message) as caught:
        Secret(secret_file=Path("hook")).value(tmp_path, "x")

    assert "0123456" not in str(caught.value)


def test_one_of_secret_and_file() -> None:
    """Two would be one too many to know which counts."""
    for settings in ({}, {"secret": SecretStr(LONG), "secret_file": Path("hook")}):
        with pytest.raises(ValidationError, match="either a secret or a secret_file"):
            Secret.model_validate(settings)
    with pytest.raises(ValidationError, match="not both"):
        ServiceConfig(token=SecretStr(LONG), token_file=Path("token"))


@pytest.mark.parametrize("text", ["22:00-06:00", "00:00-23:59", "12:30-12:31"])
def test_quiet_hours(text: str) -> None:
    """They are shown as they were written."""
    assert str(parse_quiet_hours(text)) == text


@pytest.mark.parametrize(
    "value", ["22-6", "24:00-06:00", "22:00", "22:00-22:00", "2:00-6:00", "", 1320, None]
)
def test_quiet_hours_that_are_none(value: object) -> None:
    """Hours of two digits, and not all day."""
    with pytest.raises(ValueError, match="must"):
        parse_quiet_hours(value)


@pytest.mark.parametrize(
    "service", ["token: written-out-in-the-file", "webhooks: { github: { secret: written-out-in-the-file } }"]
)
def test_secret_in_the_file_is_refused(read: Read, service: str) -> None:
    """A configuration gets copied and committed."""
    source = "sources: [{ name: a, connector: mail, host: h, import_source: { id: 1 } }]"

    with pytest.raises(ConfigError, match="a secret must not stand in this file") as caught:
        read(f"service: {{ {service} }}\n{source}")

    assert "written-out" not in str(caught.value)


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd", "CET+1"])
def test_time_zone_that_is_none(read: Read, zone: str) -> None:
    """It is told when the configuration is read, and not in the night when it counts."""
    source = f'{{ name: a, connector: mail, host: h, timezone: "{zone}", import_source: {{ id: 1 }} }}'

    with pytest.raises(ConfigError, match="is no time zone that this machine knows"):
        read(f"sources: [{source}]")
