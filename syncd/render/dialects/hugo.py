"""Hugo: shortcodes."""

from __future__ import annotations

import re

from syncd.render.callouts import label
from syncd.render.dialects import excerpt
from syncd.render.dialects.blocks import attributes, block_html, line_prefix, text_html
from syncd.render.dialects.page import Page

_TOKEN = re.compile(
    r"\{\{(?P<mark>[<%])(?P<escaped>/\*)?[ \t\n]*(?P<close>/)?[ \t]*(?P<name>[\w./-]*)"
    r"(?P<rest>(?:\"[^\"]*\"|`[^`]*`|(?!\*/[>%]\}\}|/?[>%]\}\}|\{\{).)*)(?:\*/|/)?[>%]\}\}",
    re.DOTALL,
)
_NOTE_NAMES = frozenset(
    {"admonition", "alert", "attention", "callout", "caution", "danger", "hint", "important", "info", "note"}
    | {"notice", "pageinfo", "tip", "warning"}
)
_KIND_BY_COLOR = {
    "warning": "warning",
    "danger": "danger",
    "success": "tip",
    "info": "note",
    "primary": "note",
}
_TABS = frozenset({"tab", "tabitem", "tab-item", "codetab", "content-tab"})
_FOLDS = frozenset({"details", "expand", "collapse", "accordion", "accordion-item", "step"})
_INCLUDES = frozenset(
    {"include", "readfile", "includemd", "include-md", "code", "codefile", "import", "snippet"}
)
_ROOTS = (".", "content", "content/en", "content/en/includes")
_SHOWN = ("title", "header", "label", "name", "heading", "caption", "alt", "text")
_COMMENT = re.compile(r"\{\{[<%]\s*comment\s*[>%]\}\}.*?\{\{[<%]\s*/\s*comment\s*[>%]\}\}", re.DOTALL)
_HIGHLIGHT = re.compile(
    r"\{\{([<%])\s*highlight\s+[\"`]?([\w+#-]+)[^>%]*[>%]\}\}\n?(.*?)\{\{[<%]\s*/\s*highlight\s*[>%]\}\}",
    re.DOTALL,
)
_POSITIONAL = re.compile(r"\"([^\"]*)\"|`([^`]*)`|(\S+)")


def put_in(text: str, page: Page) -> str:
    """What Docsy and others call readfile and include; a path begins at the page or at the site."""
    return _TOKEN.sub(lambda match: _included(match, page), _COMMENT.sub("", text))


def _included(match: re.Match[str], page: Page) -> str:
    name, rest = match["name"].lower(), match["rest"]
    if match["escaped"] or match["close"] or name not in _INCLUDES:
        return match[0]
    named = attributes(rest) if "=" in rest else {}
    found = [next(part for part in parts if part) for parts in _POSITIONAL.findall(rest) if any(parts)]
    path = named.get("file") or named.get("path") or (found[0] if found and not named else "")
    if not path:
        return match[0]
    home = [folder for root in _ROOTS for folder in page.site.at_home(root, path)]
    taken = page.take("include", path, home if path.startswith("/") else [page.near(path), *home])
    if taken is None:
        return ""
    text, file = taken
    if named.get("code") == "true" or name.startswith("code"):
        language = named.get("lang") or named.get("language") or path.rpartition(".")[2]
        return excerpt.put(match, excerpt.fenced(language, text))
    return excerpt.put(match, put_in(file.body(text), file))


def prepare(text: str, page: Page) -> str:
    """Shortcodes become what they show; those that are unknown leave what they enclose."""
    text = _COMMENT.sub("", text)
    text = _HIGHLIGHT.sub(lambda match: f"\n\n```{match[2]}\n{match[3].strip(chr(10))}\n```\n\n", text)
    return _TOKEN.sub(lambda match: _shown(match, page), text)


def _shown(match: re.Match[str], page: Page) -> str:
    if match["escaped"]:
        return match[0].replace("/*", "", 1).replace("*/", "", 1)
    name = match["name"].lower()
    prefix = line_prefix(match)
    if match["close"]:
        return block_html(prefix, "</blockquote>") if name in _NOTE_NAMES else _gap(name, prefix)
    rest = match["rest"]
    named = attributes(rest) if "=" in rest else {}
    given = (
        []
        if named
        else [next(part for part in found if part) for found in _POSITIONAL.findall(rest) if any(found)]
    )
    first = given[0] if given else ""
    if name in ("ref", "relref"):
        return (named.get("path") or first).replace(" ", "%20")
    if name in _NOTE_NAMES:
        return _callout(name, named, given, prefix)
    if name in _TABS or name in _FOLDS:
        return _label(named, first, prefix)
    if name in _INCLUDES:
        page.left_out("include", named.get("file") or first or name)
        return ""
    if name in ("youtube", "vimeo"):
        host = {"youtube": "https://www.youtube.com/watch?v=", "vimeo": "https://vimeo.com/"}[name]
        number = named.get("id") or first
        return f"<{host}{number}>" if number else ""
    if name in ("figure", "img", "image"):
        shown = [named[key] for key in ("title", "alt", "caption") if named.get(key)]
        return (
            block_html(prefix, *(f"<p>{text_html(text)}</p>" for text in dict.fromkeys(shown)))
            if shown
            else ""
        )
    if name == "param" or not name:
        return page.matter.text(first) or ""
    return _label(named, "", prefix) if _is_block(name) else ""


def _callout(name: str, named: dict[str, str], given: list[str], prefix: str) -> str:
    kind = (
        named.get("type") or _KIND_BY_COLOR.get(named.get("color", "")) or (given[0] if given else "") or name
    )
    if kind.lower() in ("alert", "notice", "hint", "callout", "admonition", "pageinfo"):
        kind = "note"
    title = named.get("title") or (given[1] if len(given) > 1 else "")
    return block_html(prefix, "<blockquote>") + f"<strong>{label(kind, title)}</strong>\n\n{prefix}"


def _label(named: dict[str, str], first: str, prefix: str) -> str:
    shown = next((named[key] for key in _SHOWN if named.get(key)), first)
    return block_html(prefix, f"<p><strong>{text_html(shown)}</strong></p>") if shown else "\n\n" + prefix


def _gap(name: str, prefix: str) -> str:
    return "\n\n" + prefix if _is_block(name) else ""


def _is_block(name: str) -> bool:
    return (
        "/" in name
        or name in _TABS
        or name in _FOLDS
        or name in ("tabs", "tabpane", "cardpane", "card", "steps")
    )
