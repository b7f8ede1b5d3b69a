"""Files that come with syncd and are no code: in a wheel inside the package, in a checkout beside it."""

from __future__ import annotations

from pathlib import Path

from syncd.errors import FatalError

_PACKAGE = Path(__file__).resolve().parent


def shipped(in_wheel: str, in_checkout: str) -> Path:
    """Return where a shipped file or folder lies.

    Raises:
        FatalError: it is in neither place, so the installation is damaged.
    """
    for place in (_PACKAGE / in_wheel, _PACKAGE.parent / in_checkout):
        if place.exists():
            return place
    raise FatalError(f"{in_checkout} is missing from this installation of syncd; install it again")


def handbook() -> Path:
    """The sample handbook that `syncd demo` publishes."""
    return shipped("_data/handbook", "tests/data/handbook")
