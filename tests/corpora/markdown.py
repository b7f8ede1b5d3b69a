"""A page of a documentation repository as its readers see it, told by a few expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from itertools import pairwise
from typing import NamedTuple

from tests.corpora.expected import Original
from tests.corpora.fences import DRIVEN, parts

Resolve = Callable[[str], str | None]
"""Link as it is written → external id of the page that it means, None if it means no other page."""

_COMMENT = re.compile(r"<!--(.*?)(?:-->|\Z)|\{/\*(.*?)\*/\}", re.DOTALL)
_LIQUID_COMMENT = re.compile(r"\{%-?\s*comment\s*-?%\}(.*?)\{%-?\s*endcomment\s*-?%\}", re.DOTALL)
_MYST_COMMENT = re.compile(r"^%(.*)$", re.MULTILINE)
_TAG = re.compile(
    r"</?[A-Za-z][\w.:-]*(?:\s+(?:[^<>\"'{}]|\"[^\"]*\"|'[^']*'|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*)?\s*/?>"
)
_UNSEEN = re.compile(
    r"<(script|style|template|iframe|svg|video|audio|noscript)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE
)
_IMPORT = re.compile(r"^(?:import|export)\s.*?(?:\n[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_DEFINITION = re.compile(
    r"^[ \t>]*\[([^\]^\n]+)\]:[ \t]*\n?[ \t]*(?:<([^>\n]*)>|(\S+))"
    r"(?:[ \t]*\n?[ \t]*(?:\"[^\"]*\"|'[^']*'|\([^)]*\)))?[ \t]*$",
    re.MULTILINE,
)
_SPAN = re.compile(
    r"(?:(?<!`)\{([\w:+.-]+)\})?(?<!`)(`+)(?!`)((?:(?!\n[ \t]*\n).)*?)(?<!`)\2(?!`)", re.DOTALL
)
_MYST_OPTION = re.compile(r"^[ \t>]*:[\w-]+:(?:[ \t].*)?$", re.MULTILINE)
_DRIVEN = re.compile(r"^([ \t>]*:{3,}[ \t]*)\{(?:" + "|".join(sorted(DRIVEN)) + r")\}.*$", re.MULTILINE)
_IMAGE = re.compile(r"!\[([^\[\]]*)\](?:\([^()\s]*(?:\s+\"[^\"]*\")?\s*\)|\[[^\[\]]*\])")
_INLINE = re.compile(
    r"\]\(\s*(?:<([^<>\n]*)>|((?:[^()\s]|\([^()\s]*\))*))(?:\s+(?:\"[^\"]*\"|'[^']*'|\([^)]*\)))?\s*\)"
)
_REFERENCE = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\](?![(:])(?:\[([^\[\]]*)\])?")
_HREF = re.compile(
    r"<(?:a|Link|AppLink)\b[^<>]*?\b(?:href|to)=(?:\"([^\"]*)\"|'([^']*)'|\{[\"'`]([^\"'`]*)[\"'`]\})"
)
_AUTOLINK = re.compile(r"<((?:project|path):[^<>\s]*|#[^<>\s]*)>")
_ROLE_LINK = re.compile(r"\{(?:doc|ref|numref|any)\}`(?:[^`<]*<([^`<>]*)>|([^`<>]*))`")
_HEADING = re.compile(r"^[ \t]{0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$", re.MULTILINE)
_TABLE = re.compile(r"^[ \t>]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)+\|?[ \t]*$", re.MULTILINE)
_TABLE_DIRECTIVE = re.compile(r"^[ \t>]*:{3,}\{(?:list|csv)-table\}", re.MULTILINE)
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")

# Marks that say how something is shown, with what a reader sees in their place.
_MARKS: tuple[tuple[str, str], ...] = (
    (r"^[ \t>]*(?:[-*+][ \t]+)*\d+[.)][ \t]", " "),  # numbers of lists
    (r"^[ \t]*(?:!!!|\?\?\?\+?)[ \t]+[^\"\n]*", " "),
    (r"^[ \t>]*:{3,}[ \t]*(?:\{[^}\n]*\}|[\w-]*)", " "),
    (r"^[ \t>]*\(([^()\n]+)\)=[ \t]*$", " "),  # labels of MyST
    (r"\{[\w:+.-]+\}(`+)([^`<]*?)(?:<[^`<>]*>)?\1", r" \2 "),
    (r"<(?:inv|project|path|myst|wiki):[^<>]*>|<#[^<>\s]*>", " "),
    (r"\[!\w+\][-+]?", " "),
    (r"\{:?[ \t]*(?:[#.][\w.:-]+|[\w-]+=(?:\"[^\"\n]*\"|[^\s{}\"]+))(?:[ \t][^{}\n]*)?\}", " "),
    (r"\{:[^{}\n]*\}", " "),
    (r":(?:material|octicons|fontawesome|simple)-[a-z0-9-]+:", " "),
    (r"(?<=[-*+] )\[[ xX]\](?=\s)", " "),
    (r"^[ \t>]*\*\[[^\]\n]+\]:.*$", " "),  # abbreviations
    (r"^\[\^[^\]\n]+\]:|\[\^[^\]\n]+\]", " "),
    (r"^[ \t]*-*8<-+.*$", " "),
)
_PATTERNS = tuple((re.compile(pattern, re.MULTILINE), seen) for pattern, seen in _MARKS)
_TEMPLATE = re.compile(r"\{\{[<%].*?[%>]\}\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}(.*?)\{%-?\s*endraw\s*-?%\}", re.DOTALL)
_LIQUID_LINK = re.compile(r"(?<=\()\s*\{%-?\s*(link|post_url)\s+(\S+)\s*-?%\}")
# Braces that stand for themselves, as in {% raw %}, until everything else is read.
_BRACE = "\x04"


class Matter(NamedTuple):
    """Front matter as lines, and what follows it."""

    lines: tuple[str, ...]
    body: str

    def text(self, key: str) -> str | None:
        """The value of a key that stands on one line."""
        for line in self.lines:
            name, colon, value = line.partition(":")
            if colon and name == key and value.strip():
                return value.strip().strip("\"'")
        return None

    def texts(self, key: str) -> list[str]:
        """The value of a key, or the values of its list."""
        one = self.text(key)
        if one is not None:
            return [part.strip().strip("\"'") for part in one.strip("[]").split(",")]
        found: list[str] = []
        inside = False
        for line in self.lines:
            if inside and re.match(r"\s*- ", line):
                found.append(line.partition("- ")[2].strip().strip("\"'"))
            else:
                inside = line.rstrip() == key + ":"
        return found


def split(text: str) -> Matter:
    """Take front matter off."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    match = re.match(r"---[ \t]*\n(.*?)^---[ \t]*$\n?", text, re.DOTALL | re.MULTILINE)
    return Matter(tuple(match[1].split("\n")), text[match.end() :]) if match else Matter((), text)


