"""Values with defaults, so that a test shows only what matters to it."""

from __future__ import annotations

from syncd.guards import Candidate
from syncd.journal import Hold
from syncd.model import Document, Draft, Item, Page, Record, RecordState


def item(external_id: str = "guide.md", *, version: str = "1", path: str | None = None) -> Item:
    return Item(external_id, version, path if path is not None else external_id)


def record(
    external_id: str = "guide.md",
    *,
    version: str = "1",
    state: RecordState = RecordState.LIVE,
    content_hash: str | None = "hash",
    page_id: str | None = "17",
    rules: str = "rules",
    absences: int = 0,
    absent_since: float | None = None,
    ambiguous_at: float | None = None,
    part_of: str | None = None,
    retry_at: float | None = None,
) -> Record:
    return Record(
        external_id,
        version,
        state,
        content_hash,
        page_id,
        rules,
        absences,
        absent_since,
        ambiguous_at,
        part_of,
        retry_at,
    )


def records(*rows: Record) -> dict[str, Record]:
    return {row.external_id: row for row in rows}


def document(body: str = "# Guide\n\nText.\n", *, path: str = "guide.md", **values: object) -> Document:
    given: dict[str, object] = {
        "external_id": path,
        "version": "1",
        "path": path,
        "body": body,
        "media_type": "text/markdown",
    }
    return Document(**{**given, **values})  # type: ignore[arg-type]


def draft(html: str = "<p>Text.</p>", **values: object) -> Draft:
    return Draft(**{"title": "Guide", "html": html, **values})  # type: ignore[arg-type]


def page(html: str = "<p>Text.</p>", **values: object) -> Page:
    return Page(**{"external_id": "guide.md", "title": "Guide", "html": html, **values})  # type: ignore[arg-type]


def candidate(
    external_id: str = "guide.md",
    *,
    page_id: str | None = "17",
    content_hash: str | None = "hash",
    since: float = 0.0,
    evidence: str = "",
) -> Candidate:
    return Candidate(external_id, page_id, content_hash, since, evidence)


def hold(**values: object) -> Hold:
    given: dict[str, object] = {
        "kind": "deletions",
        "count": 30,
        "digest": "d",
        "reason": "30 of 100 pages are missing",
        "since": 0.0,
    }
    return Hold(**{**given, **values})  # type: ignore[arg-type]
