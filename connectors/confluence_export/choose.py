"""Which export is meant: one file, one folder, or the newest complete one of a folder of dated exports."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from connectors.confluence_export.archive import Archive, open_archive
from connectors.confluence_export.index import has_index, index_keys, made_at
from syncd.errors import ItemError, ListingIncomplete, SourceUnavailable

Format = Literal["auto", "html", "xml"]
T = TypeVar("T")

_DATETIME = re.compile(
    rb"""<hibernate-generic[^>]*?\bdatetime\s*=\s*["']+(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d]*)"""
)
_PEEK_BYTES = 4096


class Candidate(NamedTuple):
    """One export that could be taken.

    Attributes:
        passed_over: "name: reason" of newer ones that are not complete.
    """

    archive: Archive
    format: Literal["html", "xml"]
    passed_over: tuple[str, ...] = ()


@contextmanager
def open_newest(path: Path, read: Callable[[Candidate, ExitStack], T], *, format: Format) -> Iterator[T]:
    """Open the export at `path`, or the newest complete one in it, and give what `read` makes of it.

    Only a damaged or unfinished export is passed over; one that is refused for what it holds is not.

    Raises:
        SourceUnavailable: there is none, or it is refused.
    """
    with ExitStack() as stack:
        paths = _dated(path, format)
        if paths is None:
            yield read(_open(path, format, stack), stack)
            return
        passed_over = []
        ordered = []
        for each in paths:
            try:
                ordered.append((_made(each, format), each.name, each))
            except ListingIncomplete as error:
                passed_over.append((each.name, error))
        for _, _, each in sorted(ordered, reverse=True):
            attempt = ExitStack()
            try:
                candidate = _open(each, format, attempt)
                notes = tuple(f"{name}: {error}" for name, error in passed_over)
                result = read(candidate._replace(passed_over=notes), attempt)
            except ListingIncomplete as error:
                attempt.close()
                passed_over.append((each.name, error))
                continue
            except BaseException:
                attempt.close()
                raise
            stack.push(attempt)
            yield result
            return
        if passed_over:
            raise passed_over[0][1]
        raise SourceUnavailable(f"the folder {path} holds no export: no zip, no index.html, no entities.xml.")


def _dated(path: Path, format: Format) -> list[Path] | None:
    """Return the dated exports in a folder; None if the path is an export itself."""
    if not path.is_dir():
        return None
    try:
        children = sorted(each for each in path.iterdir() if not each.is_symlink())
    except OSError as error:
        raise SourceUnavailable(f"the folder {path} cannot be listed: {error.strerror}") from error
    names = {each.name for each in children}
    if names & {"index.html", "entities.xml"}:
        return None
    zips = [each for each in children if each.suffix.lower() == ".zip" and each.is_file()]
    if zips:
        return zips
    # Several spaces side by side are one export; the same space twice is two.
    folders = [each for each in children if each.is_dir()]
    seen: set[str] = set()
    dated: list[Path] = []
    twice = False
    for each in folders:
        with open_archive(each) as archive:
            keys = {"xml"} if entities_of(archive) else set(index_keys(archive))
        if keys:
            twice = twice or bool(keys & seen)
            seen |= keys
            dated.append(each)
    return dated if twice else None


def _open(path: Path, format: Format, stack: ExitStack) -> Candidate:
    archive = stack.enter_context(open_archive(path))
    return Candidate(archive, _format(archive, format))


def _made(path: Path, format: Format) -> str:
    """Return when an export was made, by its own word if it has one."""
    with open_archive(path) as archive:
        entities = entities_of(archive)
        if format != "html" and entities:
            return created(archive, entities[0])
        return made_at(archive)


def created(archive: Archive, entities: str) -> str:
    """Return the time in the head of an entities.xml as ISO 8601; the member's own time if it has none."""
    try:
        with archive.open(entities) as file:
            head = file.read(_PEEK_BYTES)
    except ItemError as error:
        raise SourceUnavailable(
            f"{archive.name}: {error}; it was not read. Export fewer spaces at once."
        ) from error
    found = _DATETIME.search(head)
    if found is not None:
        return found[1].decode().replace(" ", "T")
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*archive.entries[entities].modified)


def entities_of(archive: Archive) -> list[str]:
    """Return the names of all entities.xml in an archive."""
    return [name for name in archive.entries if _base(name) == "entities.xml" and not _attached(name)]


def _format(archive: Archive, wanted: Format) -> Literal["html", "xml"]:
    entities = entities_of(archive)
    if len(entities) > 1:
        raise SourceUnavailable(
            f"{archive.name} holds {len(entities)} entities.xml ({', '.join(entities[:3])}). "
            "Give one export at a time."
        )
    pages = wanted != "xml" and has_index(archive)
    if wanted == "auto" and entities and pages:
        raise SourceUnavailable(
            f"{archive.name} holds both an XML and an HTML export. Set `format` to the one that is meant."
        )
    if entities and wanted != "html":
        return "xml"
    if pages:
        return "html"
    close = [name for name in archive.entries if _base(name).lower() in ("entities.xml", "index.html")]
    hint = f" (there is {close[0]}, which is not it)" if close else ""
    kind = {
        "auto": "neither an index.html of a space nor an",
        "html": "no index.html of a space and no usable",
    }
    raise SourceUnavailable(
        f"{archive.name} is no space export: it holds {kind.get(wanted, 'no')} entities.xml{hint}. "
        "Give the zip or folder that Confluence's space export made."
    )


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _attached(name: str) -> bool:
    return "/attachments/" in "/" + name