def read(text: str, dialect: str, resolve: Resolve) -> Original:
    """Read one page."""
    matter, body = split(re.sub("[\u200b-\u200f\u2060\ufeff\xad]", "", text))
    if dialect == "jekyll":
        body = _RAW.sub(lambda match: match[1].replace("{", _BRACE), body)
        body = _LIQUID_LINK.sub(r"\1:\2", body)
    found = parts(body, directives=dialect == "myst", rust=dialect == "mdbook")
    hidden = [line for line in matter if re.match(r"[\w-]+: \S", line)]
    prose, comments = _without_comments(found.prose, dialect)
    spans: list[str] = []

    def shelve(match: re.Match[str]) -> str:
        role, _, inner = match.groups()
        if role is not None and dialect == "myst":
            return " " + _role(role, inner) + " "
        spans.append(inner)
        return ("{" + role + "}" if role else "") + f"\x02{len(spans) - 1}\x03"

    if dialect == "docusaurus":
        prose = _IMPORT.sub("\n", prose)
    shelved = _SPAN.sub(shelve, prose)
    links = list(links_of(shelved))
    if dialect == "myst":
        shelved = _DRIVEN.sub("", _MYST_OPTION.sub("", shelved))
        # Those in code are none.
        roles = _ROLE_LINK.findall(
            re.sub(r"(?<![`}])(`+)(?!`)(?:\{[^`]*`[^`]*`[^`]*|[^`]+)\1(?!`)", "", prose)
        )
        links += [start + (named or label) for named, label in roles for start in ("", "#")]
    targets = [target for link in links if (target := resolve(_back(link, spans))) is not None]
    code = [_code(block, dialect) for block in found.code]

    def seen(some: str) -> str:
        return _back(visible(some), spans).replace(_BRACE, "{")

    return Original(
        text=seen(shelved) + "\n" + "\n".join(code),
        headings=tuple(seen("\x05" + match[2]).strip("\x05") for match in _HEADING.finditer(shelved)),
        code=tuple(code),
        other_code=tuple(_indented(prose)),
        tables=_tables(shelved) + (len(_TABLE_DIRECTIVE.findall(shelved)) if dialect == "myst" else 0),
        links=tuple(targets),
        hidden=(*hidden, *comments),
    )


