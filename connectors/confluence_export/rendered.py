"""The body of a page in an HTML export: macros as Confluence rendered them, told by their classes.

The classes are the same in Server and Cloud exports from 2015 to 2025.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from lxml import etree

from connectors.confluence_export.asked import Asked
from connectors.confluence_export.fragment import HEADINGS, Writer
from connectors.confluence_export.pieces import (
    Blocks,
    Special,
    callout,
    code,
    emoticon,
    person,
    picture,
    text_exactly,
    text_of,
    tidy,
)

_LABELS = {
    "confluence-information-macro-information": "Info",
    "confluence-information-macro-note": "Note",
    "confluence-information-macro-tip": "Tip",
    "confluence-information-macro-warning": "Warning",
}
# Navigation, lists of other pages, people and controls: what they show is not the page's own text.
_DROPPED = {
    "toc-macro": "",
    "toc-indentation": "",
    "TOCOutline": "",
    "childpages-macro": "",
    "confluence-information-macro-icon": "",
    "expand-control-icon": "",
    "hidden-link": "",
    "plugin_pagetree": "",
    "plugin_pagetreesearch": "",
    "pagetreesearch": "",
    "search-macro": "",
    "livesearch-macro": "",
    "recently-updated": "",
    "recently-updated-macro": "",
    "results-container": "",
    "content-by-label": "",
    "contentbylabel-macro": "",
    "content-by-label-macro": "",
    "blog-posts-macro": "",
    "blogPostsMacro": "",
    "blog-post-listing": "",
    "plugin_attachments_container": "",
    "plugin_attachments": "",
    "attachments-macro": "",
    "profile-macro": "",
    "vcard": "",
    "user-profile-macro": "",
    "contributors-macro": "",
    "plugin-contributors": "",
    "space-details-macro": "",
    "like-button-container": "",
    "vf-slide-viewer-macro": "view-file",
    "jim-error-message": "jira",
    "jim-error-message-table": "jira",
    "gadget": "gadget",
}
_PLACEHOLDER = re.compile(r"\$item\w+")
_FAILED_MACRO = re.compile(r"(?:Unknown macro: \{?|Error rendering macro ')([^}'\s]+)")
_APP = re.compile(r"ap-([\w.-]+?)__")
_BRUSH = re.compile(r"brush:\s*([\w+#-]+)")
_NO_LANGUAGE = frozenset(("java", "text", "plain", "none", "textile"))
_WAITING = re.compile(r"Getting issue details")


class RenderedWriter(Writer):
    """Writes the #main-content of one exported page."""

    def __init__(self, asked: Asked, title: str) -> None:
        super().__init__(asked, title)
        self._handlers = {
            "code": self._code,
            "preformatted": self._code,
            "panel": self._panel,
            "confluence-information-macro": self._information,
            "expand-container": self._expand,
            "status-macro": lambda node, depth: f" {self.inside(node, depth)} ",
            "jira-issue": self._jira,
            "inline-task-list": self._tasks,
            "user-mention": lambda node, _: person("".join(node.itertext())),
            "confluence-userlink": lambda node, _: person("".join(node.itertext())),
            "confluence-anchor-link": self._anchor,
            "error": self._error,
            "gallery": self._gallery,
            "ap-container": self._app,
        }

    def find_anchors(self, root: etree._Element) -> None:
        """Headings and anchor macros, in their order."""
        for node in root.iter("span", *HEADINGS):
            old = node.get("id") or ""
            if node.tag != "span":
                self.mark(node, old, "".join(node.itertext()))
            elif "confluence-anchor-link" in (node.get("class") or ""):
                self.add_anchor(old, old)

    def special(self, node: etree._Element, tag: str, depth: int) -> Special:
        """What the rendered macros come to."""
        if tag == "img":
            return self._image(node)
        classes = node.get("class")
        if classes:
            for name in classes.split():
                if name in _DROPPED:
                    if _DROPPED[name]:
                        self.dropped.append(_DROPPED[name])
                    return Blocks([]) if tag != "span" else ""
                handler = self._handlers.get(name)
                if handler is not None:
                    return handler(node, depth)
        if tag == "time" and not "".join(node.itertext()).strip():
            return text_of(node.get("datetime"))
        if tag == "pre":
            return Blocks([html] if (html := code(text_exactly(node))) else [])
        return None

    def link(self, node: etree._Element, text: str) -> str:
        """Write a link of an exported page."""
        href = node.get("href")
        classes = (node.get("class") or "").split()
        if href is None:
            return self._named(node) + text
        if "createlink" in classes or "unresolved" in classes or href.startswith(("$", "null/")):
            return "" if _PLACEHOLDER.fullmatch(text.strip()) else text
        if href.startswith("#"):
            return self.own_anchor(href[1:], text)
        kind = node.get("data-linked-resource-type") or "page"
        number = node.get("data-linked-resource-id")
        if kind not in ("page", "blogpost"):
            # An attachment, a space or a person: no page of the export, and private.
            return text if number else self.anchor_tag(self.asked.resolve(href), text, href)
        return self.anchor_tag(self.asked.resolve(href, number), text, href)

    def _named(self, node: etree._Element) -> str:
        old = node.get("name") or node.get("id")
        name = self.anchor_of(old) if old else None
        return f'<a id="{name}"></a>' if name else ""

    def _anchor(self, node: etree._Element, depth: int) -> str:
        name = self.anchor_of(node.get("id") or "")
        return (f'<a id="{name}"></a>' if name else "") + self.inside(node, depth)

    def _image(self, node: etree._Element) -> str:
        classes = node.get("class") or ""
        if "emoticon" in classes.split() or node.get("data-emoji-fallback"):
            fallback = node.get("data-emoji-fallback")
            return emoticon(fallback, node.get("data-emoticon-name"), node.get("alt"))
        if "expand-control-image" in classes or "icon" in classes.split():
            return ""
        source = node.get("src") or ""
        if "images/icons/" in source or "unknown-attachment" in source:
            return picture(node.get("alt"), None)
        name = node.get("data-linked-resource-default-alias") or source.partition("?")[0].rpartition("/")[2]
        return picture(node.get("alt"), unquote(name).partition("?")[0].rpartition("/")[2])

    def _code(self, node: etree._Element, depth: int) -> Special:
        if node.tag not in ("div", "pre"):
            return None
        text = node if node.tag == "pre" else next(node.iter("pre"), None)
        if text is None:
            return None
        brush = _BRUSH.search(text.get("data-syntaxhighlighter-params") or "")
        # Confluence writes java where nobody chose a language.
        language = brush[1].lower() if brush and brush[1].lower() not in _NO_LANGUAGE else ""
        header = _child(node, "codeHeader") if node.tag == "div" else None
        if header is None and node.tag == "div":
            header = _child(node, "preformattedHeader") or _child(node, "panelHeader")
        bold = next(header.iter("b"), header) if header is not None else None
        title = tidy(self.inside(bold, depth)) if bold is not None else ""
        html = code(text_exactly(text), language, title)
        # What else stands in the frame, if anything does, comes after it.
        for read in (text, header):
            if read is not None and read is not node:
                read.clear(keep_tail=True)
        rest = self.blocks(node, depth) if text is not node else []
        return Blocks([html, *rest] if html else rest)

    def _panel(self, node: etree._Element, depth: int) -> Special:
        header, content = _child(node, "panelHeader"), _child(node, "panelContent")
        if content is None:
            return None
        label = tidy(self.inside(header, depth)) if header is not None else ""
        return callout(_plain(label), self.blocks(content, depth))

    def _information(self, node: etree._Element, depth: int) -> Special:
        classes = (node.get("class") or "").split()
        label = next((_LABELS[name] for name in classes if name in _LABELS), "Note")
        title = next((child for child in node if "title" in (child.get("class") or "").split()), None)
        body = _child(node, "confluence-information-macro-body")
        named = _plain(tidy(self.inside(title, depth))) if title is not None else ""
        blocks = self.blocks(body, depth) if body is not None else []
        return callout(named or (label if blocks else ""), blocks)

    def _expand(self, node: etree._Element, depth: int) -> Special:
        control, content = _child(node, "expand-control"), _child(node, "expand-content")
        title = _plain(tidy(self.inside(control, depth))) if control is not None else ""
        lead = [f"<p><strong>{title}</strong></p>"] if title else []
        return Blocks(lead + (self.blocks(content, depth) if content is not None else []))

    def _jira(self, node: etree._Element, depth: int) -> Special:
        key = node.get("data-jira-key") or ""
        if not key:
            return None
        summary = next((each for each in node.iter() if (each.get("class") or "") == "summary"), None)
        text = tidy(self.inside(summary, depth)) if summary is not None else ""
        return text_of(key) + (f": {text}" if text and not _WAITING.search(text) else "")

    def _tasks(self, node: etree._Element, depth: int) -> Special:
        html = self.list(node, "ul", depth)
        return Blocks([html] if html else [])

    def item(self, node: etree._Element, depth: int) -> str:
        """Write a list item; one of a task list says whether it is done."""
        html = super().item(node, depth)
        parent = node.getparent()
        if html and parent is not None and "inline-task-list" in (parent.get("class") or "").split():
            done = "checked" in (node.get("class") or "").split()
            return ("\u2611 " if done else "\u2610 ") + html
        return html

    def _error(self, node: etree._Element, depth: int) -> Special:
        found = _FAILED_MACRO.search("".join(node.itertext()))
        if found is None:
            return None
        self.dropped.append(found[1])
        return "" if node.tag == "span" else Blocks([])

    def _app(self, node: etree._Element, depth: int) -> Special:
        # Its text is fetched by a script, which holds a signed token; only its name is in the export.
        name = _APP.match(node.get("id") or "")
        self.dropped.append(f"Connect app {name[1]}" if name else "Connect app")
        return Blocks([])

    def _gallery(self, node: etree._Element, depth: int) -> Special:
        names = [self._image(each) for each in node.iter("img")]
        names += [
            tidy(self.inside(each, depth))
            for each in node.iter("div")
            if each.get("class") == "gallery-caption"
        ]
        items = "".join(f"<li>{name}</li>" for name in dict.fromkeys(names) if name)
        return Blocks([f"<ul>{items}</ul>"] if items else [])


def _child(node: etree._Element, name: str) -> etree._Element | None:
    return next((child for child in node if name in (child.get("class") or "").split()), None)


def _plain(html: str) -> str:
    return re.sub(r"</?strong>", "", html)
