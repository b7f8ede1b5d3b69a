"""Notes, tips and warnings: quotes that begin with a bold label."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

_MARK = re.compile(r"\[!([A-Za-z][\w -]*)\][+-]?[ \t]*(.*)(?:\n|\Z)")
_SHORT = {"info": "Info", "faq": "Question", "tldr": "Summary", "todo": "To do"}


def label(kind: str, title: str = "") -> str:
    """Return the label of a callout: "Note", or "Note: Mind the gap"."""
    kind = kind.strip().lower()
    name = _SHORT.get(kind) or kind.replace("-", " ").replace("_", " ").capitalize()
    title = title.strip()
    if not title or title.casefold() == name.casefold():
        return name
    return f"{name}: {title}" if name else title


def open_callout(state: StateBlock, text: str, line: int) -> None:
    """Open a quote and write its label; the caller writes the content and closes it."""
    token = state.push("blockquote_open", "blockquote", 1)
    token.map = [line, line + 1]
    push_label(state, text)


def push_label(state: StateBlock, text: str) -> None:
    """Write a paragraph that is a label."""
    if text:
        state.push("label_open", "p", 1)
        inline = state.push("inline", "", 0)
        inline.content = text
        inline.children = []
        state.push("label_close", "p", -1)


def close_callout(state: StateBlock) -> None:
    """Close the quote."""
    state.push("blockquote_close", "blockquote", -1)


def label_quotes(state: StateCore) -> None:
    """Turn `[!NOTE] Title` at the beginning of a quote into its label."""
    tokens: list[Token] = []
    source = state.tokens
    index = 0
    while index < len(source):
        token = source[index]
        tokens.append(token)
        index += 1
        if (
            token.type != "blockquote_open"
            or index + 2 >= len(source)
            or source[index].type != "paragraph_open"
        ):
            continue
        match = _MARK.match(source[index + 1].content)
        if match is None:
            continue
        inline = Token("inline", "", 0, content=label(match[1], match[2]), children=[], level=token.level + 2)
        tokens += [Token("label_open", "p", 1), inline, Token("label_close", "p", -1)]
        source[index + 1].content = source[index + 1].content[match.end() :]
        if not source[index + 1].content.strip():
            index += 3
    state.tokens = tokens


def add_rules(parser: MarkdownIt) -> None:
    """Teach a parser to write labels."""
    parser.add_render_rule("label_open", _render_open)
    parser.add_render_rule("label_close", _render_close)


def _render_open(
    renderer: object, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return "<p><strong>"


def _render_close(
    renderer: object, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return "</strong></p>\n"
