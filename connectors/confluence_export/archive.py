"""A zip file or a folder, behind one interface that never writes and never follows a name out of itself.

Nothing is extracted: members are opened by the name under which the archive lists them, and names that
are no plain relative path do not exist. Every limit is kept while bytes stream, since sizes in a zip
can lie.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from syncd.errors import ItemError, ListingIncomplete, SourceUnavailable

_TAIL_BYTES = 65_557  # end record of a zip with the longest comment
_LIST_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 18
_KINDS = {b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7z archive", b"\x1f\x8b": "a gzip file"}
_NEVER_PLAIN = re.compile(r"[\\\x00-\x1f]")
_NO_NAMES = frozenset({"", ".", ".."})
_OF_INTEREST = (".html", ".xml", ".properties")
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an export may cost before it is refused.

    Attributes:
        entries: members of the archive, read or not.
        page_bytes: of one page of an HTML export.
        entry_bytes: of any other member that is read.
        total_bytes: read from one archive in one run.
        ratio: unpacked to packed bytes of one member.
        page_floor_bytes: up to here a page may have any ratio, since small files pack well.
        entry_floor_bytes: the same for other members, which are streamed.
    """

    entries: int = 100_000
    page_bytes: int = 32 << 20
    entry_bytes: int = 64 << 30
    total_bytes: int = 128 << 30
    ratio: int = 200
    page_floor_bytes: int = 1 << 20
    entry_floor_bytes: int = 16 << 20

    def refuse(self, name: str, size_bytes: int, packed_bytes: int) -> None:
        """Raise ItemError if a member of that size is not read."""
        is_page = name.endswith(".html")
        limit = self.page_bytes if is_page else self.entry_bytes
        floor = self.page_floor_bytes if is_page else self.entry_floor_bytes
        if size_bytes > limit:
            raise ItemError(f"{name} is larger than {limit} bytes")
        if size_bytes > floor and size_bytes > self.ratio * max(packed_bytes, 1):
            raise ItemError(f"{name} unpacks to more than {self.ratio} times its size")


class Entry(NamedTuple):
    """One member that could belong to an export.

    Attributes:
        name: "/"-separated, relative to the archive.
        size_bytes: unpacked, as the archive says.
        token: changes when the bytes do: the CRC in a zip; size, time and inode in a folder.
        modified: year, month, day, hour, minute, second, without a zone.
    """

    name: str
    size_bytes: int
    token: str
    modified: tuple[int, int, int, int, int, int]


class Archive(Protocol):
    """One export file or folder, opened once."""

    @property
    def name(self) -> str:
        """The file's or folder's own name, for messages."""
        ...

    @property
    def token(self) -> str:
        """Changes when anything in the archive may have changed; costs no reading."""
        ...

    @property
    def entries(self) -> dict[str, Entry]:
        """The members of interest, by name: pages, indexes, XML and descriptors. Attachments are left out."""
        ...

    @property
    def passed_over(self) -> tuple[tuple[str, str], ...]:
        """(name, reason) of members that look like pages and are never opened."""
        ...

    def open(self, name: str) -> IO[bytes]:
        """Open a member for streaming.

        Raises on open and on every read:
            ItemError: this member is too large or unpacks too far.
            ListingIncomplete: it is damaged, so the archive cannot be trusted.
        """
        ...

    def read(self, name: str) -> bytes:
        """Return a whole member of at most `Limits.page_bytes`; raises as `open` does."""
        ...


@contextmanager
def open_archive(path: Path, limits: Limits | None = None) -> Iterator[Archive]:
    """Open a zip file or a folder.

    Raises:
        SourceUnavailable: it is neither, or cannot be trusted.
    """
    limits = limits or Limits()
    if path.is_dir():
        yield FolderArchive(path, limits)
        return
    try:
        if not path.is_file():
            raise FileNotFoundError(errno.ENOENT, "no such file or folder")
        file = path.open("rb")
    except OSError as error:
        raise SourceUnavailable(
            f"the export {path} cannot be opened: {error.strerror or error}. "
            "Check the path and the rights of the user that runs syncd."
        ) from error
    with file:
        archive = ZipArchive(file, path.name, limits)
        with archive.zip:
            yield archive


class _Metered:
    """A readable stream that counts, and refuses what goes over a limit."""

    def __init__(self, file: IO[bytes], name: str, packed_bytes: int, budget: _Budget) -> None:
        self._file = file
        self._name = name
        self._packed = packed_bytes
        self._budget = budget
        self._seen = 0

    def read(self, size: int = -1, /) -> bytes:
        size = _CHUNK_BYTES if size < 0 else min(size, _CHUNK_BYTES)
        try:
            data = self._file.read(size)
        except _DAMAGE as error:
            raise _damaged(self._name, self._budget.archive, error, after_bytes=self._seen) from error
        self._seen += len(data)
        self._budget.limits.refuse(self._name, self._seen, self._packed)
        self._budget.spend(len(data))
        return data

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> _Metered:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _damaged(name: str, archive: str, error: Exception, *, after_bytes: int = 0) -> ListingIncomplete:
    where = f" after {after_bytes} bytes" if after_bytes else ""
    return ListingIncomplete(
        f"{name} in {archive} is damaged{where} ({error}). "
        "Nothing was changed; export again, or copy the file again."
    )


