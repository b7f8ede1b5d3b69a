"""Footnotes: numbered in the text, listed at the end, none lost because nothing refers to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict


def move_to_end(state: StateCore) -> None:
    """Take the definitions out of the text and list them at its end, those without a reference last."""
    data: dict[str, Any] | None = state.env.get("footnotes")
    if data is None:
        return
    body: list[Token] = []
    defined: dict[str, list[list[Token]]] = {}
    stack: list[list[Token]] = [body]
    for token in state.tokens:
        if token.type == "footnote_reference_open":
            content: list[Token] = []
            defined.setdefault(token.meta["label"], []).append(content)
            stack.append(content)
        elif token.type == "footnote_reference_close":
            stack.pop()
        else:
            stack[-1].append(token)
    notes: list[list[Token]] = []
    for note in data["list"].values():
        if "label" in note:
            notes.append([token for content in defined.pop(note["label"], []) for token in content])
        else:
            inline = Token("inline", "", 0, content=note["content"], children=note["tokens"])
            notes.append([inline])
    notes += [content for contents in defined.values() for content in contents]
    if notes:
        body.append(Token("hr", "hr", 0))
        body.append(Token("ordered_list_open", "ol", 1))
        for content in notes:
            body += [Token("list_item_open", "li", 1), *content, Token("list_item_close", "li", -1)]
        body.append(Token("ordered_list_close", "ol", -1))
    state.tokens = body


def add_rules(parser: MarkdownIt) -> None:
    """Teach a parser to write references."""
    parser.add_render_rule("footnote_ref", _render_reference)


def _render_reference(
    renderer: object, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    return f"<sup>[{tokens[index].meta['id'] + 1}]</sup>"
