"""The exit codes of all commands, in one table.

| code | means |
|---|---|
| 0 | all well |
| 1 | unexpected error |
| 2 | usage or configuration |
| 3 | finished, but pages failed or are quarantined, or a part of the source could not be seen |
| 4 | another process holds the source |
| 5 | Intercom refused the credential |
| 6 | a source, or Intercom itself, is unavailable or suspicious |
| 7 | deletions or a mass rewrite are held |
| 8 | the state store is unusable |
| 130, 143 | ended by SIGINT, by SIGTERM |
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from syncd import errors
from syncd.errors import (
    ConfigError,
    CredentialsRefused,
    SourceBusy,
    SourceError,
    SourceMisconfigured,
    StateStoreError,
    SyncdError,
)
from syncd.model import Result

if TYPE_CHECKING:
    from syncd.outcome import Outcome


OK = 0
UNEXPECTED = 1
USAGE = 2
PARTIAL = 3
BUSY = 4
CREDENTIALS = 5
SOURCE = 6
HELD = 7
STATE = 8
INTERRUPTED = 130
TERMINATED = 143

_GRAVEST_FIRST = (UNEXPECTED, USAGE, STATE, CREDENTIALS, SOURCE, HELD, PARTIAL, BUSY)
"""If several apply: the first of 8, 5, 6, 7, 3, 4. A source that another process holds is in good hands."""


def of_error(error: BaseException) -> int:
    """The exit code that an error asks for."""
    match error:
        case ConfigError() | SourceMisconfigured():
            return USAGE
        case StateStoreError():
            return STATE
        case CredentialsRefused():
            return CREDENTIALS
        case SourceBusy():
            return BUSY
        case SourceError():
            return SOURCE
        case SyncdError():
            return PARTIAL
        case _:
            return UNEXPECTED


def of_kind(kind: str) -> int:
    """The exit code that an error of that class asked for, as `Report.error_kind` tells it."""
    if kind == "Stopped":
        return PARTIAL
    known = getattr(errors, kind, None)
    return UNEXPECTED if known is None else of_error(known(""))


def of_outcome(outcome: Outcome) -> int:
    """The exit code that one run asks for."""
    if outcome.error is not None:
        return of_error(outcome.error)
    if outcome.report.held or outcome.report.result is Result.HELD:
        return HELD
    return OK if outcome.report.result is Result.OK else PARTIAL


def worst(codes: Iterable[int]) -> int:
    """The one code that stands for several."""
    met = set(codes)
    return next((code for code in _GRAVEST_FIRST if code in met), OK)