class _Budget:
    """What one archive may still give."""

    def __init__(self, archive: str, limits: Limits) -> None:
        self.archive = archive
        self.limits = limits
        self._spent = 0

    def spend(self, size_bytes: int) -> None:
        self._spent += size_bytes
        if self._spent > self.limits.total_bytes:
            raise SourceUnavailable(
                f"{self.archive} unpacks to more than {self.limits.total_bytes} bytes; the rest was not read."
            )


class _Reader:
    """What both kinds of archive share."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.entries: dict[str, Entry] = {}
        self._budget = _Budget(name, limits)
        self._passed_over: list[tuple[str, str]] = []

    @property
    def passed_over(self) -> tuple[tuple[str, str], ...]:
        return tuple(self._passed_over)

    def open(self, name: str) -> IO[bytes]:
        raise NotImplementedError

    def read(self, name: str) -> bytes:
        parts = []
        with self.open(name) as file:
            while data := file.read(_CHUNK_BYTES):
                parts.append(data)
        return b"".join(parts)

    def _refuse_too_many(self, count: int) -> None:
        if count > self.limits.entries:
            raise SourceUnavailable(
                f"{self.name} holds {count} members, more than the {self.limits.entries} that are accepted. "
                "Export without attachments, or fewer spaces at once."
            )


class ZipArchive(_Reader):
    """An export as one zip file, checked before any member is read."""

    def __init__(self, file: IO[bytes], name: str, limits: Limits) -> None:
        """Read the central directory; raises SourceUnavailable for what no exporter writes."""
        super().__init__(name, limits)
        state = os.fstat(file.fileno())
        self.token = f"{state.st_size}-{state.st_mtime_ns}-{state.st_ino}"
        self._refuse_too_many(_declared_entries(file, name, state.st_size))
        try:
            self.zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise ListingIncomplete(
                f"{name} is not a complete zip ({error}). Wait until it is copied, or export again."
            ) from error
        infos = self.zip.infolist()
        self._refuse_too_many(len(infos))
        self._refuse_overlap(infos)
        self._infos: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            self._add(info)

    def _add(self, info: zipfile.ZipInfo) -> None:
        name = info.filename
        if not name.lower().endswith(_OF_INTEREST):
            return
        if info.orig_filename != name or not _is_plain(name):
            self._passed_over.append((repr(info.orig_filename)[1:-1], "its name is no plain relative path"))
            return
        if stat.S_ISLNK(info.external_attr >> 16):
            self._passed_over.append((name, "it is a symbolic link"))
            return
        if name in self._infos:
            raise SourceUnavailable(
                f"{self.name} holds {name} twice, so it cannot be told which one is meant. Export again."
            )
        if info.flag_bits & 0x1:
            raise SourceUnavailable(
                f"{self.name} is encrypted; password-protected exports are not supported. "
                "Store it without a password where only syncd can read it."
            )
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise SourceUnavailable(
                f"{self.name} uses zip compression method {info.compress_type}; pack it again with deflate."
            )
        self._infos[name] = info
        token = f"{info.CRC:08x}-{info.file_size}"
        self.entries[name] = Entry(name, info.file_size, token, info.date_time)

    def _refuse_overlap(self, infos: list[zipfile.ZipInfo]) -> None:
        # CVE-2024-0450: members that share bytes unpack to far more than the file holds.
        end = self.zip.start_dir
        for info in sorted(infos, key=lambda each: each.header_offset, reverse=True):
            if info.header_offset + 30 + info.compress_size > end:
                raise SourceUnavailable(
                    f"{self.name} has members that overlap ({info.filename!r}); no exporter writes that. "
                    "It was not read."
                )
            end = info.header_offset

    def open(self, name: str) -> IO[bytes]:
        info = self._infos[name]
        file = self._unpacked(info)
        return _Metered(file, name, info.compress_size, self._budget)  # type: ignore[return-value]

    def read(self, name: str) -> bytes:
        info = self._infos[name]
        # A member gives no more than it says, and its checksum is looked at where it ends: so one look at the
        # limits is enough, and one read.
        with self._unpacked(info) as file:
            try:
                data = file.read(max(1, info.file_size))
            except _DAMAGE as error:
                raise _damaged(name, self.name, error) from error
        self._budget.spend(len(data))
        return data

    def _unpacked(self, info: zipfile.ZipInfo) -> IO[bytes]:
        self.limits.refuse(info.filename, info.file_size, info.compress_size)
        try:
            return self.zip.open(info)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
            raise ListingIncomplete(
                f"{info.filename} in {self.name} cannot be unpacked ({error}). "
                "Nothing was changed; export again."
            ) from error


class FolderArchive(_Reader):
    """An export that was unpacked into a folder. Symbolic links below it do not exist."""

    def __init__(self, root: Path, limits: Limits) -> None:
        """List the folder; raises SourceUnavailable if a part of it cannot be seen."""
        super().__init__(root.name, limits)
        self._root = root
        digest = hashlib.sha256()
        for name, state in sorted(self._walk()):
            token = f"{state.st_size}-{state.st_mtime_ns}-{state.st_ino}"
            digest.update(f"{name}\0{token}\0".encode("utf-8", "surrogateescape"))
            moment = _calendar(state.st_mtime)
            self.entries[name] = Entry(name, state.st_size, token, moment)
        self.token = digest.hexdigest()

    def _walk(self) -> Iterator[tuple[str, os.stat_result]]:
        count = 0
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            try:
                found = sorted(os.scandir(self._root / folder), key=lambda each: each.name)
            except OSError as error:
                raise SourceUnavailable(
                    f"the folder {self._root / folder} cannot be listed: {error.strerror}. No change."
                ) from error
            for each in found:
                count += 1
                self._refuse_too_many(count)
                name = folder + each.name
                if each.is_symlink():
                    if name.lower().endswith(_OF_INTEREST):
                        self._passed_over.append((name, "it is a symbolic link"))
                elif each.is_dir():
                    waiting.append(name + "/")
                elif name.lower().endswith(_OF_INTEREST) and each.is_file():
                    yield name, each.stat()

    def open(self, name: str) -> IO[bytes]:
        try:
            handle = self._descend(name)
        except OSError as error:
            what = "it is a symbolic link" if error.errno == errno.ELOOP else error.strerror
            raise ItemError(f"{name} cannot be read: {what}") from error
        size = os.fstat(handle).st_size
        return _Metered(os.fdopen(handle, "rb"), name, size, self._budget)  # type: ignore[return-value]

    def _descend(self, name: str) -> int:
        # Each step is opened from the one before, so a folder swapped for a link leads nowhere.
        *folders, last = name.split("/")
        handle = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for folder in folders:
                inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
                os.close(handle)
                handle = inner
            return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
        finally:
            os.close(handle)


def _declared_entries(file: IO[bytes], name: str, size: int) -> int:
    """Return how many members the end record promises, before anything is allocated for them."""
    head = file.read(4)
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        raise ListingIncomplete(_not_a_zip(head, name, size))
    disk, first_disk, _, count = struct.unpack("<4H", tail[at + 4 : at + 12])
    if head == b"PK\x07\x08" or disk not in (0, 0xFFFF) or first_disk not in (0, 0xFFFF):
        raise ListingIncomplete(f"{name} is one part of a zip in several parts; join the parts first.")
    if head[:2] != b"PK":
        raise ListingIncomplete(
            f"{name} does not begin like a zip file: something stands before the archive. Export again."
        )
    if count == 0:
        raise ListingIncomplete(f"{name} is a zip without any member, which is suspicious. Export again.")
    size_of_list = struct.unpack("<I", tail[at + 12 : at + 16])[0]
    end_of_list = max(0, size - _TAIL_BYTES) + at
    zip64 = tail.rfind(b"PK\x06\x06", 0, at)
    if 0 <= zip64 <= at - 56:
        count, size_of_list = struct.unpack("<2Q", tail[zip64 + 32 : zip64 + 48])
        end_of_list = max(0, size - _TAIL_BYTES) + zip64
    # The count is a claim; what would be read into memory is the list itself.
    size_of_list = min(size_of_list, end_of_list)
    if size_of_list > _LIST_BYTES:
        raise SourceUnavailable(
            f"{name} has a list of members of {size_of_list >> 20} MB, more than is accepted. "
            "Export without attachments, or fewer spaces at once."
        )
    file.seek(end_of_list - size_of_list)
    listed = file.read(size_of_list).count(b"PK\x01\x02")
    file.seek(0)
    return max(int(count), listed)


def _not_a_zip(head: bytes, name: str, size: int) -> str:
    if head[:2] == b"PK":
        return (
            f"{name} is not a complete zip (end record missing): it is cut off or still being copied. "
            "Nothing was changed."
        )
    if head.lstrip()[:1] == b"<":
        return (
            f"{name} is a web page, not a zip: perhaps a sign-in page was saved. Download the export again."
        )
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return f"{name} is {kind}; only zip files and folders are read. Unpack it into a folder."
    return f"{name} is not a zip file ({size} bytes). Give the zip that Confluence made, or a folder."


def _is_plain(name: str) -> bool:
    if not name or name[1:2] == ":" or _NEVER_PLAIN.search(name):
        return False
    return not _NO_NAMES.intersection(name.split("/"))


def _calendar(seconds: float) -> tuple[int, int, int, int, int, int]:
    moment = time.localtime(seconds)
    return (moment.tm_year, moment.tm_mon, moment.tm_mday, moment.tm_hour, moment.tm_min, moment.tm_sec)
