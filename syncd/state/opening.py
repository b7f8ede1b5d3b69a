"""Opens a state file, in whatever schema it is."""

from __future__ import annotations

from pathlib import Path

from syncd.state import migrate
from syncd.state.database import Database, MemoryCopy, ReadOnlyFile, WritableFile
from syncd.state.faults import explained
from syncd.state.tables import metadata


def open_writable(path: Path, known: migrate.History, wait_s: float) -> tuple[Database, Path | None]:
    """Open the file, made and brought up to date where needed, and name the copy made before that.

    Raises:
        StateStoreError: it cannot be used.
    """
    schema = None
    with explained(path):
        used = path.exists() and path.stat().st_size > 0
    if used:
        # The first look leaves a file that is not ours, or newer, as it is.
        look = ReadOnlyFile(path)
        try:
            schema = look.read(lambda connection: migrate.current(connection, path))
        finally:
            look.close()
        if schema is not None and schema != known.head:
            migrate.require_known(schema, known, path)
    database = WritableFile(path, busy_timeout_s=wait_s)
    if schema == known.head:
        return database, None
    try:
        return database, migrate.upgrade_file(database, path, schema=schema, known=known)
    except BaseException:
        database.close()
        raise


def open_read_only(path: Path, known: migrate.History) -> Database:
    """Open the file without changing a byte of it; one of an older schema as an upgraded copy in memory.

    Raises:
        StateStoreError: it cannot be used.
    """
    with explained(path):
        exists = path.exists()
    copy = MemoryCopy(path)
    if not exists:
        copy.build(metadata.create_all)
        copy.empty = True
        return copy
    file = ReadOnlyFile(path)
    try:
        schema = file.read(lambda connection: migrate.current(connection, path))
        if schema == known.head:
            copy.close()
            return file
        if schema is None:
            copy.build(metadata.create_all)
            copy.empty = True
        else:
            migrate.require_known(schema, known, path)
            copy.fill(file)
            copy.build(lambda connection: migrate.upgrade(connection, known))
    except BaseException:
        copy.close()
        file.close()
        raise
    file.close()
    return copy
