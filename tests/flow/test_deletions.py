"""What is deleted, what is held for a person, and what never is deleted."""

from __future__ import annotations

import shutil

import pytest

from syncd.sandbox import Request
from tests.conftest import Workplace, without_privileges


def some(count: int, *, start: int = 0) -> dict[str, str]:
    return {f"page-{number:03}.md": f"# Page {number}\n\nText {number}.\n" for number in range(start, count)}


def test_removed_page_goes_after_two_listings(workplace: Workplace) -> None:
    """Absence counts once it was seen twice, and the audit trail names the proof."""
    workplace.write(some(20))
    workplace.sync()
    workplace.remove("page-007.md")
    workplace.writes()

    first = workplace.sync()
    assert (first["missing"], first["deleted"], workplace.writes()) == (1, 0, [])
    second = workplace.sync()

    assert (second["missing"], second["deleted"]) == (0, 1)
    assert workplace.writes() == [("DELETE", "page-007.md")]
    assert "page-007.md" not in workplace.pages()


def test_f29_page_that_comes_back_starts_anew(workplace: Workplace) -> None:
    """One bad observation between two good ones deletes nothing and sends nothing."""
    workplace.write(some(3))
    workplace.sync()
    hidden = workplace.home / "elsewhere.md"
    for _ in range(3):
        (workplace.docs / "page-001.md").rename(hidden)
        workplace.sync()
        hidden.rename(workplace.docs / "page-001.md")
        workplace.sync()
    workplace.writes()

    (workplace.docs / "page-001.md").rename(hidden)

    assert workplace.sync()["missing"] == 1
    assert workplace.writes() == []


def test_f29_page_that_somebody_removed_while_it_was_away_is_made_anew(workplace: Workplace) -> None:
    """What comes back is looked at, since its row alone would say that it is there as it was."""
    workplace.write(some(3))
    workplace.sync()
    (workplace.docs / "page-001.md").rename(workplace.home / "elsewhere.md")
    workplace.sync()
    workplace.running.workspace.delete_page(workplace.pages()["page-001.md"].id)
    (workplace.home / "elsewhere.md").rename(workplace.docs / "page-001.md")
    workplace.exchanges()

    assert workplace.sync()["result"] == "ok"

    assert workplace.pages().keys() == some(3).keys()
    assert workplace.writes()[0] == ("POST", "page-001.md")
    assert workplace.sync()["requests"] == 0


def test_absence_has_to_last(workplace: Workplace) -> None:
    """Two listings in a row within `min_absence` are one observation."""
    workplace.configure(deletions={"confirm": 2, "min_absence": "15m"})
    workplace.write(some(3))
    workplace.sync()
    workplace.remove("page-001.md")
    workplace.writes()

    for _ in range(4):
        assert workplace.sync()["missing"] == 1

    assert workplace.writes() == []


def _removed(workplace: Workplace) -> None:
    shutil.rmtree(workplace.docs)


def _emptied(workplace: Workplace) -> None:
    shutil.rmtree(workplace.docs)
    workplace.docs.mkdir()


def _cleared(workplace: Workplace) -> None:
    for path in workplace.docs.iterdir():
        path.unlink()


def _replaced_by_a_file(workplace: Workplace) -> None:
    shutil.rmtree(workplace.docs)
    workplace.docs.write_text("<html>Sign in</html>", encoding="utf-8")


def _dangling(workplace: Workplace) -> None:
    shutil.rmtree(workplace.docs)
    workplace.docs.symlink_to(workplace.home / "unmounted")


@pytest.mark.parametrize("spoil", [_removed, _emptied, _cleared, _replaced_by_a_file, _dangling])
def test_source_that_lists_nothing_deletes_nothing(workplace: Workplace, spoil: object) -> None:
    """An empty or missing root is a failure, however often it is seen."""
    assert callable(spoil)
    workplace.write(some(20))
    workplace.sync()
    workplace.exchanges()
    spoil(workplace)

    for _ in range(3):
        done = workplace.run("sync")
        assert done.code == 6
        assert "handbook" in done.out
        assert any(word in done.out for word in ("lists nothing", "cannot open the root"))
        assert "Nothing was sent" in done.out or "nothing was sent" in done.out

    assert workplace.exchanges() == []


def test_unreadable_root_deletes_nothing(open_workplace: Workplace) -> None:
    """A root without permission is a failure too."""
    open_workplace.write(some(20))
    open_workplace.sync()
    open_workplace.exchanges()
    open_workplace.docs.chmod(0)

    with without_privileges(open_workplace.home):
        done = open_workplace.run("sync")

    open_workplace.docs.chmod(0o755)
    assert done.code == 6
    assert f"cannot open the root {open_workplace.docs}: permission denied" in done.out
    assert open_workplace.exchanges() == []


