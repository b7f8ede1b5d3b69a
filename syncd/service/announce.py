"""How the commands of the same user find a service that runs on their state: a file beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from syncd.errors import StateStoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a service listens, and what it lets a command in with."""

    host: str
    port: int
    token: str


def announcement(state_path: Path) -> Path:
    """Where the service of a state file tells its address: beside it."""
    return state_path.with_name(state_path.name + ".service")


@contextmanager
def announced(path: Path, address: Address) -> Iterator[None]:
    """Tell the address, to this user only, while the context lasts.

    Raises:
        StateStoreError: the file cannot be written.
    """
    told = {"host": address.host, "port": address.port, "token": address.token}
    temporary = path.with_name(path.name + ".new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(told, file)
        os.replace(temporary, path)
    except OSError as error:
        raise StateStoreError(
            f"{path} cannot be written: {error.strerror}. Let this user write the folder of the state file."
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()


def address_of(path: Path) -> Address | None:
    """Return the address that was told last; None if none was, or it cannot be read."""
    try:
        told = json.loads(path.read_bytes())
        return Address(host=str(told["host"]), port=int(told["port"]), token=str(told["token"]))
    except (OSError, ValueError, LookupError, TypeError):
        return None
