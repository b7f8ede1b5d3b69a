"""Which other files a document takes text from. Loads no parser: it is asked outside of the workers."""

from __future__ import annotations

from contextlib import suppress

from syncd.errors import PageError
from syncd.model import Document
from syncd.render import dialects, front_matter
from syncd.render.characters import normalise
from syncd.render.dialects.page import Page, Shelf
from syncd.render.front_matter import FrontMatter
from syncd.render.rules import Rules


def asked_for(document: Document, rules: Rules) -> list[str]:
    """Names of the files that a document asks for and that `document.included` does not tell of."""
    if document.media_type != "text/markdown":
        return []
    if rules.dialect == "auto":
        if not dialects.may_include(document.body, rules.site):
            return []
    elif not dialects.includes(rules.dialect, document.body, rules.site):
        return []
    matter, text = front_matter.split(normalise(document.body))
    source = page_of(document, matter, rules)
    with suppress(PageError):  # it is met again when the page is rendered
        dialects.put_in(dialect_of(document, text, rules), text, source)
    return list(dict.fromkeys(source.shelf.asked))


def page_of(document: Document, matter: FrontMatter, rules: Rules) -> Page:
    """Return the document as its dialect sees it."""
    shelf = Shelf(document.included, rules.source_limit_bytes, rules.drafts)
    return Page(document.path, matter, [*document.warnings, *matter.warnings], rules.site, shelf)


def dialect_of(document: Document, text: str, rules: Rules) -> str:
    """Return the dialect that a document is read as; `text`: its body without front matter."""
    if document.media_type != "text/markdown":
        return "none"
    return dialects.sniff(document.path, text) if rules.dialect == "auto" else rules.dialect
