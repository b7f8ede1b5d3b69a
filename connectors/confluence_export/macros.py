"""The macros of the storage format, by name: what each one comes to on a page for readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lxml import etree

from connectors.confluence_export.pieces import Blocks, Special, callout, code, text_exactly, text_of, tidy

if TYPE_CHECKING:
    from connectors.confluence_export.storage import StorageWriter

Handler = Callable[["StorageWriter", etree._Element, int], Special]

# Navigation, lists of other pages, people and controls: nothing of the page's own text is in them.
NAVIGATION = frozenset(
    """
    toc children childpages pagetree pagetreesearch page-tree livesearch search recently-updated
    recently-updated-dashboard recently-used-labels blog-posts contributors contributors-summary gadget
    contentbylabel content-by-label content-by-user labels-list listlabels popular-labels related-labels
    navmap index spaces spaces-list space-details space-attachments favpages profile profile-picture
    network change-history create-from-template create-space-button tasks-report-macro task-report
    detailssummary content-report-table scroll-pagebreak scroll-bookmark pagebreak loremipsum bookmarks
    activity-stream global-reports welcome-message getting-started dashboard userlister im rss
    junitreport
    """.split()  # noqa: SIM905 - as words it can be read
)
INLINE = frozenset(
    """
    status jira jiraissues anchor mathinline math-inline color profile-picture scroll-bookmark emoji
    view-file viewpdf viewdoc viewppt viewxls widget span
    """.split()  # noqa: SIM905 - as words it can be read
)

_LANGUAGES = {"c#": "csharp", "c++": "cpp", "js": "javascript", "py": "python", "html/xml": "xml", "none": ""}
_PARAMETER_TAGS = ("parameter", "default-parameter")


def macro_name(node: etree._Element) -> str:
    """Return a macro's name, lower case."""
    return (node.get("{urn:confluence:ac}name") or node.get("ac:name") or "").strip().lower()


def parameter(node: etree._Element, name: str) -> str:
    """Return the text of a macro's parameter; "" names the default one."""
    found = _parameter(node, name)
    return "".join(found.itertext()).strip() if found is not None else ""


def _parameter(node: etree._Element, name: str) -> etree._Element | None:
    for child in node:
        tag = _local(child)
        if tag not in _PARAMETER_TAGS:
            continue
        called = child.get("{urn:confluence:ac}name") or child.get("ac:name") or ""
        if called == name or (tag == "default-parameter" and not name):
            return child
    return None


def _local(node: etree._Element) -> str:
    return node.tag.replace("}", ":").rpartition(":")[2] if isinstance(node.tag, str) else ""


def _part(node: etree._Element, name: str) -> etree._Element | None:
    return next((child for child in node if _local(child) == name), None)


def _plain(node: etree._Element) -> str:
    body = _part(node, "plain-text-body")
    return text_exactly(body) if body is not None else ""


def _rich(writer: StorageWriter, node: etree._Element, depth: int) -> list[str]:
    body = _part(node, "rich-text-body")
    return writer.blocks(body, depth + 1) if body is not None else []


