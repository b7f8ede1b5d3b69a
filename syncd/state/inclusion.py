"""What pages include, kept among their links: a target is the name of a file, its URL the file's version."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, and_, bindparam, not_, select

from syncd.journal import INCLUDED
from syncd.state.rows import storable
from syncd.state.tables import links

# A range and no pattern, so that the index finds them at once, or that there are none.
_IS_FILE = and_(links.c.target >= INCLUDED, links.c.target < INCLUDED[:-1] + ";")

_CHUNK = 500

IS_LINK = not_(_IS_FILE)


INCLUDED_FILES = (
    select(links.c.target, links.c.url).where(links.c.source == bindparam("of"), _IS_FILE).distinct()
)


def named(rows: Iterable[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """The (name, version) pairs of files in the rows of INCLUDED_FILES."""
    return [(target.removeprefix(INCLUDED), version) for target, version in rows]


def including(connection: Connection, source: str, files: Collection[tuple[str, str | None]]) -> set[str]:
    """External ids of the pages that looked for one of the files and found it in that version."""
    wanted = {(storable(INCLUDED + name), version) for name, version in files}
    targets = sorted({target for target, _ in wanted})
    found: set[str] = set()
    for start in range(0, len(targets), _CHUNK):
        query = select(links.c.external_id, links.c.target, links.c.url).where(
            links.c.source == source, links.c.target.in_(targets[start : start + _CHUNK])
        )
        found.update(row[0] for row in connection.execute(query) if (row[1], row[2]) in wanted)
    return found