def test_unreadable_folder_keeps_its_pages(open_workplace: Workplace) -> None:
    """What lies in a scope that could not be seen stays; what is gone elsewhere goes."""
    open_workplace.write({**some(4), "guides/a.md": "# A\n\nText.\n", "guides/b/c.md": "# C\n\nText.\n"})
    open_workplace.sync()
    open_workplace.remove("page-001.md")
    open_workplace.exchanges()
    (open_workplace.docs / "guides").chmod(0)

    with without_privileges(open_workplace.home):
        done = [open_workplace.run("sync") for _ in range(3)]

    (open_workplace.docs / "guides").chmod(0o755)
    assert [one.code for one in done] == [3, 3, 3]
    assert "cannot read guides/: cannot list the folder: permission denied; its pages are kept" in done[0].out
    assert open_workplace.writes() == [("DELETE", "page-001.md")]
    assert open_workplace.sync()["result"] == "ok"


def test_changed_filter_is_not_forgotten_while_a_folder_cannot_be_seen(open_workplace: Workplace) -> None:
    """Rows in a scope that could not be seen were not judged by the new settings yet."""
    open_workplace.write({**some(5), "guides/a.md": "# A\n\nText.\n", "guides/b.md": "# B\n\nText.\n"})
    open_workplace.sync()
    open_workplace.exchanges()
    open_workplace.configure(exclude=["guides/b.md"])
    (open_workplace.docs / "guides").chmod(0)
    with without_privileges(open_workplace.home):
        assert open_workplace.sync()["result"] == "partial"
    (open_workplace.docs / "guides").chmod(0o755)

    assert [open_workplace.run("sync").code for _ in range(3)] == [7, 7, 7]
    assert open_workplace.writes() == []


def test_emptied_source_needs_a_person_and_passes_then(workplace: Workplace) -> None:
    """A hold that no approval can pass would be switched off by its owner."""
    workplace.write(some(3))
    workplace.sync()
    _cleared(workplace)
    assert workplace.run("sync").code == 6
    assert workplace.run("approve", "handbook", "--deletes", "3").code == 0

    report = workplace.sync()

    assert (report["deleted"], report["held"], report["result"]) == (3, 0, "ok")
    assert workplace.pages() == {}
    assert workplace.run("status").code == 0


def test_approval_of_an_empty_source_is_a_ceiling(workplace: Workplace) -> None:
    """A yes to two pages is no yes to three."""
    workplace.write(some(3))
    workplace.sync()
    _cleared(workplace)
    workplace.run("sync")
    workplace.run("approve", "handbook", "--deletes", "2")

    assert workplace.run("sync").code == 6
    assert len(workplace.pages()) == 3


def test_approved_empty_source_still_waits_its_time(workplace: Workplace) -> None:
    """A volume that comes back within `min_absence` loses nothing, even after a hasty approval."""
    workplace.configure(deletions={"confirm": 2, "min_absence": "15m"})
    workplace.write(some(3))
    workplace.sync()
    away = workplace.docs.rename(workplace.home / "away")
    workplace.docs.mkdir()
    workplace.run("sync")
    workplace.run("approve", "handbook", "--deletes", "3")

    assert workplace.run("sync").code == 7
    workplace.docs.rmdir()
    away.rename(workplace.docs)

    assert workplace.sync()["unchanged"] == 3
    assert len(workplace.pages()) == 3


def test_f26_mass_deletion_waits_for_a_person(workplace: Workplace) -> None:
    """30 of 100 pages are held, loudly, until an approval that covers what is missing then."""
    workplace.write(some(100))
    workplace.sync()
    workplace.remove(*some(30))
    workplace.write({"page-099.md": "# Page 99\n\nEdited while deletions are held.\n"})
    workplace.writes()

    for turn in range(5):
        done = workplace.run("sync", "--json")
        assert (done.code, done.source["result"], done.source["held"]) == (7, "held", 30)
        assert workplace.writes() == ([("POST", "page-099.md")] if turn == 0 else [])
    status = workplace.run("status", "--json")
    assert (status.code, status.source["result"], status.source["held"]) == (7, "held", 30)

    assert workplace.run("approve", "handbook", "--deletes", "30").code == 0
    workplace.remove(*some(70, start=30))
    for _ in range(2):
        assert workplace.sync()["held"] == 70
    assert workplace.writes() == []

    assert workplace.run("approve", "handbook", "--deletes", "70").code == 0
    assert workplace.sync()["deleted"] == 70
    assert sorted(workplace.writes()) == sorted(("DELETE", name) for name in some(70))
    assert workplace.run("status").code == 0