def _code(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    language = (parameter(node, "language") or parameter(node, "")).lower()
    language = _LANGUAGES.get(language, language).replace(" ", "-")
    if macro_name(node) == "noformat":
        language = ""
    html = code(_plain(node), language, text_of(parameter(node, "title")))
    return Blocks([html] if html else _rich(writer, node, depth))


def _panel(label: str) -> Handler:
    def write(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
        blocks = _rich(writer, node, depth)
        return callout(text_of(parameter(node, "title")) or (label if blocks else ""), blocks)

    return write


def _expand(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    title = text_of(parameter(node, "title") or parameter(node, ""))
    lead = [f"<p><strong>{title}</strong></p>"] if title else []
    return Blocks(lead + _rich(writer, node, depth))


def _status(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    return f" {text_of(parameter(node, 'title') or parameter(node, 'colour'))} "


def _jira(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    key = parameter(node, "key") or parameter(node, "")
    if not key or len(key) > 40:
        writer.dropped.append("jira")
        return ""
    return text_of(key)


def _anchor(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    name = writer.anchor_of(parameter(node, ""))
    return f'<a id="{name}"></a>' if name else ""


def _hideable(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    return Blocks([]) if parameter(node, "hidden").lower() == "true" else None


def _include(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    space, title = writer.space, ""
    holder = _parameter(node, "") if _parameter(node, "") is not None else _parameter(node, "page")
    if holder is not None:
        for child in holder.iter():
            if _local(child) == "page":
                title = child.get("{urn:confluence:ri}content-title") or child.get("ri:content-title") or ""
                space = child.get("{urn:confluence:ri}space-key") or child.get("ri:space-key") or space
        if not title:
            text = "".join(holder.itertext()).strip()
            key, colon, rest = text.partition(":")
            space, title = (key, rest) if colon and " " not in key else (space, text)
    target = writer.asked.titled(space, title)
    excerpt = parameter(node, "name") if macro_name(node) == "excerpt-include" else None
    return writer.included(target, title, depth, excerpt)


def _file(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    holder = _parameter(node, "name")
    for child in holder.iter() if holder is not None else ():
        if _local(child) == "attachment":
            name = child.get("{urn:confluence:ri}filename") or child.get("ri:filename") or ""
            return text_of(name)
    return text_of(parameter(node, "name"))


def _files(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    names = writer.library.files(writer.page)
    writer.asked.uses[f"files {writer.page}"] = "\n".join(names)
    items = "".join(f"<li>{text_of(name)}</li>" for name in names)
    return Blocks([f"<ul>{items}</ul>"] if items else [])


def _widget(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    holder = _parameter(node, "url")
    href = parameter(node, "url")
    for child in holder.iter() if holder is not None else ():
        href = child.get("{urn:confluence:ri}value") or child.get("ri:value") or href
    if not href.startswith(("http://", "https://")):
        writer.dropped.append("widget")
        return ""
    return writer.anchor_tag(writer.asked.resolve(href), text_of(unquote(href)), href)


def _math(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    text = _plain(node) or parameter(node, "body") or parameter(node, "")
    if macro_name(node) in INLINE:
        return f"<code>{text_of(text)}</code>" if text.strip() else ""
    html = code(text, "latex")
    return Blocks([html] if html else [])


def _quote(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    return callout("", _rich(writer, node, depth))


def _preformatted(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    html = code(_plain(node), "markdown" if "markdown" in macro_name(node) else "")
    if not html:
        return None
    return Blocks([html])


def _color(writer: StorageWriter, node: etree._Element, depth: int) -> Special:
    body = _part(node, "rich-text-body")
    return tidy(writer.inside(body, depth + 1)) if body is not None and not writer.holds_block(body) else None


MACROS: dict[str, Handler] = {
    "code": _code,
    "noformat": _code,
    "panel": _panel(""),
    "info": _panel("Info"),
    "note": _panel("Note"),
    "tip": _panel("Tip"),
    "warning": _panel("Warning"),
    "success": _panel("Success"),
    "error": _panel("Error"),
    "expand": _expand,
    "ui-expand": _expand,
    "status": _status,
    "jira": _jira,
    "jiraissues": _jira,
    "anchor": _anchor,
    "excerpt": _hideable,
    "details": _hideable,
    "include": _include,
    "excerpt-include": _include,
    "view-file": _file,
    "viewpdf": _file,
    "viewdoc": _file,
    "viewppt": _file,
    "viewxls": _file,
    "attachments": _files,
    "widget": _widget,
    "mathblock": _math,
    "mathinline": _math,
    "math-block": _math,
    "math-inline": _math,
    "quote": _quote,
    "markdown": _preformatted,
    "color": _color,
}
STANDALONE = (NAVIGATION | frozenset(MACROS)) - INLINE - {"excerpt", "details", "color"}
"""Macros that stand on lines of their own. Of the others, that depends on what they hold."""
