"""One document, top to bottom: body → HTML → canonical HTML → title and draft."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from itertools import pairwise

from syncd.errors import EmptyPage, PageError, PageWithheld, RenderError
from syncd.model import Document, Draft, Section
from syncd.render import dialects, front_matter
from syncd.render.addresses import address_of
from syncd.render.characters import count_deceptive, normalise, one_line, shortened
from syncd.render.coverage import lost
from syncd.render.dialects.page import Page
from syncd.render.findings import examine
from syncd.render.front_matter import FrontMatter
from syncd.render.html import Canonical, canonical, document_title, parse
from syncd.render.inclusion import dialect_of, page_of
from syncd.render.markdown import to_html
from syncd.render.rules import Rules
from syncd.render.sanitize import sanitize
from syncd.render.split import split
from syncd.render.targets import Targets

_FIRST_WORDS = 10

_TAGS = re.compile(r"<[^>]*>")
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_INDEX_STEMS = frozenset({"index", "_index", "readme"})
_NUMBER_PREFIX = re.compile(r"^\d+[-_.]\s*(?=\D)")


def draft(document: Document, rules: Rules) -> Draft:
    """Render one document; see syncd.render.render."""
    try:
        return _draft(document, rules)
    except RecursionError:
        raise RenderError(f"{document.path} is nested too deeply") from None
    except PageError as error:
        raise type(error)(f"{document.path}: {error}") from None


def _draft(document: Document, rules: Rules) -> Draft:
    _check_size(document, rules)
    text = normalise(document.body)
    matter, text = (FrontMatter(), text) if document.media_type == "text/plain" else front_matter.split(text)
    if not rules.drafts and (matter.flag("draft") is True or matter.flag("published") is False):
        raise PageWithheld("the document calls itself a draft")
    dialect = dialect_of(document, text, rules)
    source = page_of(document, matter, rules)
    if document.media_type == "text/markdown":
        text = dialects.put_in(dialect, text, source)
    tree = parse(_html(document, text, dialect, source, rules))
    address = address_of(document, rules)
    targets = Targets(document.path, document.links, rules, address)
    page = Canonical([], []) if tree is None else canonical(tree, targets, rules)
    if not _TAGS.sub("", "".join(page.pieces)).strip():
        raise EmptyPage("empty page: nothing in it would be seen by a reader")
    title = _title(document, matter, page, None if tree is None else document_title(tree), dialect)
    html = sanitize("".join(_without_title(page, title))).strip()
    source.warnings.extend(examine(title, html, document.external_id, rules))
    if page.hidden:
        source.warnings.append(f"{page.hidden} element(s) that no reader sees were left out with their text")
    if deceptive := count_deceptive(document.body):
        source.warnings.append(f"{deceptive} invisible character(s) that can hide text were left out")
    made = Draft(
        title=title,
        html=html,
        links=targets.links,
        sections=_sections(html, title, rules),
        url=address.absolute,
    )
    if rules.coverage_warning:
        source.warnings.extend(_lost(replace(document, body=text), made))
    return replace(made, warnings=tuple(source.warnings))


def _lost(document: Document, made: Draft) -> Iterator[str]:
    """Tell of words that have not arrived. `document`: with what it includes, and without front matter."""
    found = lost(document, made)
    if found is not None:
        first = " ".join(dict.fromkeys(found.missing[:_FIRST_WORDS]))
        share = 1 - found.share
        yield f"{len(found.missing)} word(s) of the document, {share:.1%}, are not in the page: {first}"


def _sections(html: str, title: str, rules: Rules) -> tuple[Section, ...]:
    limit = rules.html_limit_bytes
    sections: tuple[Section, ...] = ()
    if rules.split_above_bytes is not None:
        sections = split(html, title=title, above_bytes=min(rules.split_above_bytes, limit))
    if not sections:
        size = len(html.encode())
        if size > limit:
            raise RenderError(f"it gives {size:,} bytes of HTML; the limit is {limit:,}")
        return ()
    names = ["its first part", *(f"its part {section.key!r}" for section in sections)]
    cuts = [0, *(section.start for section in sections), len(html)]
    for name, (start, end) in zip(names, pairwise(cuts), strict=True):
        size = len(html[start:end].encode())
        if size > limit:
            raise RenderError(
                f"{name} gives {size:,} bytes of HTML and has no heading to be split at; "
                f"the limit is {limit:,}"
            )
    return sections


def _check_size(document: Document, rules: Rules) -> None:
    try:
        size = len(document.body.encode())
    except UnicodeEncodeError as error:
        raise RenderError(f"it holds half of a surrogate pair at character {error.start}") from None
    if size > rules.source_limit_bytes:
        raise RenderError(f"it has {size:,} bytes; the limit is {rules.source_limit_bytes:,}")


def _html(document: Document, text: str, dialect: str, source: Page, rules: Rules) -> str:
    if document.media_type == "text/markdown":
        indented_code = dialect not in dialects.NO_INDENTED_CODE
        return to_html(
            dialects.prepare(dialect, text, source), rules.nesting_limit, indented_code=indented_code
        )
    if document.media_type == "text/html":
        return text
    if document.media_type == "text/plain":
        paragraphs = _BLANK_LINES.split(text.strip("\n"))
        return "".join(
            "<p>" + escape(lines, quote=False).replace("\n", "<br>") + "</p>" for lines in paragraphs
        )
    raise RenderError(f"it is {document.media_type}; only Markdown, HTML and plain text can be rendered")


def _title(document: Document, matter: FrontMatter, page: Canonical, head: str | None, dialect: str) -> str:
    if dialect in dialects.FILE_NAMES_ARE_TITLES:
        return shortened(
            one_line(document.title or matter.text("title") or "") or _name(document.path, dialect)
        )
    first_h1 = next((heading.text for heading in page.headings if heading.level == 1), None)
    first = page.headings[0].text if page.headings else None
    for candidate in (document.title, matter.text("title"), first_h1, head, first):
        title = one_line(candidate or "")
        if title:
            return shortened(title)
    return shortened(_name(document.path, dialect))


def _name(path: str, dialect: str) -> str:
    """Return the words of a file name; of an index, those of its folder."""
    parts = path.split("/")
    stem = parts[-1].rpartition(".")[0] or parts[-1]
    if stem.lower() in _INDEX_STEMS and len(parts) > 1:
        stem = parts[-2]
    # File names can hold bytes that are no text.
    stem = stem.encode("utf-8", "replace").decode()
    if dialect == "obsidian":
        return one_line(stem) or path
    if dialect != "github_wiki":
        stem = _NUMBER_PREFIX.sub("", stem).replace("_", " ")
    words = one_line(stem.replace("-", " ")) or one_line(path)
    return words[:1].upper() + words[1:]


def _without_title(page: Canonical, title: str) -> list[str]:
    """Leave out a first H1 that only repeats the title, unless nothing else is there."""
    first = next((heading for heading in page.headings if heading.level == 1), None)
    if first is None or one_line(first.text).casefold() != title.casefold():
        return page.pieces
    rest = page.pieces[: first.position] + page.pieces[first.position + 1 :]
    return rest if _TAGS.sub("", "".join(rest)).strip() else page.pieces
