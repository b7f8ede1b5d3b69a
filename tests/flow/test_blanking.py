"""Pages that lose their text all at once."""

from __future__ import annotations

from tests.conftest import Workplace

LONG = "This sentence says something that a reader wants to know. " * 5


def long(count: int, *, start: int = 0) -> dict[str, str]:
    return {f"page-{number:03}.md": f"# Page {number}\n\n{LONG}\n" for number in range(start, count)}


def short(count: int, *, start: int = 0) -> dict[str, str]:
    return {f"page-{number:03}.md": f"# Page {number}\n\nSoon.\n" for number in range(start, count)}


def blank(count: int, *, start: int = 0) -> dict[str, str]:
    return {f"page-{number:03}.md": "" for number in range(start, count)}


def test_f13_export_without_bodies_is_held(workplace: Workplace) -> None:
    """87 of 90 pages would become empty: nothing is sent of them, and the number is told."""
    workplace.write(long(90))
    workplace.sync()
    workplace.writes()
    workplace.write({**blank(87), "page-088.md": f"# Page 88\n\nMore. {LONG}\n"})

    for turn in range(3):
        done = workplace.run("sync", "--json")
        assert (done.code, done.source["result"], done.source["held"]) == (7, "held", 87)
        assert workplace.writes() == ([("POST", "page-088.md")] if turn == 0 else [])
    told = workplace.run("sync").out
    assert "87 would become empty" in told
    assert "to let them go: syncd approve handbook --updates 87" in told
    assert workplace.run("status").code == 7

    workplace.write(long(87))
    assert workplace.sync()["result"] == "ok"
    assert workplace.writes() == []


def test_pages_that_lose_most_of_their_text_are_held_until_approved(workplace: Workplace) -> None:
    """The pages that do not shrink go on at once; the others with one approval of their number."""
    workplace.write(long(40))
    workplace.sync()
    workplace.writes()
    workplace.write({**short(30), "page-035.md": f"# Page 35\n\nMore. {LONG}\n"})

    plan = workplace.plan()
    assert sum(one["action"] == "hold" for one in plan["operations"]) == 30
    assert workplace.sync()["held"] == 30
    assert workplace.writes() == [("POST", "page-035.md")]
    assert workplace.sync()["held"] == 30

    assert workplace.run("approve", "handbook", "--deletes", "30").code == 2
    refused = workplace.run("approve", "handbook", "--updates", "29")
    assert (refused.code, "29 named, 30 held now" in refused.err) == (2, True)
    assert workplace.run("approve", "handbook", "--updates", "30").code == 0
    report = workplace.sync()
    assert (report["updated"], report["held"], report["result"]) == (30, 0, "ok")
    assert len(workplace.writes()) == 30
    assert workplace.run("approve", "handbook", "--updates", "30").code == 2


def test_approved_rewrite_that_grows_is_held_again(workplace: Workplace) -> None:
    """The approval was for the pages that were held then."""
    workplace.write(long(40))
    workplace.sync()
    workplace.write(short(30))
    workplace.sync()
    workplace.run("approve", "handbook", "--updates", "35")
    workplace.write(short(33, start=30))
    workplace.writes()

    done = workplace.run("sync")

    assert done.code == 7
    assert "the approval no longer matches: 30 then, 33 now" in done.out
    assert workplace.writes() == []


def test_rejected_rewrite_stays_held(workplace: Workplace) -> None:
    """An approval that was taken back is none."""
    workplace.write(long(40))
    workplace.sync()
    workplace.write(short(30))
    workplace.sync()
    workplace.run("approve", "handbook", "--updates", "30")
    assert workplace.run("reject", "handbook", "--updates", "--why", "broken export").code == 0
    workplace.writes()

    assert workplace.sync()["held"] == 30
    assert workplace.writes() == []


def test_deletions_and_updates_wait_side_by_side(workplace: Workplace) -> None:
    """Two questions at once, each with an answer of its own."""
    workplace.write(long(100))
    workplace.sync()
    workplace.write(short(60))
    workplace.remove(*long(100, start=80))
    workplace.writes()

    assert workplace.sync()["held"] == 80
    out = workplace.run("sync").out
    assert "--deletes 20" in out
    assert "--updates 60" in out
    workplace.run("approve", "handbook", "--deletes", "20")
    report = workplace.sync()
    assert (report["deleted"], report["held"]) == (20, 60)
    workplace.run("approve", "handbook", "--updates", "60")
    assert workplace.sync()["result"] == "ok"


def test_few_pages_may_shrink(workplace: Workplace) -> None:
    """Half of a source that changes otherwise, or a small source, is nobody's alarm."""
    workplace.write(long(40))
    workplace.sync()
    workplace.write(short(20))

    assert workplace.sync()["updated"] == 20


def test_most_pages_may_change_if_they_keep_their_text(workplace: Workplace) -> None:
    """A renamed product changes every page, and that is fine; some may shrink along with it."""
    workplace.write(long(40))
    workplace.sync()
    workplace.write({**{name: text + "\nMore.\n" for name, text in long(40).items()}, **short(5)})

    assert workplace.sync()["updated"] == 40
