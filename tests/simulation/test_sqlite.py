"""Lives on a real SQLite file: what the store in memory promises, the real one keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.sqlite import OnSqlite

SEEDS = 24
CHUNK = 6


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_laws_hold_on_sqlite(tmp_path: Path, first: int) -> None:
    """The same laws, the same trouble; a death drops the connection, and the next life opens the file."""
    for seed in range(first, first + CHUNK):
        folder = tmp_path / str(seed)
        folder.mkdir()
        life = OnSqlite(seed, folder).live()

        assert not life.broken, f"seed {seed} on SQLite: {life.broken}"