def _role(role: str, inner: str) -> str:
    """What is shown of a role of Sphinx: its text, or what it names."""
    text, opening, _ = inner.rpartition("<")
    named = text if opening and inner.endswith(">") and text.strip() else inner.strip("<>")
    if role in ("ref", "doc", "numref", "eq", "any", "download", "fa", "octicon", "material-regular"):
        return text if text.strip() else ""
    return named.lstrip("~!").rpartition(".")[2] if ":" in role and inner.startswith("~") else named


def _code(block: str, dialect: str) -> str:
    """A block as its reader sees it, as far as the source itself can tell."""
    if dialect == "jekyll":
        return _TEMPLATE.sub(" ", block).replace(_BRACE, "{")
    if dialect == "mdbook":
        return re.sub(r"\{\{#[^{}\n]*\}\}", "", block)
    return block


def _indented(prose: str) -> Iterator[str]:
    """Code by indentation alone, and formulas; never what hangs below a list, a callout or a tab."""
    run: list[str] = []
    above, blank = "", True
    for line in [*prose.split("\n"), "end"]:
        if line.strip() and not line.startswith(("    ", "\t")):
            if run:
                yield "\n".join(run)
            run, above, blank = [], line, False
        elif not line.strip():
            blank = True
        elif run or (blank and not re.match(r"[ \t]*(?:[-*+]|\d+[.)]|!!!|\?\?\?|===|:{3,}|\[)", above)):
            run.append(line)
    yield from re.findall(r"\$\$(.*?)\$\$", prose, re.DOTALL)
    for block in re.findall(r"<pre\b[^<>]*>(.*?)</pre>", prose, re.DOTALL):
        yield unescape(_TAG.sub("", block))


def _back(text: str, spans: list[str]) -> str:
    return re.sub("\x02(\\d+)\x03", lambda match: spans[int(match[1])], text)


def _without_comments(text: str, dialect: str) -> tuple[str, list[str]]:
    comments: list[str] = []

    def drop(match: re.Match[str]) -> str:
        comments.extend(group for group in match.groups() if group)
        return " "

    text = _COMMENT.sub(drop, text)
    if dialect == "jekyll":
        text = _LIQUID_COMMENT.sub(drop, text)
    if dialect == "myst":
        text = _MYST_COMMENT.sub(drop, text)
    return text, comments


def _tables(text: str) -> int:
    """Delimiter rows below a line with a bar, and tables written as HTML."""
    lines = text.split("\n")
    piped = sum(
        "|" in above and "|" in line and _TABLE.match(line) is not None and above.strip() != ""
        for above, line in pairwise(lines)
    )
    return piped + len(re.findall(r"<table\b", text, re.IGNORECASE))


def links_of(text: str) -> Iterator[str]:
    """Every link as it is written, each as often as it is used."""
    definitions: dict[str, str] = {}
    for match in _DEFINITION.finditer(text):
        definitions.setdefault(_label(match[1]), match[2] or match[3])
    text = _IMAGE.sub(lambda match: match[1], _DEFINITION.sub("", text))
    for match in _INLINE.finditer(text):
        yield match[1] or match[2] or ""
    for match in _REFERENCE.finditer(text):
        label = _label(match[2] or match[1])
        if label in definitions:
            yield definitions[label]
        elif "[" in match[1]:
            yield from (
                definitions[_label(inner)]
                for inner in re.findall(r"\[([^\[\]]+)\]", match[1])
                if _label(inner) in definitions
            )
    for groups in _HREF.findall(text):
        yield next(filter(None, groups), "")
    yield from (match.removeprefix("project:") for match in _AUTOLINK.findall(text))


def _label(text: str) -> str:
    return " ".join(text.split()).casefold()


def visible(text: str) -> str:
    """What a reader sees of some prose."""
    text = _DEFINITION.sub(" ", _TEMPLATE.sub(" ", _UNSEEN.sub(" ", text)))
    # Emphasis within a word, as in "**g**lobally" and "H~2~O", does not part it.
    text = re.sub(r"(?<=\w)(?:\*+|[~^](?=\w+[~^]))(?=\w)", "", text)
    text = re.sub(r"(?<=\d)[~^](?=\w)", "", text)
    for pattern, seen in _PATTERNS:
        text = pattern.sub(seen, text)
    text = re.sub(r"\]\[[^\[\]\n]*\]", "] ", _INLINE.sub("] ", _IMAGE.sub(r" \1 ", text)))
    text = re.sub(r"<((?:https?|mailto):[^<>\s]*)>", r" \1 ", text)
    # Tags within a word do not part it; blocks and whole lines of tags do.
    text = re.sub(r"</?(?:br|li|p|div|td|th|tr|h[1-6]|ul|ol|dd|dt|summary|details)\b", r" \g<0>", text)
    return unescape(_ESCAPE.sub(r"\1", _TAG.sub("", text)))
