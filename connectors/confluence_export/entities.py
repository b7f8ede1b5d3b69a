"""entities.xml, streamed: from a file of any size to an index on disk, with flat memory.

Objects come in no useful order, a body before its page and a page before its space, so everything that is
needed goes into a small SQLite file in the source's cache folder first. Of other classes, which hold
password hashes and tokens in a site export, nothing is read.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from lxml import etree

from connectors.confluence_export.links import site_addresses
from syncd.errors import ItemError, ListingIncomplete, SourceUnavailable

BODY_BYTES = 8 << 20
"""The longest text of one property; a longer body makes its page fail, not the export."""

_OBJECT_COST = 96 << 20
_TAG_COST = 64
_CHUNK_BYTES = 1 << 16
_PROLOG_BYTES = 1 << 16
_ILLEGAL = bytes([*range(9), 11, 12, *range(14, 32)])
_ROOT = re.compile(rb"<[A-Za-z]")
_COMMENT = re.compile(rb"<!--.*?-->|<\?.*?\?>", re.DOTALL)
_DTD = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_BETWEEN = re.compile(rb"[\s;]")
_CONTENT = frozenset(("Page", "BlogPost", "Draft", ""))
_OF_PAGES = frozenset(
    (
        *("title", "space", "parent", "position", "version", "contentStatus", "originalVersion"),
        *("originalVersionId", "lastModificationDate", "isFolder"),
    )
)
# The classes, besides bodies, and their properties that are kept.
_WANTED = {
    "Page": _OF_PAGES,
    "BlogPost": _OF_PAGES,
    "Draft": _OF_PAGES,
    "Space": frozenset(("key", "name", "homePage", "spaceType", "spaceStatus")),
    "Label": frozenset(("namespace", "name")),
    "Labelling": frozenset(("label", "content")),
    "ContentPermissionSet": frozenset(("type", "owningContent")),
    "ConfluenceUserImpl": frozenset(("atlassianAccountId", "name")),
    "Attachment": frozenset(
        (
            *("contentStatus", "originalVersion", "originalVersionId", "containerContent", "content"),
            *("title", "fileName"),
        )
    ),
}

SCHEMA = """
CREATE TABLE space (id TEXT, key TEXT, name TEXT, home TEXT, type TEXT, status TEXT);
CREATE TABLE page (
    id TEXT, kind TEXT, title TEXT, space TEXT, parent TEXT, position INTEGER, version INTEGER, status TEXT,
    original TEXT, modified TEXT, folder INTEGER
);
CREATE TABLE body (content TEXT, id INTEGER, type TEXT, digest TEXT, oversize INTEGER, text TEXT);
CREATE TABLE label (id TEXT, name TEXT);
CREATE TABLE labelling (label TEXT, content TEXT);
CREATE TABLE restriction (content TEXT);
CREATE TABLE person (key TEXT, account TEXT, name TEXT);
CREATE TABLE attachment (content TEXT, name TEXT);
CREATE TABLE site (host TEXT, key TEXT, page TEXT);
CREATE TABLE fact (name TEXT, value TEXT);
"""

_INDEXES = """
CREATE INDEX body_content ON body (content);
CREATE INDEX attachment_content ON attachment (content);
"""

# Bodies are some kilobytes long: in larger pages each is written at once.
_PAGE_BYTES = 1 << 15


def build_index(file: IO[bytes], path: Path, name: str, *, body_bytes: int = BODY_BYTES) -> None:
    """Read an entities.xml and write its index to `path`, an empty file.

    Raises:
        ListingIncomplete: it ends early, or is damaged.
        SourceUnavailable: it is not what an exporter writes.
    """
    index = sqlite3.connect(path)
    try:
        index.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        index.execute("PRAGMA journal_mode = OFF")
        index.execute("PRAGMA synchronous = OFF")
        index.executescript(SCHEMA)
        sieve = _Sieve(file, name, body_bytes)
        for node in _objects(sieve, name):
            _store(node, index)
        index.execute("INSERT INTO fact VALUES ('illegal', ?)", (str(sieve.illegal),))
        # At the end, since to keep them up to date row by row is dearer.
        index.executescript(_INDEXES)
        index.commit()
    finally:
        index.close()


def _objects(sieve: _Sieve, name: str) -> Iterator[etree._Element]:
    try:
        context = etree.iterparse(
            sieve,
            events=("start", "end"),
            tag=("hibernate-generic", "object"),
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            dtd_validation=False,
            remove_comments=True,
            remove_pis=True,
            # Whatever it declares: in another encoding, a DTD would not look like one above.
            encoding="utf-8",
            huge_tree=True,
        )
        root: etree._Element | None = None
        ended = False
        for event, node in context:
            if event == "start":
                if root is None:
                    root = node
                    if node.tag != "hibernate-generic":
                        break
                continue
            if node is root:
                ended = True
            elif root is not None and node.getparent() is root:
                yield node
                sieve.object_ended()
                node.clear(keep_tail=False)
                while node.getprevious() is not None:
                    del root[0]
    except etree.XMLSyntaxError as error:
        line = error.position[0] if error.position else "?"
        raise ListingIncomplete(
            f"{name} ends or breaks at line {line} before </hibernate-generic> ({error.msg}). "
            "Nothing was changed; export again."
        ) from error
    except ItemError as error:
        raise SourceUnavailable(f"{error}; no export does that. It was not read further.") from error
    if root is None or not ended:
        raise SourceUnavailable(
            f"{name} is XML, but no <hibernate-generic> stands at its root. Export again."
        )


class _Sieve:
    """The bytes of an entities.xml as the parser may see them.

    A DTD is refused before the parser starts, characters that XML forbids are taken out and counted, and
    one text that is too long is cut and marked, so that the rest of the export can still be read.
    """

    def __init__(self, file: IO[bytes], name: str, body_bytes: int) -> None:
        self.illegal = 0
        self._body_bytes = body_bytes
        self._file = file
        self._name = name
        self._ready = self._prolog()
        self._cdata = False
        self._text_bytes = 0
        self._object_cost = 0
        self._cutting = False
        self._held = b""
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        while not self._ended:
            data = self._ready or self._file.read(_CHUNK_BYTES)
            self._ready = b""
            if not data:
                self._ended = True
                return self._pass(self._held, last=True)
            out = self._pass(self._held + self._clean(data), last=False)
            if out:
                return out
        return b""

    def _prolog(self) -> bytes:
        head = b""
        while len(head) < _PROLOG_BYTES:
            data = self._file.read(_CHUNK_BYTES)
            head += data
            if head[:2] in (b"\xff\xfe", b"\xfe\xff") or head[:4].count(0):
                raise SourceUnavailable(f"{self._name} is not UTF-8. Give the export as Confluence made it.")
            # A comment may quote anything; what stands in it is neither a root nor a DTD.
            bare = _COMMENT.sub(b"", head)
            start = _ROOT.search(bare)
            if _DTD.search(bare, 0, start.start() if start else len(bare)):
                raise SourceUnavailable(
                    f"{self._name} declares a document type (DTD); Confluence writes none. It was not read."
                )
            if start or not data:
                return head
        raise SourceUnavailable(f"{self._name} does not begin like an export of Confluence. It was not read.")

    def _clean(self, data: bytes) -> bytes:
        clean = data.translate(None, _ILLEGAL)
        self.illegal += len(data) - len(clean)
        return clean

    def _pass(self, data: bytes, *, last: bool) -> bytes:
        out = self._sift(data, last=last)
        self._object_cost += len(out) + _TAG_COST * out.count(b"<")
        if self._object_cost > _OBJECT_COST:
            raise SourceUnavailable(
                f"{self._name} holds an object of more than {_OBJECT_COST >> 20} MB; no exporter writes that."
            )
        return out

    def _sift(self, data: bytes, *, last: bool) -> bytes:
        # A mark may lie across two chunks: its first bytes wait for the next one.
        end = len(data) if last else max(0, len(data) - 8)
        if not self._cutting and self._text_bytes + end <= self._body_bytes:
            self._follow(data, end)
            self._held = data[end:]
            return data[:end]
        at = 0
        out: list[bytes] = []
        while at < end:
            found = data.find(b"]]>" if self._cdata else b"<", at, end + 2 if self._cdata else end)
            stop = end if found < 0 else min(found, end)
            self._text(data[at:stop], out)
            at = stop
            if found < 0 or found >= end:
                break
            self._text_bytes = 0
            if self._cdata:
                out.append(b"]]><oversize/>" if self._cutting else b"]]>")
                self._cdata = self._cutting = False
                at += 3
                continue
            if self._cutting:
                out.append(b"<oversize/>")
                self._cutting = False
            self._cdata = data.startswith(b"<![CDATA[", at)
            out.append(data[at : at + 9] if self._cdata else b"<")
            at += 9 if self._cdata else 1
        self._held = data[at:]
        return b"".join(out)

    def _follow(self, data: bytes, end: int) -> None:
        """Note what stands open at `end` of bytes in which no text can be too long."""
        closed = data.rfind(b"]]>", 0, end + 2)
        if self._cdata and closed < 0:
            self._text_bytes += end
            return
        opened = data.find(b"<![CDATA[", closed + 3 if closed >= 0 else 0, end + 8)
        self._cdata = 0 <= opened < end
        mark = opened if self._cdata else max(closed, data.rfind(b"<", 0, end))
        self._text_bytes = end - mark if mark >= 0 else self._text_bytes + end

    def object_ended(self) -> None:
        """The parser gave an object back, and its memory."""
        self._object_cost = 0

    def _text(self, data: bytes, out: list[bytes]) -> None:
        if self._cutting:
            return
        self._text_bytes += len(data)
        if self._text_bytes > self._body_bytes:
            # Not inside a character, nor inside a reference: what was passed on must stay well-formed.
            cut = _safe_cut(data)
            data = data[:cut] if cut else data
            self._cutting = cut > 0
        out.append(data)


def _safe_cut(data: bytes) -> int:
    """Return where a text may end, neither inside a character nor inside a reference; 0 if nowhere."""
    after = _BETWEEN.search(data)
    if after is not None:
        return after.end()
    return next((at for at in range(12, len(data)) if data[at] < 128 and b"&" not in data[at - 12 : at]), 0)


def _store(node: etree._Element, index: sqlite3.Connection) -> None:
    kind = node.get("class") or ""
    if kind == "BodyContent":
        _store_body(node, index)
        return
    wanted = _WANTED.get(kind)
    if wanted is None:
        return
    parts = _properties(node, wanted)
    if kind in ("Page", "BlogPost", "Draft"):
        original = parts.get("originalVersion") or parts.get("originalVersionId") or ""
        row = (
            _id(node),
            kind,
            parts.get("title", ""),
            parts.get("space", ""),
            parts.get("parent", ""),
            _number(parts.get("position")),
            _number(parts.get("version")) or 0,
            parts.get("contentStatus", ""),
            original,
            parts.get("lastModificationDate", ""),
            parts.get("isFolder", "").lower() == "true",
        )
        index.execute("INSERT INTO page VALUES (?,?,?,?,?,?,?,?,?,?,?)", row)
    elif kind == "Space":
        names = ("key", "name", "homePage", "spaceType", "spaceStatus")
        index.execute(
            "INSERT INTO space VALUES (?,?,?,?,?,?)", (_id(node), *(parts.get(each, "") for each in names))
        )
    elif kind == "Label":
        if parts.get("namespace", "global") == "global":
            index.execute("INSERT INTO label VALUES (?,?)", (_id(node), parts.get("name", "")))
    elif kind == "Labelling":
        index.execute(
            "INSERT INTO labelling VALUES (?,?)", (parts.get("label", ""), parts.get("content", ""))
        )
    elif kind == "ContentPermissionSet":
        if parts.get("type", "").lower() != "edit":
            index.execute("INSERT INTO restriction VALUES (?)", (parts.get("owningContent", ""),))
    elif kind == "ConfluenceUserImpl":
        person = (_id(node), parts.get("atlassianAccountId", ""), parts.get("name", ""))
        index.execute("INSERT INTO person VALUES (?,?,?)", person)
    elif kind == "Attachment":
        current = parts.get("contentStatus", "current") in ("", "current")
        if current and not parts.get("originalVersion") and not parts.get("originalVersionId"):
            owner = parts.get("containerContent") or parts.get("content") or ""
            name = parts.get("title") or parts.get("fileName") or ""
            index.execute("INSERT INTO attachment VALUES (?,?)", (owner, name))


def _store_body(node: etree._Element, index: sqlite3.Connection) -> None:
    owner = None
    content = kind = text = ""
    oversize = False
    for each in node.iterchildren("property"):
        name = each.get("name")
        if name == "body":
            text = each.text or ""
            oversize = len(each) > 0 and next(each.iterchildren("oversize"), None) is not None
        elif name == "content":
            owner, content = each.get("class") or "", _value(each)
        elif name == "bodyType":
            kind = _value(each)
    if owner not in _CONTENT:
        return
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    text = "" if oversize else text
    row = (content, _number(_id(node)), kind, digest, oversize, text)
    index.execute("INSERT INTO body VALUES (?,?,?,?,?,?)", row)
    if "/spaces/" in text:
        index.executemany("INSERT INTO site VALUES (?,?,?)", sorted(site_addresses(text)))


def _properties(node: etree._Element, wanted: frozenset[str]) -> dict[str, str]:
    """Return the text of each of these properties, or the id of what it refers to."""
    return {
        name: _value(each)
        for each in node.iterchildren("property")
        if (name := each.get("name") or "") in wanted
    }


def _value(node: etree._Element) -> str:
    # Most hold a text only, and to look for an element is dear.
    reference = next(node.iterchildren("id"), None) if len(node) else None
    return ((reference.text if reference is not None else node.text) or "").strip()


def _id(node: etree._Element) -> str:
    first = next(node.iterchildren("id"), None)
    return "" if first is None else (first.text or "").strip()


def _number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None
