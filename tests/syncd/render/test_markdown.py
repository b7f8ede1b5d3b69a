from __future__ import annotations

import pytest

from syncd.render.markdown import _parser, to_html

TEXTS = {
    "an address": "See www.example.com, and (www.example.org) too.",
    "a person": "Write to ada@example.com or x+y@example.org.",
    "a footnote": "A word[^1], and one^[right here].\n\n[^1]: A note.",
    "struck out": "~~Not~~ this, nor ~that~.",
    "a formula": "$$\na^2\n$$\n\nand\n\n\\begin{align}\na &= b\n\\end{align}",
    "an address in angles": "<https://example.com> and <ada@example.com>",
    "markup": "A <b>word</b>.\n\n<div>\n\nA block.\n\n</div>",
    "an entity": "A &amp; B, &copy; and &#119;",
    "a picture": "![What it shows](a.png) and [![in a link](b.png)](c.md)",
    "in a table": "| a | b |\n| - | - |\n| ~~c~~ | www.example.com |",
    "in a list in a quote": "> - one\n>   <b>two</b> &lt;\n>   ![three](x.png)",
    "none of these": "# Title\n\n- *one* and `two`\n\n[three](x.md)",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_rules_whose_marks_are_absent_are_not_missed(text: str) -> None:
    """They cost time at each line and sign of a text, and would find nothing in it."""
    whole: str = _parser(100, True, frozenset()).render(text)

    assert to_html(text, 100) == whole
