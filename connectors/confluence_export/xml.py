"""An XML export: which of its pages may be published, and their bodies.

Unlike the HTML export it says what is a draft, old, archived, deleted or restricted, and all of that is
respected: a page under a view restriction, its own or inherited, is published only where the source is
configured for that audience.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from connectors.confluence_export.archive import Archive
from connectors.confluence_export.asked import Asked, Cleaned
from connectors.confluence_export.choose import created, entities_of
from connectors.confluence_export.entities import BODY_BYTES, build_index
from connectors.confluence_export.export import EDITION, Choice, Created, Page
from connectors.confluence_export.links import Links, Target
from connectors.confluence_export.memory import Memory
from connectors.confluence_export.storage import Body, StorageWriter, parse_storage
from connectors.confluence_export.wiki import to_storage
from syncd.errors import ItemError, ListingIncomplete, SourceUnavailable
from syncd.model import Unlisted

_KEPT_BODIES = ("2", "", "0")  # storage format, else wiki markup; 1 is a plugin's own


class _Row(NamedTuple):
    id: str
    kind: str
    title: str
    space: str
    parent: str
    position: int | None
    version: int
    status: str
    original: str
    modified: str
    folder: int


class _Space(NamedTuple):
    id: str
    key: str
    name: str
    home: str
    type: str
    status: str

    @property
    def personal(self) -> bool:
        return self.type == "personal" or self.key.startswith("~")


class XmlExport:
    """All spaces of one XML export. A context manager: the index on disk is closed at its end."""

    def __init__(self, archive: Archive, choice: Choice, memory: Memory) -> None:
        """Index the export, unless the same one was indexed before.

        Raises:
            SourceUnavailable: it is no such export, or not whole.
        """
        self._choice = choice
        self._archive = archive
        self._entities = entities_of(archive)[0]
        self._index = self._open(archive, memory)
        try:
            self._load()
        except sqlite3.Error as error:
            self._index.close()
            raise SourceUnavailable(
                f"the index of {archive.name} in {memory.folder} is damaged ({error}). Delete that folder."
            ) from error
        except BaseException:
            self._index.close()
            raise

    def __enter__(self) -> XmlExport:
        return self

    def __exit__(self, *_: object) -> None:
        self._index.close()

    def _open(self, archive: Archive, memory: Memory) -> sqlite3.Connection:
        folder = memory.make_folder()
        key = hashlib.sha256(f"{EDITION} {archive.name} {archive.token}".encode()).hexdigest()[:24]
        path = folder / f"entities-{key}.db"
        if not path.exists():
            for old in folder.glob("entities-*.db*"):
                old.unlink(missing_ok=True)
            written = path.with_name(path.name + ".new")
            written.unlink(missing_ok=True)
            written.touch(mode=0o600)
            try:
                with archive.open(self._entities) as file:
                    build_index(file, written, f"{self._entities} in {archive.name}")
            except ItemError as error:
                written.unlink(missing_ok=True)
                raise SourceUnavailable(f"{archive.name}: {error}; it was not read further.") from error
            except sqlite3.Error as error:
                written.unlink(missing_ok=True)
                raise SourceUnavailable(
                    f"the index {written} cannot be written ({error}). Make room."
                ) from error
            except BaseException:
                written.unlink(missing_ok=True)
                raise
            written.replace(path)
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def _load(self) -> None:
        spaces = [_Space(*row) for row in self._index.execute("SELECT * FROM space")]
        self.present = tuple(sorted(space.key for space in spaces))
        # A personal space comes along in a site export; it is published only if it was asked for.
        wanted = {
            space.id: space
            for space in spaces
            if self._choice.wants(space.key)
            and (self._choice.spaces or len(spaces) == 1 or not space.personal)
        }
        self.spaces = {space.key: space.name or space.key for space in wanted.values()}
        self.created = Created(created(self._archive, self._entities), "xml")
        self.notes = [f"{name}: {reason}" for name, reason in self._archive.passed_over]
        self._note_illegal()
        self._rows = self._load_rows()
        self._bodies = self._load_bodies()
        self._labels = self._load_labels()
        self._restricted = {row[0] for row in self._index.execute("SELECT content FROM restriction")}
        self.titles = {
            row.id: (row.title, row.parent or None)
            for row in self._rows.values()
            if row.kind == "Page" and not row.original and row.status in ("current", "archived", "")
        }
        self.pages: dict[str, Page] = {}
        self.left_out: list[Unlisted] = []
        self._judge_all({space.id: space for space in spaces}, wanted)
        self.removed = tuple(each.scope for each in self.left_out if each.scope in self._away)
        hosts = set(self._choice.hosts)
        known = {(page.space, page.external_id) for page in self.pages.values()}
        for host, key, number in self._index.execute("SELECT host, key, page FROM site"):
            if (key, number) in known:
                hosts.add(host.lower())
        self._hosts = hosts
        self.links = Links(
            [Target(page.external_id, page.title, page.space) for page in self.pages.values()],
            homes={space.key.lower(): space.home for space in wanted.values()},
            hosts=hosts,
        )

    def _note_illegal(self) -> None:
        row = self._index.execute("SELECT value FROM fact WHERE name = 'illegal'").fetchone()
        if row is not None and row[0] != "0":
            self.notes.append(f"{self._entities}: {row[0]} characters that XML forbids were taken out")

    def _load_rows(self) -> dict[str, _Row]:
        rows: dict[str, _Row] = {}
        twice = set()
        for raw in self._index.execute("SELECT * FROM page"):
            row = _Row(*raw)
            other = rows.get(row.id)
            if other is not None:
                twice.add(row.id)
                # Of two objects with one id, the newest that is current counts.
                if (other.status == "current", other.version) >= (row.status == "current", row.version):
                    continue
            rows[row.id] = row
        self.notes += [f"page {number}: it is in the export more than once" for number in sorted(twice)]
        return rows

    def _load_bodies(self) -> dict[str, tuple[int, str, bool]]:
        """Return (row of the body, its digest, whether it was cut) by page."""
        found: dict[str, tuple[tuple[bool, int], tuple[int, str, bool]]] = {}
        query = "SELECT rowid, content, id, type, digest, oversize FROM body"
        for row, content, number, kind, digest, oversize in self._index.execute(query):
            if kind not in _KEPT_BODIES:
                continue
            rank = (kind == "2", number or 0)
            if content not in found or rank > found[content][0]:
                found[content] = (rank, (row, f"{digest}{kind}", bool(oversize)))
        return {content: body for content, (_, body) in found.items()}

    def _load_labels(self) -> dict[str, tuple[str, ...]]:
        labels: dict[str, set[str]] = {}
        query = "SELECT labelling.content, label.name FROM labelling JOIN label ON label.id = labelling.label"
        for content, name in self._index.execute(query):
            labels.setdefault(content, set()).add(name)
        return {content: tuple(sorted(names)) for content, names in labels.items()}

    def _judge_all(self, spaces: Mapping[str, _Space], wanted: Mapping[str, _Space]) -> None:
        self._away: set[str] = set()
        current = with_body = 0
        for row in sorted(self._rows.values(), key=_order):
            reason = self._judge(row, spaces, wanted)
            if reason is None or reason.startswith(_COUNTED):
                current += 1
                with_body += row.id in self._bodies
            if reason is not None:
                self.left_out.append(Unlisted(row.id, f"{row.title!r} {reason}", True))
                if reason in _AWAY or reason.startswith(_RESTRICTED):
                    self._away.add(row.id)
                continue
            if not row.status:
                self.notes.append(f"page {row.id}: {row.title!r} has no status and is taken as current")
            self.pages[row.id] = Page(
                external_id=row.id,
                title=" ".join(row.title.split()) or row.id,
                space=wanted[row.space].key,
                parent=row.parent or None,
                digest=self._bodies[row.id][1],
                labels=self._labels.get(row.id, ()),
                updated_at=_moment(row.modified),
            )
        self.count = with_body
        if current - with_body > 5 and with_body * 2 < current:
            raise ListingIncomplete(
                f"{current - with_body} of the {current} pages in {self._archive.name} have no body: the "
                "export is not whole, or of a Confluence that is not known. Nothing was changed."
            )

    def _judge(self, row: _Row, spaces: Mapping[str, _Space], wanted: Mapping[str, _Space]) -> str | None:
        """Return why a page is left out; None if it may be published."""
        if row.original:
            kind = "an unpublished edit" if row.status == "draft" else "an old version"
            return f"is {kind} of page {row.original}"
        if row.status == "deleted":
            return _TRASHED
        if row.status == "draft" or row.kind == "Draft":
            return "is a draft"
        if row.kind == "BlogPost":
            return "is a blog post"
        if row.status == "archived":
            return _ARCHIVED
        if row.status not in ("current", ""):
            return f"has the status {row.status!r}"
        if not row.status and row.id not in self._bodies:
            return "has neither a status nor a body"
        if row.space not in spaces:
            return "is of a space that is not in the export"
        space = spaces[row.space]
        if row.space not in wanted:
            return f"is of space {space.key}, which is not to be published"
        if space.status.upper() == "ARCHIVED":
            return "is of an archived space"
        if row.folder:
            return "is a folder without a body"
        if row.id not in self._bodies:
            return _NO_BODY
        if not self._choice.publish_restricted:
            above = self._restriction(row)
            if above is not None:
                return _RESTRICTED + (
                    "" if above == row.id else f", inherited from {self._rows[above].title!r}"
                )
        return self._unlabelled(row)

    def _unlabelled(self, row: _Row) -> str | None:
        labels = {label.lower() for label in self._labels.get(row.id, ())}
        unwanted = labels & self._choice.exclude_labels
        if unwanted:
            return f"{_FILTERED} {sorted(unwanted)[0]!r}"
        if self._choice.include_labels and not labels & self._choice.include_labels:
            return f"{_FILTERED} none of those that are asked for"
        return None

    def _restriction(self, row: _Row) -> str | None:
        """Return the page that restricts who may see this one: itself, or one above it."""
        seen: set[str] = set()
        number = row.id
        while number and number not in seen:
            if number in self._restricted and number in self._rows:
                return number
            seen.add(number)
            above = self._rows.get(number)
            number = above.parent if above is not None else ""
        return None

    # Bodies.

    def digest(self, page: Page) -> str:
        """See Export."""
        return page.digest + " " + " ".join(sorted(self._hosts))

    def holds(self, page: Page, uses: Mapping[str, str]) -> bool:
        """See Export."""
        asked = Asked(self.links)
        for question, answer in uses.items():
            kind, _, rest = question.partition(" ")
            if kind == "body":
                same = rest in self._bodies and self._bodies[rest][1] == answer
            elif kind == "user":
                same = self.user(rest) == answer
            elif kind == "files":
                same = "\n".join(self.files(rest)) == answer
            else:
                same = asked.same(question, answer)
            if not same:
                return False
        return True

    def clean(self, page: Page) -> Cleaned:
        """See Export."""
        writer = StorageWriter(Asked(self.links), page.title, page.external_id, page.space, self)
        return writer.clean(parse_storage(self.body(page.external_id).text))

    def body(self, external_id: str) -> Body:
        """Return the body of a published page in storage format.

        Raises:
            ItemError: it is too large, or its wiki markup cannot be read without loss.
        """
        row, digest, oversize = self._bodies[external_id]
        if oversize:
            raise ItemError(f"the body of page {external_id} is larger than {BODY_BYTES >> 20} MB")
        text, kind = self._index.execute("SELECT text, type FROM body WHERE rowid = ?", (row,)).fetchone()
        return Body(text if kind == "2" else to_storage(text), digest)

    def user(self, key: str) -> str:
        """Return the name of a user; "" if the export does not tell it."""
        query = "SELECT name FROM person WHERE key = ? OR (account <> '' AND account = ?) OR name = ? LIMIT 1"
        row = self._index.execute(query, (key, key, key)).fetchone()
        return str(row[0]) if row is not None else ""

    def files(self, external_id: str) -> list[str]:
        """Return the names of a page's attachments."""
        query = "SELECT DISTINCT name FROM attachment WHERE content = ? ORDER BY name"
        return [row[0] for row in self._index.execute(query, (external_id,))]


_TRASHED = "lies in the trash"
_ARCHIVED = "is archived"
_NO_BODY = "has no body in the export"
_RESTRICTED = "is restricted: not everybody may see it"
_FILTERED = "is left out by its labels:"
_AWAY = (_TRASHED, _ARCHIVED)
_COUNTED = (_NO_BODY, _RESTRICTED, _FILTERED)


def _order(row: _Row) -> tuple[bool, int, str, str]:
    return (row.position is None, row.position or 0, row.title, row.id)


def _moment(text: str) -> datetime | None:
    # The time zone stands in the descriptor of Cloud exports alone; for the order of edits UTC will do.
    try:
        return datetime.fromisoformat(re.sub(r"\.(\d+)$", _micros, text)).replace(tzinfo=UTC)
    except ValueError:
        return None


def _micros(match: re.Match[str]) -> str:
    return "." + match[1][:6].ljust(6, "0")
