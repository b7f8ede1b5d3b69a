"""Front matter, valid and not."""

from __future__ import annotations

import pytest

from syncd.render.front_matter import split


def test_scalars_stay_as_they_were_written() -> None:
    """A version is no number, and a country no truth value."""
    matter, text = split(
        "---\nversion: 1.10\ncountry: no\ndate: 2024-01-02\ntags: [a, b]\nsub:\n  key: v\n---\nbody"
    )

    assert matter.values == {
        "version": "1.10",
        "country": "no",
        "date": "2024-01-02",
        "tags": ["a", "b"],
        "sub": {"key": "v"},
    }
    assert text == "body"
    assert matter.warnings == ()


def test_toml() -> None:
    """Hugo writes it between plus signs."""
    matter, text = split('+++\ntitle = "T"\ndraft = true\n+++\nbody')

    assert matter.text("title") == "T"
    assert matter.flag("draft") is True
    assert text == "body"


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ("a: &x [1]\ntitle: T\nb: *x", "aliases are not allowed"),
        ("<<: {a: b}\ntitle: T", "merge keys are not allowed"),
        ("title: T\na: !!python/object/apply:os.system [x]", "tags are not allowed"),
        ("title: T\na: " + "[" * 1000, "nested too deeply"),
        ("title: T\nx: - %", "line 3"),
        ("title: T\n? [a]\n: b", "key is not plain text"),
    ],
)
def test_what_is_refused_is_read_line_by_line(block: str, reason: str) -> None:
    """Bombs end at once, and the title is still found."""
    matter, text = split(f"---\n{block}\n---\nbody")

    assert matter.text("title") == "T"
    assert reason in matter.warnings[0]
    assert text == "body"


def test_a_key_that_comes_twice() -> None:
    """The last one counts, and a person is told."""
    matter, _ = split("---\ntitle: A\ntitle: B\n---\n")

    assert matter.text("title") == "B"
    assert matter.warnings == ("front matter names 'title' twice; the last one counts",)


def test_a_huge_block_is_ignored() -> None:
    """The text after it is not."""
    matter, text = split("---\ntitle: T\nx: " + "y" * 20_000 + "\n---\nbody")

    assert matter.values == {}
    assert "over 16 KB" in matter.warnings[0]
    assert text == "body"


@pytest.mark.parametrize(
    "text",
    ["---\nno end\n", "---\n\nSome words.\n\n---\nmore", "text\n---\na: b\n---\n", "----\na: b\n----\n"],
)
def test_rules_are_not_front_matter(text: str) -> None:
    """A document may begin with a horizontal rule."""
    assert split(text)[1] == text


@pytest.mark.parametrize("text", ["---\n---\nbody", "---\n\n---\nbody", "---\n# only a comment\n---\nbody"])
def test_an_empty_block_is_front_matter(text: str) -> None:
    """Generators need one and print nothing of it."""
    assert split(text)[1] == "body"
