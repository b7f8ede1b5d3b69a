"""A person lets pages in quarantine be tried again."""

from __future__ import annotations

import pytest

from tests.conftest import Workplace


@pytest.fixture
def parked(workplace: Workplace) -> Workplace:
    """Two pages in quarantine, one that is published."""
    bad = "# Bad\n\nghp_Ab3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5\n"
    workplace.write({"a.md": bad, "b.md": bad, "good.md": "# Good\n\nText.\n"})
    workplace.sync()
    return workplace


def tried_again(workplace: Workplace) -> set[str]:
    """What the next sync looks at although nothing changed."""
    workplace.sync()
    number = workplace.run("runs", "--json").document["runs"][0]["number"]
    lines = workplace.run("audit", "--json").document["outcomes"]
    return {line["external_id"] for line in lines if line["run"] == number and line["action"] == "fail"}


def test_one_page_is_tried_again(parked: Workplace) -> None:
    """The others stay where they are, and the audit trail has who and why."""
    done = parked.run("retry", "handbook", "a.md", "--by", "Ana", "--why", "font mended")

    assert (done.code, done.err) == (0, "")
    assert done.out == "1 page(s) of handbook will be tried again.\nnext: syncd sync handbook\n"
    line = parked.run("audit", "--json").document["outcomes"][0]
    assert (line["action"], line["external_id"], line["by"], line["reason"]) == (
        "retry",
        "a.md",
        "Ana",
        "font mended",
    )
    assert tried_again(parked) == {"a.md"}


def test_all_pages_are_tried_again(parked: Workplace) -> None:
    """One decision for all of them; they are named."""
    done = parked.run("retry", "handbook", "--all", "--json")

    assert (done.code, done.document["pages"]) == (0, ["a.md", "b.md"])
    assert tried_again(parked) == {"a.md", "b.md"}


def test_page_that_is_not_in_quarantine(parked: Workplace) -> None:
    """It is named, and the others that were asked for stay as they are too."""
    done = parked.run("retry", "handbook", "a.md", "good.md", "none.md")

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        "error: not in quarantine: good.md, none.md of handbook; nothing was changed.\n"
    )
    assert parked.run("retry", "other", "--all").code == 2
    assert tried_again(parked) == set()


def test_nobody_retries_by_accident(workplace: Workplace) -> None:
    """Pages or --all, not neither and not both; with nothing in quarantine there is nothing to try."""
    workplace.write({"good.md": "# Good\n\nText.\n"})
    workplace.sync()

    for wrong in (["retry", "handbook"], ["retry", "handbook", "good.md", "--all"]):
        done = workplace.run(*wrong)
        assert (done.code, "name the pages, or give --all" in done.err) == (2, True)
    assert workplace.run("retry", "handbook", "--all").err == (
        "error: no page of handbook is in quarantine: nothing was changed\n"
    )
