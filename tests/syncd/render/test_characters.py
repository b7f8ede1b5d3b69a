from __future__ import annotations

import pytest

from syncd.render.characters import normalise


@pytest.mark.parametrize(
    "character", [chr(code) for code in range(0x20)] + ["\x7f", "\x85", "\xad", "\ufeff"]
)
def test_character_that_is_not_seen_goes_wherever_it_stands(character: str) -> None:
    """All but tabs and ends of lines, of which there is one kind, in plain English too."""
    expected = {"\t": "a\tb", "\n": "a\nb"}.get(character, "ab")
    if character in "\r\v\f\x85":
        expected = "a\nb"

    assert normalise(f"a{character}b") == expected


def test_plain_text_stays_as_it_is() -> None:
    """Whatever can be printed is seen."""
    text = "".join(map(chr, range(0x20, 0x7F))) + "\t\n"

    assert normalise(text) == text
