"""Durations and sizes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config.quantity import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("0s", 0),
        (0, 0),
        ("PT15M", 900),
        ("P1D", 86400),
        ("P1DT12H", 129600),
        ("PT1H30M5S", 5405),
        ("P2W", 1209600),
    ],
)
def test_duration_in_each_accepted_form(text: object, seconds: int) -> None:
    """People's form and ISO 8601 mean the same seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value",
    [
        False,
        -5,
        5,
        5.0,
        True,
        None,
        [],
        "",
        "5",
        "-5m",
        "5 fortnights",
        "1e99",
        "15 m",
        "m",
        "30m1h",
        "P",
        "PT",
        "P1DT",
        "P1Y",
        "PT-5M",
        "15M",
        "15m\n",
        "1.5h",
        "9999999s",
        "\u0661\u0665m",
    ],
    ids=repr,
)
def test_other_duration_is_refused_with_the_accepted_forms(value: object) -> None:
    """A number without a unit means nothing."""
    with pytest.raises(ValueError, match='must be a duration with its unit, such as "90s"'):
        parse_duration(value)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("800B", 800),
        ("500kB", 500_000),
        ("500KB", 500_000),
        ("2MB", 2_000_000),
        ("2 MiB", 2_097_152),
        ("1GB", 10**9),
    ],
)
def test_size_in_each_accepted_form(text: str, size_bytes: int) -> None:
    """MB is decimal, MiB binary."""
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("value", [5, "5", "MB", "-1MB", "1.5MB", "2mb", "2 TB", "2MB\n", None], ids=repr)
def test_other_size_is_refused_with_the_accepted_forms(value: object) -> None:
    """A number without a unit means nothing."""
    with pytest.raises(ValueError, match='must be a size with its unit, such as "500kB"'):
        parse_size(value)


@given(st.integers(0, 10**9))
def test_what_is_shown_can_be_read_again(amount: int) -> None:
    """`syncd config show` prints what the file may hold."""
    assert parse_duration(format_duration(amount)) == amount
    assert parse_size(format_size(amount % 10**9)) == amount % 10**9


@given(
    st.from_regex(r"\A(P|PT)?([0-9]{1,7}[wdhmsWDHMST ]?){0,4}\n?\Z")
    | st.text("0123456789PTDHMS kMGiB\n", max_size=9)
)
def test_published_patterns_mean_what_is_read(text: str) -> None:
    """An editor and syncd agree on each text."""
    for pattern, parse in ((DURATION_PATTERN, parse_duration), (SIZE_PATTERN, parse_size)):
        try:
            parse(text)
            read = True
        except ValueError:
            read = False
        # Of the two meanings of "$", JSON Schema has the strict one.
        assert read == bool(re.search(pattern.replace("$", r"\Z"), text, re.ASCII))
