"""Markdown, HTML and plain text under a folder.

The external id of a file is its path relative to the root (`connectors.files.external_id`). Its version
is size, modification time and inode, so a listing opens no file. Two writes within one tick of the file
system's clock can leave all three as they were: a file that was read within the tick of its last
change gets a version that no listing gives, and is read once more by the next run.

Symbolic links are not followed, and every file is opened folder by folder from the root without
following any, so nothing outside of the root can be read, whatever is swapped in during a run.

The folder is known by device and inode, so that an empty mount point is not taken for the volume. Where
its path leads through a symbolic link, the operator swaps what is behind it on purpose (`current ->
releases/42`), and the folder is known by the place of the link and the device behind it. Where neither
fits, a marker file in the root says which folder it is.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NamedTuple

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
    place_of,
)
from syncd.connector import LOCAL, NOT_LISTING, Connector, Context, Snapshot
from syncd.errors import ConfigError, ItemError, ListingIncomplete, SourceUnavailable
from syncd.model import Document, Included, Item, Unlisted

# Kernels stamp files by a clock that ticks every 1 to 10 ms; FAT and old file systems keep whole seconds.
_TICK_NS = 10_000_000
_COARSE_TICK_NS = 2_000_000_000
_SECOND_NS = 1_000_000_000

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe would wait for its other end.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

# A link on the way counts as nothing there, too.
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO)

_ATTEMPTS = 3

_MARKER_BYTES = 4096

_LINK = "a symbolic link; links are not followed"


class FilesystemSettings(FileSettings):
    """A folder whose files are the pages."""

    root: Path = Field(
        json_schema_extra=LOCAL,
        description="The folder; a relative path starts at the configuration file's folder.",
    )
    marker: Annotated[str, Field(pattern=r"^[^/\x00]+$", max_length=255)] | None = Field(
        default=None,
        json_schema_extra=NOT_LISTING,
        description="Name of a file in the root that proves that the folder is there: without it, the source "
        "is unavailable. What it says names the folder, so another disk with another marker is noticed.",
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
    return Filesystem(root, settings, context)


class Filesystem:
    """One folder (a Connector)."""

    def __init__(self, root: Path, settings: FilesystemSettings, context: Context) -> None:
        self._root = root
        self._settings = settings
        self._context = context

    @contextmanager
    def open(self) -> Iterator[Snapshot]:
        """Hold the root open, so that all of one run is about one folder."""
        try:
            # The root itself may be a symbolic link: the configuration names it.
            descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SourceUnavailable(_no_root(self._root, error)) from error
        try:
            yield Folder(self._root, descriptor, self._settings, self._context)
        finally:
            os.close(descriptor)


class _Text(NamedTuple):
    body: str
    version: str
    modified_s: float


class Folder(Snapshot):
    """A folder as it is now."""

    def __init__(self, root: Path, descriptor: int, settings: FilesystemSettings, context: Context) -> None:
        """Raises SourceUnavailable if the marker is missing."""
        self._root = root
        self._descriptor = descriptor
        self._context = context
        self._selection = Selection(settings)
        self._own = _below(root, context.own)
        self._opened = _node(os.fstat(descriptor))
        self._marked = None if settings.marker is None else _marked(root, descriptor, settings.marker)

    @property
    def identity(self) -> str:
        """What the marker says; else the place of the last symbolic link in the root's path and the device
        behind it; else device and inode of the root: another volume at the same path is another origin."""
        return self._marked or _link_place(self._root, os.fstat(self._descriptor)) or self._opened

    @property
    def landmarks(self) -> Collection[str]:
        """What lies at the root itself."""
        try:
            return os.listdir(self._descriptor)
        except OSError:
            return ()  # the listing will say so

    def versions(self, paths: Collection[str]) -> Mapping[str, str]:
        """Size, modification time and inode of regular files below the root."""
        found: dict[str, str] = {}
        for path in paths:
            place = self._place(path)
            with suppress(OSError):
                if place is not None and stat.S_ISREG((status := self._status(place)).st_mode):
                    found[path] = _version(status)
        return found

    def contents(self, paths: Collection[str]) -> Mapping[str, Included]:
        """Read files below the root, whether or not they are pages."""
        found: dict[str, Included] = {}
        for path in paths:
            place = self._place(path)
            if place is None:
                continue
            try:
                text = self._text(place)
            except ItemError:
                continue
            except OSError as error:
                if error.errno in _NOT_THERE:
                    continue
                raise self._unreadable(path, error) from error
            found[path] = Included(path, text.version, text.body)
        return found

    def items(self) -> Iterator[Item | Unlisted]:
        """Name every file that is to be a page.

        A folder that cannot be listed is Unlisted. Symbolic links, pipes and what else is no regular
        file are skipped, and so is what a pattern leaves out; each is named.
        """
        waiting = [""]
        with closing(Walk(self._descriptor)) as walk:
            while waiting:
                folder = waiting.pop()
                try:
                    yield from self._entries(walk.enter(folder), folder, waiting)
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
            raise self._unreadable(item.path, error) from error

    def _entries(self, descriptor: int, folder: str, waiting: list[str]) -> Iterator[Item | Unlisted]:
        """List one open folder, "" or "a/b/", and add those in it to `waiting`."""
        included = self._selection.included.match
        excluded = self._selection.left_out.match
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
                    if raw in self._own:
                        yield Unlisted(path, "a file of syncd itself", skipped=True)
                    elif excluded(path):
                        yield Unlisted(path, self._selection.reason(path), skipped=True)
                    elif (listed := _file(entry, path)) is not None:
                        yield listed
                elif entry.is_symlink() and entry.is_dir() and not excluded(path):
                    yield Unlisted(path + "/", _LINK, skipped=True)

    def _document(self, item: Item) -> Document:
        text = self._text(file_path(item.external_id))
        return Document(
            external_id=item.external_id,
            version=text.version,
            path=item.path,
            body=text.body,
            media_type=media_type(item.path),
            updated_at=_moment(text.modified_s),
        )

    def _text(self, name: bytes) -> _Text:
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(attempt * _TICK_NS / _SECOND_NS)
            descriptor = _open(self._descriptor, name, _FILE_FLAGS)
            with open(descriptor, "rb", buffering=0) as file:
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode):
                    raise ItemError("it is no longer a regular file")
                check_size(before.st_size, self._context)
                started_ns = time.time_ns()
                data = file.read(before.st_size + 1) or b""
                after = os.fstat(descriptor)
            version = _version(before)
            if len(data) == before.st_size and version == _version(after):
                version = f"{version}-racy" if _racy(after, started_ns) else version
                return _Text(decode(data), version, after.st_mtime)
        raise ItemError(f"it changed while it was read, {_ATTEMPTS} times; the next run tries again")

    def _place(self, path: str) -> bytes | None:
        """Where a file lies that a page names; None outside of the root, and for what is never given."""
        place = place_of(path)
        return None if place is None or self._selection.never.match(external_id(place)) else place

    def _status(self, place: bytes) -> os.stat_result:
        folder, _, name = place.rpartition(b"/")
        if not folder:
            return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        descriptor = _open(self._descriptor, folder, _FOLDER_FLAGS)
        try:
            return os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        finally:
            os.close(descriptor)

    def _unreadable(self, path: str, error: OSError) -> Exception:
        gone = self._lost()
        return (
            SourceUnavailable(gone) if gone else ItemError(f"{path}: cannot read the file: {_reason(error)}")
        )

    def _lost(self) -> str | None:
        """Say so if the root is gone, or is another folder than the one that was opened."""
        try:
            if _node(os.stat(self._root)) == self._opened:
                return None
        except OSError as error:
            return _no_root(self._root, error)
        return f"another folder took the place of the root {self._root} during the run; run again"


class Walk:
    """One open folder of a tree, moved from folder to folder, so that a tree is walked in as many steps as it
    has folders, however deep they lie, and with one descriptor.

    A step down follows no symbolic link, and a step up has to arrive where the step down began.
    """

    def __init__(self, root: int) -> None:
        """`root`: a descriptor that stays open, and stays the caller's."""
        self._root = root
        self._here = root
        self._folder = ""
        # Device and inode of each folder from the root to this one.
        self._chain = [_node(os.fstat(root))]

    def enter(self, folder: str) -> int:
        """Open a folder, "" or "a/b/", by as few steps as lead there; good until the next call."""
        while not folder.startswith(self._folder):
            self._up()
        for name in folder[len(self._folder) : -1].split("/") if folder != self._folder else ():
            self._move(os.open(name, _FOLDER_FLAGS, dir_fd=self._here))
            self._folder += name + "/"
            self._chain.append(_node(os.fstat(self._here)))
        return self._here

    def close(self) -> None:
        """Go back to the root."""
        self._move(self._root)
        self._folder = ""
        del self._chain[1:]

    def _up(self) -> None:
        try:
            above = os.open("..", _FOLDER_FLAGS, dir_fd=self._here)
        except OSError:  # a folder that may be listed and not entered
            self.close()
            return
        self._move(above)
        self._chain.pop()
        self._folder = self._folder[: self._folder[:-1].rfind("/") + 1]
        if _node(os.fstat(above)) != self._chain[-1]:  # it was moved meanwhile
            self.close()

    def _move(self, descriptor: int) -> None:
        if self._here != self._root:
            os.close(self._here)
        self._here = descriptor


