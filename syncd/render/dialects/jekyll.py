"""Jekyll: Liquid, and the attribute lists of kramdown."""

from __future__ import annotations

import re
from collections.abc import Callable

from syncd.render.dialects import excerpt
from syncd.render.dialects.blocks import attributes, outside_code, substitute
from syncd.render.dialects.page import Page

_INCLUDE = re.compile(
    r"\{%-?[ \t]*include(?:_cached|(?P<relative>_relative))?[ \t]+(?P<file>[^\s%]+)"
    r"(?P<values>(?:[^%\"']|\"[^\"]*\"|'[^']*'|%(?!\}))*?)-?%\}"
)
_PROGRAM = re.compile(
    r"\{%-?\s*(?:for|if|unless|case|assign|capture|tablerow|cycle)\b|<script\b", re.IGNORECASE
)
_PARAMETER = re.compile(r"\{\{-?\s*include\.([\w-]+)(?:\s*\|[^{}]*)?\s*-?\}\}")
_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}(.*?)\{%-?\s*endraw\s*-?%\}", re.DOTALL)
# No text that is read holds this character.
_KEPT = re.compile("\x00(\\d+)\x00")
_COMMENT = re.compile(r"\{%-?\s*comment\s*-?%\}.*?\{%-?\s*endcomment\s*-?%\}", re.DOTALL)
_HIGHLIGHT = re.compile(
    r"\{%-?\s*highlight\s+([\w+#-]*)[^%]*%\}\n?(.*?)\{%-?\s*endhighlight\s*-?%\}", re.DOTALL
)
_ENDS = {_RAW: "endraw", _COMMENT: "endcomment", _HIGHLIGHT: "endhighlight"}
_LIQUID_LINE = re.compile(r"^[ \t]*\{%(?:(?!\{%|%\}).)*%\}[ \t]*\n", re.DOTALL | re.MULTILINE)
_TAG = re.compile(r"\{%-?\s*(\w+)((?:(?!\{%|%\}).)*?)-?%\}", re.DOTALL)
_OUTPUT = re.compile(r"\{\{-?((?:(?!\{\{|\}\}).)*?)-?\}\}", re.DOTALL)
_LITERAL = re.compile(r"\s*(?:\"([^\"]*)\"|'([^']*)')")
_EXTENSION = re.compile(
    r"\{::comment\}.*?\{:/(?:comment)?\}|\{::?/?\w+[^}\n]*/?\}(?=\s*$)", re.DOTALL | re.MULTILINE
)
_CALLOUT_LINE = re.compile(
    r"^([ \t>]*)\{:[^}\n]*?\.(note|warning|tip|important|caution|danger|info|highlight)\b[^}\n]*\}[ \t]*$"
)
_HTML_BLOCK = re.compile(
    r"<(div|table|dl|ul|ol|section|p|tr|article|aside)\b(?![^>]*\bmarkdown=)", re.IGNORECASE
)
# Alone on its line, it begins a block of HTML in CommonMark, and in kramdown a paragraph.
_SPAN_LINE = re.compile(
    r"^([ \t]*<(?:a|b|em|i|small|span|strong|sub|sup|u)\b[^<>]*>)[ \t]*\n[ \t]*(?=\S)",
    re.MULTILINE | re.IGNORECASE,
)
_AS_MARKDOWN = re.compile(r"<\w+[^<>]*\bmarkdown=[^<>]*>[ \t]*$")
_TABLE_OF_CONTENTS = re.compile(r"^[*-][ \t]+.*\n\{:[ \t]*toc[^}\n]*\}[ \t]*$", re.MULTILINE)
_ATTRIBUTES = substitute(r"(?<![ \t])[ \t]*\{:[^{}\n]*\}", lambda match: "", sign="{:")


def prepare(text: str, page: Page) -> str:
    """Liquid shows what can be known without running it; attribute lists go, those for notes label them."""
    raw: list[str] = []

    def keep(match: re.Match[str]) -> str:
        raw.append(match[1])
        return f"\x00{len(raw) - 1}\x00"

    # Liquid is run over code as well, but not over what stands between `raw` and `endraw`.
    text = _liquid(_replaced(_RAW, keep, _replaced(_COMMENT, lambda match: "", text)), page)
    text = _KEPT.sub(lambda match: raw[int(match[1])], text)
    return outside_code(text, _kramdown)


def put_in(text: str, page: Page) -> str:
    """Includes without a program in them, with the values that they are given; Jekyll 4, tags/include.rb."""

    def kept(match: re.Match[str]) -> str:
        return match[0].replace("{%", "\x01%").replace("{{", "\x01{")

    text = _replaced(_RAW, kept, _replaced(_COMMENT, lambda match: "", text))
    text = _INCLUDE.sub(lambda match: _included(match, page), text)
    return text.replace("\x01", "{")


