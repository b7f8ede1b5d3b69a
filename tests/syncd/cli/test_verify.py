"""`syncd verify`: what it names, what it mends, and what it leaves alone."""

from __future__ import annotations

import time
from typing import Any

import pytest

from syncd.sandbox import Writing
from tests.conftest import Workplace

PAGES = {name: f"# {name}\n\nText of {name}.\n" for name in ("a.md", "b.md", "c.md", "d.md")}


def write(workplace: Workplace, external_id: str, *, html: str | None = None, **flags: bool) -> None:
    """Change a page as a person in Intercom would."""
    (source,) = workplace.running.workspace.sources
    held = workplace.pages().get(external_id)
    workplace.running.workspace.upsert(
        Writing(
            source_id=source.id,
            external_id=external_id,
            title=held.title if held is not None else "Foreign",
            html=html or (held.html if held is not None else "<p>Foreign.</p>"),
            locale="en",
            url=held.url if held is not None else None,
            flags=flags,
        ),
        now=2.0,
    )


@pytest.fixture
def changed(workplace: Workplace) -> Workplace:
    """One page edited, one removed, one switched off, one of somebody else; the fourth as it was sent."""
    workplace.write(PAGES)
    workplace.sync()
    write(workplace, "a.md", html="<p>Vandalised.</p>")
    workplace.running.workspace.delete_page(workplace.pages()["b.md"].id)
    write(workplace, "c.md", ai_agent_availability=False)
    write(workplace, "theirs.md")
    workplace.exchanges()
    return workplace


def drifts(workplace: Workplace) -> list[tuple[str, str]]:
    (source,) = workplace.run("verify", "--json").document["sources"]
    rows: list[dict[str, Any]] = source["drifts"]
    return [(row["external_id"], row["kind"]) for row in rows]


def test_differences_are_named_and_nothing_is_touched(changed: Workplace) -> None:
    """One look at the import source, one listing, no write anywhere, and never green."""
    before = changed.state.read_bytes()

    done = changed.run("verify", "--json")

    assert done.code == 3
    assert [(row["external_id"], row["kind"]) for row in done.document["sources"][0]["drifts"]] == [
        ("a.md", "edited"),
        ("b.md", "missing"),
        ("c.md", "switched"),
        ("theirs.md", "foreign"),
    ]
    assert [one.request.method for one in changed.exchanges()] == ["GET", "GET"]
    assert changed.state.read_bytes() == before


def test_differences_in_words(changed: Workplace) -> None:
    """What a person reads ends with what to do."""
    done = changed.run("verify")

    assert done.out.splitlines() == [
        "! handbook: 4 page(s) compared, 1 edited, 1 missing, 1 switched by people, 1 not in the source",
        "    edited     a.md",
        "    missing    b.md",
        "    switched   c.md",
        "    foreign    theirs.md",
        "    to send again what was edited or is missing: syncd verify handbook --repair",
    ]


def test_repair_mends_what_is_ours(changed: Workplace) -> None:
    """The text is back, the switch of a teammate stays, and so does the page of somebody else."""
    done = changed.run("verify", "--repair", "--json")

    assert (done.code, done.source["result"]) == (0, "ok")
    assert sorted(changed.writes()) == [("POST", "a.md"), ("POST", "b.md")]
    pages = changed.pages()
    assert pages["a.md"].html == "<p>Text of a.md.</p>"
    assert pages["b.md"].ai_agent_availability is True
    assert pages["c.md"].ai_agent_availability is False
    assert pages["theirs.md"].title == "Foreign"
    assert drifts(changed) == [("c.md", "switched"), ("theirs.md", "foreign")]


def test_managed_flags_are_drift_and_repaired(changed: Workplace) -> None:
    """Whoever manages them wants them so."""
    changed.configure(availability={"ai_agent": True, "ai_copilot": True, "managed": True})
    changed.sync()
    write(changed, "d.md", ai_agent_availability=False)
    assert ("d.md", "flags") in drifts(changed)

    changed.run("verify", "--repair")

    assert changed.pages()["d.md"].ai_agent_availability is True


@pytest.mark.parametrize(
    ("policy", "code", "sent"),
    [("report", 3, []), ("keep", 0, []), ("repair", 0, [("POST", "a.md"), ("POST", "b.md")])],
)
def test_run_that_compares_does_as_the_policy_says(
    changed: Workplace, policy: str, code: int, sent: list[tuple[str, str]]
) -> None:
    """`verify_every` is over: the run reports, keeps or repairs, and status remembers a report."""
    changed.configure(drift=policy, verify_every="1s")
    time.sleep(1)

    done = changed.run("sync", "--json")

    assert done.code == code
    assert sorted(changed.writes()) == sent
    assert done.source["drifted"] == (2 if policy == "report" else 0)
    status = changed.run("status", "--json")
    assert (status.code, status.document["sources"][0]["drifted"]) == (code, done.source["drifted"])


def test_source_that_was_never_synced_has_nothing_to_compare(workplace: Workplace) -> None:
    """No import source is made for it."""
    workplace.write(PAGES)

    done = workplace.run("verify")

    assert (done.code, done.out) == (0, "  handbook: not synced yet, so there is nothing to compare\n")
    assert workplace.running.workspace.sources == []


def test_all_as_it_was_sent(workplace: Workplace) -> None:
    """Green means that every page was compared."""
    workplace.write(PAGES)
    workplace.sync()

    done = workplace.run("verify")

    assert (done.code, done.out) == (0, "✓ handbook: 4 page(s) compared, all as they were sent\n")