def _open(root: int, path: bytes, flags: int) -> int:
    """Open what lies at a path below a folder, following no symbolic link on the way."""
    *folders, name = path.split(b"/")
    above = root
    try:
        for folder in folders:
            below = os.open(folder, _FOLDER_FLAGS, dir_fd=above)
            if above != root:
                os.close(above)
            above = below
        return os.open(name, flags, dir_fd=above)
    finally:
        if above != root:
            os.close(above)


def _marked(root: Path, descriptor: int, marker: str) -> str:
    """Return the identity that the marker in a root gives it."""
    try:
        with open(os.open(marker, _FILE_FLAGS, dir_fd=descriptor), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            says = file.read(_MARKER_BYTES)
    except OSError as error:
        raise SourceUnavailable(
            f"the root {root} has no marker {marker!r}: {_reason(error)}; nothing was sent or deleted.\n"
            "Check that the right volume is mounted there, make the file, or correct 'marker'."
        ) from error
    return f"marker-{hashlib.sha256(says).hexdigest()[:32]}"


def _below(root: Path, files: Sequence[Path]) -> frozenset[str]:
    """The paths, relative to a root, of those files that lie below it."""
    real = os.path.realpath(root)
    paths = (os.path.relpath(os.path.realpath(file.parent), real) for file in files)
    return frozenset(
        os.path.normpath(os.path.join(path, file.name)) for path, file in zip(paths, files, strict=True)
    )


def _link_place(root: Path, target: os.stat_result) -> str | None:
    """Name the place of the symbolic link through which a path leads, and the device behind it."""
    for path in (root, *root.parents):
        if path.is_symlink():
            try:
                return f"link-{_node(os.stat(path.parent))}-{target.st_dev}"
            except OSError:
                return None
    return None


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


def _node(status: os.stat_result) -> str:
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