def test_hold_ends_when_the_pages_come_back(workplace: Workplace) -> None:
    """Nobody has to answer a question that is no longer asked."""
    workplace.write(some(40))
    workplace.sync()
    away = workplace.home / "away"
    away.mkdir()
    for name in some(30):
        (workplace.docs / name).rename(away / name)
    assert workplace.sync()["held"] == 30
    for name in some(30):
        (away / name).rename(workplace.docs / name)

    assert workplace.sync()["result"] == "ok"
    assert workplace.run("status").code == 0
    refused = workplace.run("approve", "handbook", "--deletes", "30")
    assert refused.code == 2
    assert refused.err == (
        "error: no deletes of source 'handbook' wait for an approval: nothing was changed. "
        "'syncd status' shows what is held.\n"
    )


def test_approval_is_good_for_one_set(workplace: Workplace) -> None:
    """What goes missing after an approval does not pass on it, even below its number."""
    workplace.write(some(100))
    workplace.sync()
    workplace.remove(*some(20))
    workplace.sync()
    workplace.run("approve", "handbook", "--deletes", "90")
    workplace.remove(*some(60, start=20))
    workplace.writes()

    for _ in range(3):
        assert workplace.sync()["held"] == 60

    assert workplace.writes() == []


def test_f25_changed_filter_is_no_deletion(workplace: Workplace) -> None:
    """What an exclude leaves out is out of scope, and waits for a person however few it is."""
    workplace.write(some(20))
    workplace.sync()
    workplace.writes()
    workplace.configure(exclude=["page-00[0-4].md"])

    for _ in range(3):
        done = workplace.run("sync")
        assert done.code == 7
        assert "the configuration changed, and 5 pages are out of scope" in done.out
    assert workplace.writes() == []

    workplace.run("approve", "handbook", "--deletes", "5")
    assert workplace.sync()["deleted"] == 5


def test_release_behind_a_link_is_an_ordinary_change(workplace: Workplace) -> None:
    """`current -> releases/42` is swapped at each deploy: what it lacks is gone like any page."""
    releases = workplace.home / "releases"
    for release, names in (("41", "abc"), ("42", "ab")):
        (releases / release).mkdir(parents=True)
        for name in names:
            (releases / release / f"{name}.md").write_text(f"# {name}\n\nText.\n")
    link = workplace.home / "current"
    link.symlink_to("releases/41")
    workplace.configure(root="current")
    workplace.sync()

    link.unlink()
    link.symlink_to("releases/42")

    assert workplace.sync()["result"] == "ok"
    assert workplace.sync()["deleted"] == 1
    assert list(workplace.pages()) == ["a.md", "b.md"]


def test_volume_without_its_marker_changes_nothing(workplace: Workplace) -> None:
    """A mount point without its volume holds a few stray files, and no marker."""
    workplace.write({"a.md": "# A\n\nText.\n", "b.md": "# B\n\nText.\n", ".volume": "handbook\n"})
    workplace.configure(marker=".volume")
    workplace.sync()
    workplace.writes()
    workplace.remove("b.md", ".volume")

    for _ in range(3):
        done = workplace.process("sync")
        assert done.code == 6
        assert f"error: the root {workplace.docs} has no marker '.volume': no such file" in done.out

    assert workplace.writes() == []


def test_f53_page_that_comes_back_while_it_is_deleted_is_published_again(workplace: Workplace) -> None:
    """The file returns after it was listed as missing, and before the request: the next run heals it."""
    workplace.configure(deletions={"confirm": 1, "min_absence": "0s"})
    workplace.write({"a.md": "# A\n\nText.\n", "b.md": "# B\n\nText.\n"})
    workplace.sync()
    workplace.remove("a.md")

    def hook(number: int, when: str, request: Request) -> None:
        if request.method == "DELETE" and when == "before":
            workplace.write({"a.md": "# A\n\nText.\n"})

    workplace.running.sandbox.on_request(hook)
    assert workplace.sync()["deleted"] == 1
    assert sorted(workplace.pages()) == ["b.md"]

    assert workplace.sync()["created"] == 1

    assert sorted(workplace.pages()) == ["a.md", "b.md"]
    assert workplace.sync()["requests"] == 0
