"""Characters that no reader sees, or that change how others are shown."""

from __future__ import annotations

import re

TITLE_LIMIT = 255
"""Longest title in characters; a longer one is cut at a word."""

_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\u0085\v\f]")
_SUSPECT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
# Joiners shape Persian, Indic and emoji text, selectors choose how an emoji looks, isolates and marks order
# text that runs both ways. Anywhere else they only hide something.
_JOINERS = re.compile(
    "(?<=[\u0590-\u1cff\u200d\u2190-\u32ff\ua800-\uabff\ufe0f\U0001f000-\U0001ffff])[\u200c\u200d]"
)
_SELECTORS = re.compile("(?<=[0-9#*\u00a9\u00ae\u2000-\u32ff\U0001f000-\U0001ffff])[\ufe0e\ufe0f]")
_DECEPTIVE = re.compile("[\U000e0000-\U000e007f\u202d\u202e]")
# The flags of England, Scotland and Wales are spelt in tags.
_FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a]+\U000e007f")
_ORDER_MARKS = "\u061c\u200e\u200f\u2066\u2067\u2068\u2069"


def count_deceptive(text: str) -> int:
    """How many characters are of the kinds that only hide text or turn it round: tags and overrides."""
    return 0 if text.isascii() else len(_DECEPTIVE.findall(_FLAG.sub("", text)))


def normalise(text: str) -> str:
    """Give every line the same end, and drop a byte order mark and characters that are not seen."""
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text  # as most are; to look for each kind takes ten times as long
    return strip_invisible(_LINE_ENDS.sub("\n", text.removeprefix("\ufeff")))


def strip_invisible(text: str) -> str:
    """Drop control, zero-width, tag and bidirectional override characters.

    Joiners, emoji selectors and bidirectional isolates stay where the script around them needs them.
    """
    if _SUSPECT.search(text) is None:
        return text
    kept = {match.start() for match in _JOINERS.finditer(text)}
    kept.update(match.start() for match in _SELECTORS.finditer(text))
    both_ways = _RIGHT_TO_LEFT.search(text) is not None

    def judge(match: re.Match[str]) -> str:
        character = match[0]
        keep = match.start() in kept or (both_ways and character in _ORDER_MARKS)
        return character if keep else ""

    return _SUSPECT.sub(judge, text)


def shortened(title: str, limit: int = TITLE_LIMIT) -> str:
    """Return a title of at most so many characters, cut at a word."""
    if len(title) <= limit:
        return title
    return title[: limit - 1].rsplit(" ", 1)[0] + "…"


def one_line(text: str) -> str:
    """Return visible text on one line, blanks collapsed."""
    return " ".join(strip_invisible(text).split())
