"""Where a long page is cut, and that a cut stays where it is."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model import Section
from syncd.render.split import split

LIMIT = 1000

Written = tuple[int, str, int]
"""Level and words of a heading, and how many letters stand below it."""


def page(sections: Sequence[Written], intro: str = "") -> str:
    blocks = [f"<p>{intro}</p>\n"] if intro else []
    for level, words, letters in sections:
        blocks.append(f'<h{level} id="{words.lower()}">{words}</h{level}>\n<p>{"x" * letters}</p>\n')
    return "".join(blocks)


def cut(html: str, *, above: int = LIMIT) -> tuple[Section, ...]:
    return split(html, title="Guide", above_bytes=above)


def parts(html: str) -> dict[str, str]:
    """The pieces by key; that of the first is empty."""
    sections = cut(html)
    starts = [0, *(section.start for section in sections)]
    ends = [*starts[1:], len(html)]
    keys = ["", *(section.key for section in sections)]
    return {key: html[start:end] for key, start, end in zip(keys, starts, ends, strict=True)}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


written = st.lists(
    st.tuples(
        st.integers(2, 4),
        st.sampled_from([f"Section {number}" for number in range(12)]),
        st.one_of(st.integers(0, 120), st.integers(0, 1500)),
    ),
    max_size=30,
)


def test_short_page_stays_whole() -> None:
    """What fits into one page is not cut."""
    assert cut(page([(2, "One", 100), (2, "Two", 100)])) == ()


def test_parts_tell_where_they_stand() -> None:
    """A part is named by its heading and those above it, and links to its own."""
    sections = cut(page([(2, "Install", 700), (3, "On Linux", 600), (2, "Use & enjoy", 700)], "Words. " * 30))

    assert [(section.key, section.title, section.fragment) for section in sections] == [
        ("install", "Guide \u203a Install", "install"),
        ("install/on-linux", "Guide \u203a Install \u203a On Linux", "on linux"),
        ("use--enjoy", "Guide \u203a Use & enjoy", "use & enjoy"),
    ]


def test_higher_level_is_preferred() -> None:
    """Sections that fit are not cut any further."""
    html = page([(2, "A", 300), (3, "A1", 300), (2, "B", 300), (3, "B1", 300)])

    assert [section.key for section in cut(html)] == ["b"]


def test_page_without_headings_stays_whole() -> None:
    """There is no place to cut it."""
    assert cut(f"<p>{'x' * 5000}</p>") == ()


@pytest.mark.parametrize("tag", ["blockquote", "ul", "ol", "dl"])
def test_headings_inside_a_block_are_no_place_to_cut(tag: str) -> None:
    """A list or a quotation stays in one piece."""
    inner = f'<h2 id="a">A</h2><p>{"x" * 900}</p><h2 id="b">B</h2><p>{"x" * 900}</p>'

    assert cut(f"<{tag}>{inner}</{tag}>") == ()


def test_few_words_at_the_top_go_with_the_first_section() -> None:
    """A head that says nothing would be found for nothing."""
    html = page([(2, "A", 700), (2, "B", 700)], "Welcome.")

    assert [section.key for section in cut(html)] == ["b"]


def test_small_sections_share_a_part() -> None:
    """A page of many short questions does not become as many pages."""
    html = page([(2, f"Question {number}", 60) for number in range(60)])

    assert 5 < len(parts(html)) < 25


def test_equal_headings_have_keys_of_their_own() -> None:
    """Under different sections by those; within one by a number that no heading can have."""
    html = page([(2, "One", 900), (3, "Options", 900), (2, "Two", 900), (3, "Options", 900)])
    assert [section.key for section in cut(html)] == ["one/options", "two", "two/options"]

    html = page([(2, "Options", 900), (2, "Options", 900), (2, "Options 2", 900)])
    assert [section.key for section in cut(html)] == ["options~2", "options-2"]


def test_key_of_a_heading_without_letters() -> None:
    """It needs one all the same."""
    assert [section.key for section in cut(page([(2, "A", 900), (2, "!?", 900)]))] == ["section"]


def test_long_titles_keep_the_page_and_the_section() -> None:
    """What is cut off is in the middle."""
    (section,) = cut(page([(2, "A", 900), (2, "word " * 80, 900)]))

    assert len(section.title) <= 255
    assert section.title.startswith("Guide \u203a word word")


@given(written, st.booleans())
def test_every_part_is_short_or_cannot_be_cut(sections: list[Written], intro: bool) -> None:
    """Nothing is lost, keys differ, and a part that is too long has no heading inside it."""
    html = page(sections, "Welcome." if intro else "")

    found = parts(html)

    assert "".join(found.values()) == html
    assert len(found) == len(cut(html)) + 1
    for piece in found.values():
        assert len(piece) <= LIMIT or "<h" not in piece[1:]


@given(written, st.data())
def test_edit_that_keeps_the_length_changes_one_part(sections: list[Written], data: st.DataObject) -> None:
    """Where the cuts are depends on headings and lengths only."""
    before = page(sections)
    places = [place for place, letter in enumerate(before) if letter == "x"]
    if not places:
        return
    place = data.draw(st.sampled_from(places))

    after = before[:place] + "y" + before[place + 1 :]

    assert len(changed(parts(before), parts(after))) == 1


def test_edit_in_one_section_leaves_nearly_all_parts_alone() -> None:
    """An edit re-sends its part; now and then, where a part grows too long or too short, its neighbours."""
    chance = random.Random(7)
    counts: list[int] = []
    for _ in range(1500):
        sections = [
            (chance.choice([2, 2, 2, 3, 3, 4]), f"S{chance.randint(0, 30)}", int(chance.expovariate(1 / 150)))
            for _ in range(chance.randint(10, 40))
        ]
        place = chance.randrange(len(sections))
        level, words, letters = sections[place]
        edited = [*sections]
        edited[place] = (level, words, max(0, letters + chance.choice([-1, 1]) * chance.randint(1, 60)))
        before, after = parts(page(sections)), parts(page(edited))
        if before != after:
            counts.append(len(changed(before, after)))

    assert max(counts) <= 5
    assert sum(count == 1 for count in counts) / len(counts) > 0.9


def test_new_section_leaves_the_other_parts_alone() -> None:
    """Parts are named by their headings, so a section more renames none."""
    chance = random.Random(7)
    counts: list[int] = []
    for _ in range(500):
        sections = [(2, f"S{number}", int(chance.expovariate(1 / 150))) for number in range(40)]
        place = chance.randrange(len(sections))
        more = [*sections[:place], (2, "New", 200), *sections[place:]]
        before, after = parts(page(sections)), parts(page(more))
        counts.append(len(changed(before, after)))

    assert max(counts) <= 5
