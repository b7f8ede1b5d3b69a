"""The content hash: equal exactly when the same would be sent."""

from __future__ import annotations

import pytest

from syncd.digest import content_hash, remote_digest, set_digest
from syncd.model import Availability
from tests.builders import page


@pytest.mark.parametrize(
    "values",
    [
        {"html": "<p>Other.</p>"},
        {"title": "Other"},
        {"url": "https://docs.example.com/guide"},
        {"locale": "fr"},
        {"external_id": "other.md"},
        {"availability": Availability(ai_agent=True)},
    ],
)
def test_anything_that_is_sent_changes_the_hash(values: dict[str, object]) -> None:
    """A change that would reach Intercom is never taken for none."""
    assert content_hash(page(**values)) != content_hash(page())


def test_parts_do_not_run_into_each_other() -> None:
    """A character that moves from the title to the text is a change."""
    assert content_hash(page(title="ab", html="c")) != content_hash(page(title="a", html="bc"))


def test_hash_is_the_same_in_every_process() -> None:
    """A record of last year still compares."""
    assert content_hash(page()) == ("2d03f61eeab2be2ff315d8ee19db34214e71b6a172e58f83c2821e9e67aa556e")


def test_lone_surrogate_can_be_hashed() -> None:
    """File names may hold bytes that are no text."""
    assert content_hash(page(title="\udcff")) != content_hash(page())


def test_missing_url_differs_from_an_empty_one() -> None:
    """No reference is not an empty reference."""
    assert remote_digest(title="t", html="h", url=None) != remote_digest(title="t", html="h", url="")


def test_set_digest_does_not_depend_on_order() -> None:
    """A set is a set."""
    assert set_digest(["b", "a"]) == set_digest(["a", "b"]) != set_digest(["ab"])