def _included(match: re.Match[str], page: Page) -> str:
    name = match["file"]
    if "{" in name:
        return match[0]
    places = [page.near(name)] if match["relative"] else page.site.at_home("_includes", name)
    taken = page.take("include", name, places, part=match["values"].strip())
    if taken is None:
        return ""
    text, file = taken
    text = file.body(text)
    if _PROGRAM.search(text):
        page.left_out("include", name, "it is a program, and no text")
        return ""
    values = attributes(match["values"])
    text = _PARAMETER.sub(lambda value: values.get(value[1].lower(), ""), text)
    text = put_in(text, file)
    return excerpt.put(match, text) if file.path.endswith((".md", ".markdown")) else text.strip("\n")


def _liquid(text: str, page: Page) -> str:
    text = _replaced(_HIGHLIGHT, lambda match: f"\n```{match[1]}\n{match[2].rstrip()}\n```\n", text)
    text = _LIQUID_LINE.sub(
        lambda match: (
            _TAG.sub(lambda tag: _shown(tag, page), match[0]).strip(" \t\n")
            + "\n" * bool(_TAG.sub(lambda tag: _shown(tag, page), match[0]).strip())
        ),
        text,
    )
    text = _TAG.sub(lambda match: _shown(match, page), text)
    return _OUTPUT.sub(lambda match: _value(match[1], page), text)


def _replaced(block: re.Pattern[str], change: Callable[[re.Match[str]], str], text: str) -> str:
    # Behind the last end no block begins: to look for its end there again and again takes quadratic time.
    end = text.rfind(_ENDS[block])
    if end < 0:
        return text
    end = text.find("%}", end) + 2 if text.find("%}", end) >= 0 else end
    return block.sub(change, text[:end]) + text[end:]


def _shown(match: re.Match[str], page: Page) -> str:
    name, rest = match[1], match[2].strip()
    if name == "link":
        return "/" + rest.removeprefix("/")
    if name == "post_url":
        return f"/_posts/{rest}.md"
    if name.startswith("include"):
        page.left_out("include", rest)
    return ""


def _value(expression: str, page: Page) -> str:
    literal = _LITERAL.match(expression)
    if literal is not None:
        return literal[1] or literal[2] or ""
    name = expression.partition("|")[0].strip()
    if name.startswith("page."):
        return page.matter.text(name.removeprefix("page.")) or ""
    if not name.startswith(("site.baseurl", "site.url")):
        page.left_out("value", name)
    return ""


def _kramdown(text: str) -> str:
    text = _TABLE_OF_CONTENTS.sub("", text)
    text = _EXTENSION.sub(_extension, text)
    text = _SPAN_LINE.sub(r"\1", text)
    text = "\n".join(_with_whole_html(text.split("\n")))
    return _ATTRIBUTES("\n".join(_with_notes(text.split("\n"))))


def _extension(match: re.Match[str]) -> str:
    # `{: .note }` has the same form; what it means is decided by the line it stands on.
    return match[0] if match[0].startswith("{:") and not match[0].startswith(("{::", "{:/")) else ""


def _with_whole_html(lines: list[str]) -> list[str]:
    """Close the gaps in blocks of HTML: for kramdown they end with their element, not at a blank line."""
    out: list[str] = []
    name = ""
    depth = 0
    text = False
    for line in lines:
        opening = _HTML_BLOCK.match(line) if not name else None
        if opening is not None:
            name = opening[1].lower()
        if name:
            depth += len(re.findall(rf"<{name}\b", line, re.IGNORECASE))
            depth -= len(re.findall(rf"</{name}\b", line, re.IGNORECASE))
            if _AS_MARKDOWN.search(line):
                text = True
                out += [line.lstrip(), ""]
            elif text:
                # Text between tags stands as deep as they do, and is no code for that.
                text = not line.lstrip().startswith("</")
                out += [line.lstrip()] if text else ["", line.lstrip()]
            elif line.strip():
                out.append(line)
            if depth <= 0:
                name, depth, text = "", 0, False
                out.append("")
        else:
            out.append(line)
    if name:
        out.append("")  # code comes next, and is no HTML
    return out


def _with_notes(lines: list[str]) -> list[str]:
    """Label the paragraph that `{: .note }` stands after or, if none does, before."""
    out: list[str] = []
    index = 0
    while index < len(lines):
        match = _CALLOUT_LINE.match(lines[index])
        index += 1
        if match is None:
            out.append(lines[index - 1])
            continue
        prefix = match[1]
        name = f"<strong>{match[2].capitalize()}</strong>"
        if out and out[-1].strip():
            start = len(out)
            while start and out[start - 1].strip():
                start -= 1
            out[start:] = _quoted(prefix, name, out[start:])
        else:
            end = index
            while end < len(lines) and lines[end].strip():
                end += 1
            out += _quoted(prefix, name, lines[index:end])
            index = end
    return out


def _quoted(prefix: str, name: str, lines: list[str]) -> list[str]:
    if any(line.lstrip().startswith(">") for line in lines):
        return [f"> {name}", ">", *lines]
    return [f"{prefix}> {name}", f"{prefix}>", *(f"{prefix}> {line.removeprefix(prefix)}" for line in lines)]
