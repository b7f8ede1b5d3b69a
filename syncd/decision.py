"""What people decide about a source or a page, and what stands because of it.

A decision may be made at any time, also while another process runs: it is a transaction of its own, and the
run asks about it again in the transaction of every intent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Question(StrEnum):
    """What can wait for a person, one hold each for a source at the same time."""

    DELETES = "deletes"
    UPDATES = "updates"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approve:
    """Let up to `count` of the held pages go, until that Unix second, with the next run."""

    question: Question
    count: int
    until: float
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """The held pages stay as they are: an approval, if there is one, is void."""

    question: Question
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Send nothing of the source until it is released."""

    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Let a frozen source go on."""

    by: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeDown:
    """Keep a page out, whatever its origin says, until it is restored."""

    external_id: str
    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Let a page that was taken down be published again."""

    external_id: str
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try a page in quarantine again with the next run, whatever its version; None for all of the source."""

    external_id: str | None
    by: str
    why: str = ""


Decision = Approve | Reject | Freeze | Release | TakeDown | Restore | Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A decision that stands: since that Unix second, by whom and why."""

    since: float
    by: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What stands for one source.

    Attributes:
        frozen: nothing is sent; None for a source that is not frozen.
        taken_down: by external_id, each page that stays out.
    """

    frozen: Order | None = None
    taken_down: Mapping[str, Order] = field(default_factory=dict)


NONE = Orders()
"""What stands for a source that nobody ordered anything for."""
