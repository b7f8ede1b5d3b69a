"""The measure of how much of a source arrives."""

from __future__ import annotations

import pytest

from syncd.render import Rules, render
from syncd.render.coverage import coverage, lost
from tests.builders import document, draft


def test_nothing_is_missing_from_what_arrived() -> None:
    """Front matter, comments, addresses and marks are no text."""
    body = (
        "---\ntitle: T\ndescription: nobody sees\n---\n# T\n\n"
        "One [two](three.md) <b class='x'>four</b> ![five](six.png)\n"
        "<!-- seven -->\n1. eight\n\n```js title=x\nnine()\n```\n\n[ten]: eleven.md\n"
    )

    measured = coverage(
        document(body), draft("<p>one two four five</p><p>eight</p><pre>nine()</pre>", title="T")
    )

    assert (measured.share, measured.missing) == (1.0, ())


def test_each_missing_word_is_named_as_often_as_it_is_missing() -> None:
    """So that a person finds what was lost."""
    measured = coverage(document("a b b c"), draft("<p>a b</p>", title=""))

    assert (measured.share, measured.words, measured.missing) == (0.5, 4, ("b", "c"))


@pytest.mark.parametrize("media_type", ["text/plain", "text/html", "text/markdown"])
def test_a_page_without_words_is_covered(media_type: str) -> None:
    """Nothing was lost of nothing."""
    assert coverage(document("***", media_type=media_type), draft("", title="")).share == 1.0


def test_html_is_read_without_what_is_hidden_in_it() -> None:
    """Scripts and styles are no text."""
    body = "<head><title>no</title></head><p>a</p><script>no</script><style>no</style><!-- no -->"

    assert coverage(document(body, media_type="text/html"), draft("<p>a</p>")).missing == ()


_BLOCKS = (
    "# Title",
    "The same line.",
    "One [two](https://example.com/three) *four* `five` é\u2014ü &amp; six.",
    "```sh\nseven --eight\n```",
    "| nine | ten |\n|---|---|\n| 11 | 12 |",
    "1. thirteen\n2. fourteen",
    "The same line.",
)


@pytest.mark.parametrize("gone", range(len(_BLOCKS)))
def test_quick_look_misses_no_lost_block(gone: int) -> None:
    """Lines in order are proof enough that all arrived, and nothing less is: not even a line like it."""
    rest = "\n\n".join(block for place, block in enumerate(_BLOCKS) if place != gone)
    whole = document("\n\n".join(_BLOCKS))
    made = render(document(rest), Rules())

    found = lost(whole, made)

    assert found is not None
    assert found == coverage(whole, made)
    assert lost(document(rest), made) is None


def test_quick_look_finds_words_out_of_order() -> None:
    """Footnotes stand at the end of a page, and nothing of them is lost."""
    body = "One[^1] two.\n\n[^1]: Three four.\n\nFive " + "six seven. " * 500

    assert lost(document(body), render(document(body), Rules())) is None


def test_lost_words_are_a_warning_of_the_page() -> None:
    """A person hears of them without asking; what an include brings is expected like the rest."""
    lost = "\n\n<select><option>seven</option></select>\n\n<form>\n\n```{raw} html\neight nine ten\n```\n"
    body = "one two three four five six" + lost

    warned = render(document(body), Rules(dialect="myst"))
    silent = render(document(body), Rules(dialect="myst", coverage_warning=False))

    assert len(warned.warnings) == 1
    assert "word(s) of the document" in warned.warnings[0]
    assert "eight" in warned.warnings[0]
    assert (silent.warnings, silent.html) == ((), warned.html)


def test_page_that_has_all_words_has_no_warning() -> None:
    """Nobody reads warnings that come with every page."""
    assert render(document("# A\n\nText & more, `code`.\n"), Rules()).warnings == ()
