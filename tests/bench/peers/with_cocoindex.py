"""CocoIndex: a component for each file of a folder, remembered by what it was made of."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_ROOT, _STATE, _URL = sys.argv[1:]
# It is read when the library is imported.
os.environ["COCOINDEX_DB"] = str(Path(_STATE) / "cocoindex.db")
Path(_STATE).mkdir(parents=True, exist_ok=True)

import cocoindex as coco  # noqa: E402
from cocoindex.connectors import localfs  # noqa: E402
from cocoindex.resources.file import FileLike, PatternFilePathMatcher  # noqa: E402
from sending import send  # noqa: E402


@coco.fn(memo=True)
async def page(file: FileLike) -> None:
    """Send one page; not called for a file that did not change."""
    send(_URL, str(file.file_path.path), await file.read_text())


@coco.fn
async def every_page(root: Path) -> None:
    """Mount a component for each file."""
    matcher = PatternFilePathMatcher(included_patterns=["**/*.md"])
    files = localfs.walk_dir(root, recursive=True, path_matcher=matcher)
    await coco.mount_each(page, files.items())


coco.App(coco.AppConfig(name="bench"), every_page, root=Path(_ROOT)).update_blocking()
