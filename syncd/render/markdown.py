"""Markdown → HTML, not canonical yet and not safe yet: syncd.render.html reads what comes out here."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from html import escape

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.gfm_autolink import gfm_autolink_plugin

from syncd.errors import RenderError
from syncd.render import callouts, footnotes

_INLINE_NESTING = 20
# Of GitHub's automatic links.
_PROTOCOLS = ("http", "https", "mailto", "xmpp")
# What each of these rules reads begins with its mark. Without one in the whole text they are left out, since
# each rule is tried at every line, or at every sign within one.
_MARKS = {
    "www.": ["gfm_autolink_www"],
    "@": ["gfm_autolink_email"],
    "^": ["footnote_def", "footnote_inline", "footnote_ref"],
    "~": ["strikethrough"],
    "$$": ["math_block"],
    "\\begin{": ["amsmath"],
    "<": ["autolink", "html_inline", "html_block"],
    "&": ["entity"],
    "![": ["image"],
}
# Code of which a reader sees the picture.
_DRAWN = {
    "math": "Formula",
    "mermaid": "Diagram",
    "plantuml": "Diagram",
    "graphviz": "Diagram",
    "dot": "Diagram",
}
_CODE_TITLE = re.compile(r"\btitle=(?:\"([^\"]+)\"|'([^']+)')")
_LANGUAGE_END = re.compile(r"[\s,{:]")
_ATTRIBUTES = re.compile(r"\{:?([^{}]*)\}[ \t]*$")
_ATTRIBUTE = re.compile(r"[.#][\w.:-]+|[\w-]+=\S+")


def to_html(text: str, nesting_limit: int, *, indented_code: bool = True) -> str:
    """Render GitHub's Markdown with footnotes, definition lists and alerts.

    Raises:
        RenderError: blocks are nested deeper than the limit.
    """
    absent = frozenset(mark for mark in _MARKS if mark not in text)
    html: str = _parser(nesting_limit, indented_code, absent).render(text)
    return html


@cache
def _parser(nesting_limit: int, indented_code: bool, absent: frozenset[str]) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "tasklists": True})
    parser.enable(["table", "strikethrough"])
    if not indented_code:
        parser.disable("code")
    parser.options["strikethrough_single_tilde"] = True
    parser.use(gfm_autolink_plugin)
    _guard_protocols(parser)
    parser.use(footnote_plugin, move_to_end=False)
    parser.use(deflist_plugin)
    parser.use(amsmath_plugin)
    parser.use(dollarmath_plugin)
    # A dollar within a line is a price or a variable far more often than a formula.
    parser.disable("math_inline")
    parser.block.ruler.before("table", "depth", _depth_guard(nesting_limit))
    parser.core.ruler.before("block", "block_nesting", _set_nesting(nesting_limit + 100))
    parser.core.ruler.before("inline", "inline_nesting", _set_nesting(_INLINE_NESTING))
    parser.core.ruler.before("inline", "callouts", callouts.label_quotes)
    parser.core.ruler.before("inline", "heading_attributes", _heading_attributes)
    parser.core.ruler.after("inline", "footnotes_last", footnotes.move_to_end)
    # What a link may name is decided once, by syncd.render.targets.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    parser.add_render_rule("fence", _render_fence)
    parser.add_render_rule("code_block", _render_fence)
    parser.add_render_rule("amsmath", _render_formula)
    parser.add_render_rule("math_block", _render_formula)
    parser.add_render_rule("math_block_label", _render_formula)
    callouts.add_rules(parser)
    footnotes.add_rules(parser)
    for mark in absent:
        parser.disable(_MARKS[mark])
    if "www." in absent:
        # The plugin lets the search for plain text stop at every "w".
        parser.inline.terminator_re = ParserInline().terminator_re
    return parser


def _guard_protocols(parser: MarkdownIt) -> None:
    # The plugin copies the rest of the text at each place where an address might begin, so that the time
    # for a long line grows with its square.
    name = "gfm_autolink_protocol"
    (found,) = (rule.fn for rule in parser.inline.ruler.__rules__ if rule.name == name)

    def guarded(state: StateInline, silent: bool) -> bool:
        begins = state.src[state.pos] == ":" and state.pending[-6:].lower().endswith(_PROTOCOLS)
        return begins and found(state, silent)

    parser.inline.ruler.at(name, guarded)


def _set_nesting(limit: int) -> Callable[[StateCore], None]:
    # Blocks nested deeper than this option are dropped without a word, so there it must lie beyond our own
    # guard; in a line nothing is lost, but the time for brackets within brackets grows with its square.
    def rule(state: StateCore) -> None:
        state.md.options["maxNesting"] = limit

    return rule


def _depth_guard(limit: int) -> Callable[[StateBlock, int, int, bool], bool]:
    def guard(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        if state.level > limit:
            raise RenderError(f"blocks are nested deeper than {limit}")
        return False

    return guard


def _heading_attributes(state: StateCore) -> None:
    """Take `{#id .class}` off the end of headings."""
    for opening, inline in zip(state.tokens, state.tokens[1:], strict=False):
        if opening.type != "heading_open" or not inline.content.endswith("}"):
            continue
        match = _ATTRIBUTES.search(inline.content)
        parts = match[1].split() if match is not None else []
        if match is not None and parts and all(map(_ATTRIBUTE.fullmatch, parts)):
            inline.content = inline.content[: match.start()].rstrip()
            for part in parts:
                if part[0] == "#":
                    opening.attrSet("id", part[1:])


def _render_fence(
    renderer: object, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    token = tokens[index]
    info = token.info.strip().lstrip("{.")
    language = _LANGUAGE_END.split(info, maxsplit=1)[0].rstrip("}")
    attribute = f' class="language-{escape(language)}"' if language else ""
    title = _CODE_TITLE.search(info)
    shown = (title[1] or title[2]) if title is not None else _DRAWN.get(language, "")
    return _labelled(shown) + f"<pre><code{attribute}>{escape(token.content, quote=False)}</code></pre>\n"


def _render_formula(
    renderer: object, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    content = escape(tokens[index].content.strip(), quote=False)
    return _labelled(_DRAWN["math"]) + f'<pre><code class="language-math">{content}</code></pre>\n'


def _labelled(text: str) -> str:
    return f"<p><strong>{escape(text, quote=False)}</strong></p>\n" if text else ""
