"""Entries of a journal, as tests write them."""

from __future__ import annotations

from syncd.journal import (
    Absent,
    Deleted,
    Deleting,
    Entry,
    Failed,
    Intent,
    Sent,
    Unchanged,
)
from syncd.model import Action


def sent(
    external_id: str,
    *,
    page_id: str = "p1",
    version: str = "v1",
    content_hash: str = "h1",
    remote_digest: str = "d1",
    source_hash: str = "s1",
    rules: str = "r1",
    title: str = "A page",
    url: str | None = "https://docs.example/a",
    links: tuple[tuple[str, str | None], ...] = (),
    action: Action = Action.CREATE,
    reason: str = "new",
    hash_before: str | None = None,
) -> Sent:
    """An acknowledgement, of which a test names what matters to it."""
    return Sent(
        external_id=external_id,
        page_id=page_id,
        version=version,
        content_hash=content_hash,
        remote_digest=remote_digest,
        source_hash=source_hash,
        rules=rules,
        title=title,
        url=url,
        links=links,
        action=action,
        reason=reason,
        hash_before=hash_before,
    )


def unchanged(
    external_id: str,
    *,
    version: str = "v2",
    source_hash: str = "s1",
    rules: str = "r1",
    links: tuple[tuple[str, str | None], ...] = (),
    aliases: tuple[str, ...] | None = None,
) -> Unchanged:
    """A comparison that found nothing to send."""
    return Unchanged(
        external_id=external_id,
        version=version,
        source_hash=source_hash,
        rules=rules,
        links=links,
        aliases=aliases,
    )


def failed(
    external_id: str, *, error: str = "unreadable", retry: bool = False, retry_at: float | None = None
) -> Failed:
    """A page that is parked."""
    return Failed(
        external_id=external_id, version="v2", rules="r2", error=error, retry=retry, retry_at=retry_at
    )


def intent(external_id: str, content_hash: str = "h1") -> Intent:
    """An upsert that is about to be sent."""
    return Intent(external_id=external_id, content_hash=content_hash)


def deleted(external_id: str, *, page_id: str | None = "p1") -> Deleted:
    """A page that Intercom no longer has."""
    return Deleted(
        external_id=external_id, page_id=page_id, evidence="gone in two listings", hash_before="h1"
    )


def gone(external_id: str, *, page_id: str | None = "p1") -> tuple[Entry, ...]:
    """All that is written of a page that is missing and then deleted."""
    return (
        Absent(external_id=external_id),
        Deleting(external_id=external_id),
        deleted(external_id, page_id=page_id),
    )
