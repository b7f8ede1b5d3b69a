"""Markdown, HTML and plain text under a folder.

The external id of a file is its path relative to the root (`connectors.files.external_id`). Its version
is size, modification time and inode, so a listing opens no file. Two writes within one tick of the file
system's clock can leave all three as they were: a file that was read within the tick of its last
change gets a version that no listing gives, and is read once more by the next run.

Symbolic links are not followed, and every file is opened folder by folder from the root without
following any, so nothing outside of the root can be read, whatever is swapped in during a run.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from connectors.files import (
    FileSettings,
    Selection,
    check_size,
    decode,
    external_id,
    file_path,
    located,
    media_type,
)
from syncd.connector import Connector, Context, Snapshot
from syncd.errors import ConfigError, ItemError, ListingIncomplete, SourceUnavailable
from syncd.model import Document, Item, Unlisted

# Kernels stamp files by a clock that ticks every 1 to 10 ms; FAT and old file systems keep whole seconds.
_TICK_NS = 10_000_000
_COARSE_TICK_NS = 2_000_000_000
_SECOND_NS = 1_000_000_000

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe would wait for its other end.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_ATTEMPTS = 3

_LINK = "a symbolic link; links are not followed"


class FilesystemSettings(FileSettings):
    """A folder whose files are the pages."""

    root: Path = Field(
        description="The folder; a relative path starts at the configuration file's folder.",
    )


def open_connector(settings: FilesystemSettings, context: Context) -> Connector:
    """Return a connector for one folder.

    Raises:
        ConfigError: the root is one that nobody means to publish.
    """
    root = located(settings.root, context.base)
    if root in (Path("/"), located(Path("~"), context.base)):
        what = "the whole file system" if root == Path("/") else "a home folder"
        raise ConfigError(
            f"source {context.source}: the root {root} is {what}; "
            "set 'root' to the folder that holds the pages"
        )
    return Filesystem(root, settings)


class Filesystem:
    """One folder (a Connector)."""

    def __init__(self, root: Path, settings: FilesystemSettings) -> None:
        self._root = root
        self._settings = settings

    @contextmanager
    def open(self) -> Iterator[Snapshot]:
        """Hold the root open, so that all of one run is about one folder."""
        try:
            # The root itself may be a symbolic link: the configuration names it.
            descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SourceUnavailable(_no_root(self._root, error)) from error
        try:
            yield Folder(self._root, descriptor, self._settings)
        finally:
            os.close(descriptor)


class Folder(Snapshot):
    """A folder as it is now."""

    def __init__(self, root: Path, descriptor: int, settings: FilesystemSettings) -> None:
        self._root = root
        self._descriptor = descriptor
        self._settings = settings
        self._selection = Selection(settings)
        self._identity = _identity(os.fstat(descriptor))

    @property
    def identity(self) -> str:
        """Device and inode of the root: another volume mounted at the same path is another origin."""
        return self._identity

    @property
    def landmarks(self) -> Collection[str]:
        """What lies at the root itself."""
        try:
            return os.listdir(self._descriptor)
        except OSError:
            return ()  # the listing will say so

    def items(self) -> Iterator[Item | Unlisted]:
        """Name every file that is to be a page.

        A folder that cannot be listed is Unlisted. Symbolic links, pipes and what else is no regular
        file are skipped, and so is what a pattern leaves out; each is named.
        """
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                yield from self._entries(folder, waiting)
            except OSError as error:
                if not folder:
                    raise ListingIncomplete(
                        f"cannot list the root {self._root}: {_reason(error)}; nothing is deleted. "
                        "Check the volume and its permissions."
                    ) from error
                yield Unlisted(_id(folder), f"cannot list the folder: {_reason(error)}")
        gone = self._lost()
        if gone:
            raise ListingIncomplete(gone)

    def read(self, item: Item) -> Document:
        """Read one file, again if it changes meanwhile."""
        try:
            return self._document(item)
        except ItemError as error:
            raise ItemError(f"{item.path}: {error}") from error
        except OSError as error:
            gone = self._lost()
            if gone:
                raise SourceUnavailable(gone) from error
            raise ItemError(f"{item.path}: cannot read the file: {_reason(error)}") from error

    def _entries(self, folder: str, waiting: list[str]) -> Iterator[Item | Unlisted]:
        """List one folder, "" or "a/b/", and add those in it to `waiting`."""
        included = self._selection.included.match
        excluded = self._selection.excluded.match
        descriptor = self._open(os.fsencode(folder.rstrip("/")) or b".", _FOLDER_FLAGS)
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    raw = folder + entry.name
                    path = raw if raw.isascii() and "\\" not in raw else _id(raw)
                    if entry.is_dir(follow_symlinks=False):
                        if not excluded(path):
                            waiting.append(raw + "/")
                        elif not self._selection.never.match(path):
                            yield Unlisted(path + "/", self._selection.reason(path), skipped=True)
                    elif included(path):
                        if excluded(path):
                            yield Unlisted(path, self._selection.reason(path), skipped=True)
                        elif (listed := _file(entry, path)) is not None:
                            yield listed
                    elif entry.is_symlink() and entry.is_dir() and not excluded(path):
                        yield Unlisted(path + "/", _LINK, skipped=True)
        finally:
            os.close(descriptor)

    def _document(self, item: Item) -> Document:
        name = file_path(item.external_id)
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(attempt * _TICK_NS / _SECOND_NS)
            descriptor = self._open(name, _FILE_FLAGS)
            with open(descriptor, "rb", buffering=0) as file:
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode):
                    raise ItemError("it is no longer a regular file")
                check_size(before.st_size, self._settings)
                started_ns = time.time_ns()
                data = file.read(before.st_size + 1) or b""
                after = os.fstat(descriptor)
            version = _version(before)
            if len(data) == before.st_size and version == _version(after):
                return Document(
                    external_id=item.external_id,
                    version=f"{version}-racy" if _racy(after, started_ns) else version,
                    path=item.path,
                    body=decode(data),
                    media_type=media_type(item.path),
                    updated_at=_moment(after.st_mtime),
                )
        raise ItemError(f"it changed while it was read, {_ATTEMPTS} times; the next run tries again")

    def _open(self, path: bytes, flags: int) -> int:
        """Open what lies at a path below the root, following no symbolic link on the way."""
        *folders, name = path.split(b"/")
        above = self._descriptor
        try:
            for folder in folders:
                below = os.open(folder, _FOLDER_FLAGS, dir_fd=above)
                if above != self._descriptor:
                    os.close(above)
                above = below
            return os.open(name, flags, dir_fd=above)
        finally:
            if above != self._descriptor:
                os.close(above)

    def _lost(self) -> str | None:
        """Say so if the root is gone, or is another folder than the one that was opened."""
        try:
            if _identity(os.stat(self._root)) == self._identity:
                return None
        except OSError as error:
            return _no_root(self._root, error)
        return f"another folder took the place of the root {self._root} during the run; run again"


def _file(entry: os.DirEntry[str], path: str) -> Item | Unlisted | None:
    if not entry.is_file(follow_symlinks=False):
        return Unlisted(path, _LINK if entry.is_symlink() else "not a regular file", skipped=True)
    try:
        version = _version(entry.stat(follow_symlinks=False))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Unlisted(path, f"cannot look at the file: {_reason(error)}")
    return Item(path, version, path)


def _version(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"


def _racy(status: os.stat_result, now_ns: int) -> bool:
    """Whether a write after `now_ns` could leave the modification time as it is."""
    # A time that was set by hand may lie in the future; the status change cannot be set.
    last_ns = min(status.st_mtime_ns, status.st_ctime_ns)
    tick_ns = _TICK_NS if status.st_mtime_ns % _SECOND_NS else _COARSE_TICK_NS
    return last_ns > now_ns - tick_ns


def _identity(status: os.stat_result) -> str:
    return f"{status.st_dev}-{status.st_ino}"


def _id(name: str) -> str:
    return external_id(os.fsencode(name))


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):  # a year that no calendar has
        return None


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _no_root(root: Path, error: OSError) -> str:
    return (
        f"cannot open the root {root}: {_reason(error)}; nothing was sent or deleted. "
        "Check that the folder exists, is mounted and can be read, or correct 'root'."
    )
