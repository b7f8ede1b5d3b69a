"""Wiki markup of Confluence 3 and older → storage format."""

from __future__ import annotations

from syncd.errors import ItemError


def to_storage(markup: str) -> str:
    """Return the body in storage format."""
    raise ItemError("the page is written in the wiki markup of Confluence 3, which is not read")
