"""What the store needs of a database, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from syncd.state.statements import Shortcut

T = TypeVar("T")


class Database(Protocol):
    """One way to reach the state. Safe to use from several threads; all raise StateStoreError."""

    def read(self, work: Callable[[Connection], T], *, once: bool = False) -> T:
        """Do the work on one consistent state; it may be done twice, so it must only read.

        `once`: it is a single statement, which needs no transaction of its own.
        """
        ...

    def write(
        self,
        work: Callable[[Connection], T],
        *,
        source: str = "",
        shortcut: Callable[[], Shortcut[T]] | None = None,
    ) -> T:
        """Do the work in one transaction, all or nothing; it may be done twice before it is committed.

        It begins with the first statement; what it reads stays true until the end, as far as it is about
        that source.
        `shortcut`: the same work for the usual case. A database that each question takes time to reach
        tries it first.
        """
        ...

    def close(self) -> None:
        """Let go of all connections."""
        ...


def is_postgres(url: str) -> bool:
    """Whether a state URL names a PostgreSQL database."""
    return url.partition("://")[0].partition("+")[0] in ("postgresql", "postgres")
