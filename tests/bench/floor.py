"""The least that each kind of work can cost in Python on this machine: what figures are divided by."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zipfile
from pathlib import Path

from lxml import etree

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


def inflated(path: Path) -> int:
    """Inflate each page of an HTML export, cut its content out and hash it; return how many there are."""
    count = 0
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            data = archive.read(entry)
            start = data.find(b'id="main-content"')
            hashlib.sha256(data[start : data.rfind(b'id="footer"')]).digest()
            count += 1
    return count


def parsed(path: Path) -> int:
    """Parse an entities.xml object by object and keep none; return how many there are."""
    count = 0
    with path.open("rb") as file:
        for _, node in etree.iterparse(file, events=("end",), tag="object", huge_tree=True):
            count += 1
            node.clear()
            parent = node.getparent()
            while parent is not None and node.getprevious() is not None:
                del parent[0]
    return count
