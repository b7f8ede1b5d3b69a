"""Page → content hash: SHA-256 over exactly what would be sent."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence

from syncd.model import Document, Page

_TAG = re.compile("<[^>]*>")


def content_hash(page: Page) -> str:
    """Return 64 hex digits over all that an upsert of the page sends.

    Flags that syncd does not manage are not part of it: they are sent once, on create.
    """
    parts: list[object] = [page.external_id, page.title, _text(page.html), page.url, page.locale]
    if page.availability is not None:
        flags = page.availability
        parts.append([flags.ai_agent, flags.ai_copilot, flags.ai_sales_agent])
    return _sha256(parts)


def text_chars(html: str) -> int:
    """Count the characters of visible text in a sanitised fragment; white space in a row counts as one."""
    return len(" ".join(_TAG.sub(" ", html).split()))


def source_hash(document: Document, url: str | None) -> str:
    """Return 64 hex digits over all of a document that its page is made of: not its version or its time.

    `url`: where its page is found, which may follow from the settings.
    """
    links = sorted(document.links.items())
    return _sha256(
        [
            document.path,
            document.media_type,
            document.title,
            _text(document.body),
            document.url or url,
            document.labels,
            document.locale,
            links,
            [(name, file and _text(file.text)) for name, file in sorted(document.included.items())],
        ]
    )


def remote_digest(*, title: str, html: str, url: str | None) -> str:
    """Return 64 hex digits over what Intercom shows of a page."""
    return _sha256([title, _text(html), url])


def set_digest(external_ids: Iterable[str]) -> str:
    """Return 64 hex digits that name a set of pages, whatever its order."""
    return _sha256(sorted(external_ids))


def key_of(parts: Sequence[object]) -> str:
    """Return 16 hex digits that name a combination of settings."""
    return _sha256(parts)[:16]


def _text(text: str) -> str:
    # In JSON, it would take ten times as long.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _sha256(parts: Sequence[object]) -> str:
    # JSON keeps the parts apart, so that no two different pages give the same bytes. Lone surrogates,
    # which file names can hold, stay escaped.
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode("ascii")).hexdigest()
