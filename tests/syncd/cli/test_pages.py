"""`syncd pages`: what is asked for is what is shown."""

from __future__ import annotations

from tests.conftest import Workplace


def skipped(workplace: Workplace, *arguments: str) -> list[str]:
    rows = workplace.run("pages", "--skipped", "--json", *arguments).document["skipped"]
    return [row["external_id"] for row in rows]


def test_search_and_limit_hold_for_what_was_left_out(workplace: Workplace) -> None:
    """An option that is taken is not passed over in silence."""
    workplace.write({"a.md": "# A\n\nText.\n", "bad.md": b"\xff", "empty.md": b"", "other.md": b""})
    workplace.sync()

    assert skipped(workplace) == ["bad.md", "empty.md", "other.md"]
    assert skipped(workplace, "OTHER") == ["other.md"]
    assert skipped(workplace, "empty page") == ["empty.md", "other.md"]
    assert skipped(workplace, "--limit", "1") == ["bad.md"]

    cut = workplace.run("pages", "--skipped", "--limit", "1")
    assert cut.err == "… only the first 1; --limit shows more\n"
    assert "other.md" not in cut.out


def test_state_and_skipped_are_two_questions(workplace: Workplace) -> None:
    """What was left out has states of its own."""
    done = workplace.run("pages", "--skipped", "--state", "live")

    assert done.code == 2
    assert "give it or --state, not both" in done.err
