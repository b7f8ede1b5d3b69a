"""Where the access token comes from, asked anew for each use."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from syncd.errors import ConfigError

Token = Callable[[], str]
"""Gives the current access token. Raises ConfigError if there is none."""

_MAX_BYTES = 16_384


class GivenToken:
    """A token that was there when the configuration was read, or the reason why none was.

    Args:
        problem: why there is none, if the configuration names one.
        path: of the configuration, for the message.
        noticed: is told the token before it is given.
    """

    def __init__(
        self, value: str | None, problem: str | None, path: Path, noticed: Callable[[str], None] | None = None
    ) -> None:
        self._value = value
        self._problem = problem
        self._path = path
        self._noticed = noticed

    def __call__(self) -> str:
        if self._problem is not None:
            raise ConfigError(self._problem)
        if not self._value:
            raise ConfigError(
                f"{self._path}: no Intercom access token is configured.\n"
                "Set 'token: ${INTERCOM_TOKEN}' under 'intercom' and give the token in that variable,\n"
                "or set 'token_file' to a file that holds it."
            )
        return _checked(self._value, "intercom.token", self._noticed)


class FileToken:
    """A token in a file, read again whenever the file is another one than before.

    Args:
        noticed: is told each token before it is given.
    """

    def __init__(self, path: Path, noticed: Callable[[str], None] | None = None) -> None:
        self._path = path
        self._noticed = noticed
        # Replaced as a whole, so that two threads never see the stamp of one file with the token of another.
        self._seen: tuple[tuple[int, int, int], str] | None = None

    def __call__(self) -> str:
        try:
            with open(self._path, "rb") as file:
                status = os.fstat(file.fileno())
                stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
                if self._seen is not None and self._seen[0] == stamp:
                    return self._seen[1]
                raw = file.read(_MAX_BYTES + 1)
        except OSError as error:
            reason = (error.strerror or "unreadable").lower()
            raise ConfigError(
                f"intercom.token_file: {self._path} cannot be read ({reason}); "
                "write the access token into it, readable by this user"
            ) from error
        token = _checked(_decode(raw, self._path), f"intercom.token_file: {self._path}", self._noticed)
        self._seen = (stamp, token)
        return token


def readable_by_others(path: Path) -> bool:
    """Whether other users than the owner and its group can read the file; False if it cannot be told."""
    try:
        return bool(os.stat(path).st_mode & stat.S_IROTH)
    except OSError:
        return False


def _decode(raw: bytes, path: Path) -> str:
    try:
        text = raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"intercom.token_file: {path} is not text; it must hold the access token alone"
        ) from error
    if not text:
        raise ConfigError(f"intercom.token_file: {path} is empty; write the access token into it")
    return text


def _checked(token: str, where: str, noticed: Callable[[str], None] | None) -> str:
    if noticed is not None:
        noticed(token)
    # What else it holds would end up in a header.
    if len(token) > _MAX_BYTES or not all("!" <= character <= "~" for character in token):
        raise ConfigError(
            f"{where} does not hold an access token: there are blanks or other characters in it"
        )
    return token
