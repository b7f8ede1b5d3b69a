"""The least that each kind of work can cost in Python on this machine: what figures are divided by."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path

_COLUMNS = "external_id, version, state, content_hash, page_id, rules, absences, absent_since, ambiguous_at"


def walk(root: Path) -> int:
    """Ask for the status of every file below `root` without opening one; return how many there are."""
    # Written out, since even a generator would be dearer.
    count = 0
    waiting = [str(root)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    entry.stat(follow_symlinks=False)
                    count += 1
    return count


def rows(state: Path) -> int:
    """Read of SQLite all columns that a plan needs, in one query; return how many rows there are."""
    connection = sqlite3.connect(f"file:{state}?mode=ro", uri=True)
    try:
        # nothing here comes from outside
        return len(connection.execute(f"SELECT {_COLUMNS} FROM records").fetchall())
    finally:
        connection.close()


def digests(root: Path) -> int:
    """Read and hash (SHA-256) every file below `root`; return how many there are."""
    count = 0
    waiting = [str(root)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                with open(entry.path, "rb", buffering=0) as file:
                    hashlib.sha256(file.read()).digest()
                count += 1
    return count
