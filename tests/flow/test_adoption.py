"""A state that is new, lost or old meets an import source that has pages already."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from syncd.sandbox import Writing
from syncd.sandbox.switches import switched
from tests.conftest import Workplace


def some(count: int) -> dict[str, str]:
    return {f"page-{number:04}.md": f"# Page {number}\n\nText {number}.\n" for number in range(count)}


def lose_the_state(workplace: Workplace) -> None:
    for path in workplace.home.glob("syncd.db*"):
        path.unlink()


def put(workplace: Workplace, external_id: str, html: str = "<p>Not as it was sent.</p>") -> None:
    """Write a page as another program would."""
    (source,) = workplace.running.workspace.sources
    workplace.running.workspace.upsert(
        Writing(
            source_id=source.id,
            external_id=external_id,
            title="Foreign",
            html=html,
            locale="en",
            url=None,
            flags={},
        ),
        now=2.0,
    )


@pytest.mark.parametrize("html", [pytest.param("verbatim", marks=pytest.mark.ring), "normalised"])
def test_p20_lost_state_of_a_thousand_pages_doubles_and_deletes_nothing(
    workplace: Workplace, html: str
) -> None:
    """One listing; pages that come back as they were sent are not even sent."""
    workspace = workplace.running.workspace
    workspace.switches = switched([f"html_returned={html}"], workspace.switches)
    pages = some(1000)
    workplace.write(pages)
    assert workplace.sync()["created"] == 1000
    ids = {name: page.id for name, page in workplace.pages().items()}
    lose_the_state(workplace)
    workplace.exchanges()

    done = workplace.sync()

    met = workplace.exchanges()
    writes = [one for one in met if one.request.method != "GET"]
    assert {one.request.method for one in writes} <= {"POST"}
    # The import source is found in one answer, and its pages are listed fifty an answer.
    assert len(met) - len(writes) == 1 + 20
    assert len(writes) == 0
    assert (done["created"], done["updated"], done["deleted"], done["unchanged"]) == (0, 0, 0, 1000)
    assert {name: page.id for name, page in workplace.pages().items()} == ids
    workplace.sync()
    assert workplace.exchanges() == []


def test_p20_lost_state_names_the_pages_that_the_source_lacks(workplace: Workplace) -> None:
    """They may be anybody's by now, so they stay; what changed meanwhile is sent once."""
    workplace.write(some(100))
    workplace.sync()
    lose_the_state(workplace)
    workplace.remove(*list(some(100))[:5])
    workplace.write({"page-0050.md": "# Page 50\n\nEdited.\n"})
    workplace.exchanges()

    done = workplace.sync()

    assert workplace.writes() == [("POST", "page-0050.md")]
    assert (done["updated"], done["unchanged"], done["deleted"]) == (1, 94, 0)
    assert any(
        notice.startswith("5 remote page(s) not in the source, left alone: 'page-000")
        for notice in done["notices"]
    )
    assert len(workplace.pages()) == 100


def test_p21_plan_after_a_lost_state_is_what_the_sync_does(workplace: Workplace) -> None:
    """It looks for the pages that are there already, as the sync does, and writes nothing."""
    workplace.write(some(10))
    workplace.sync()
    lose_the_state(workplace)
    workplace.write({"page-0005.md": "# Page 5\n\nEdited.\n", "new.md": "# New\n\nText.\n"})
    workplace.exchanges()

    told = workplace.plan()

    assert {one.request.method for one in workplace.exchanges()} == {"GET"}
    operations = {(one["action"], one["external_id"]) for one in told["operations"]}
    assert operations == {("update", "page-0005.md"), ("create", "new.md")}
    done = workplace.sync()
    assert set(workplace.writes()) == {("POST", "page-0005.md"), ("POST", "new.md")}
    counts = ("created", "updated", "unchanged", "deleted")
    (source,) = told["sources"]
    assert [source[count] for count in counts] == [done[count] for count in counts]


def test_old_part_of_a_page_is_named_after_a_lost_state(workplace: Workplace) -> None:
    """It may be anybody's, like every page that nobody claims: it stays, and not in silence."""
    workplace.write(some(2))
    workplace.sync()
    put(workplace, "page-0000.md#old")
    lose_the_state(workplace)

    done = workplace.sync()

    assert "1 remote page(s) not in the source, left alone: 'page-0000.md#old'" in done["notices"]
    assert "page-0000.md#old" in workplace.pages()


def test_takedown_without_a_row_takes_the_parts_along(workplace: Workplace) -> None:
    """What must go now does not stay in Intercom because the state does not know it."""
    workplace.write(some(2))
    workplace.sync()
    put(workplace, "gone.md")
    put(workplace, "gone.md#install")
    put(workplace, "gone.md.bak")

    assert workplace.run("takedown", "gone.md", "--why", "leaked", "--source", "handbook").code == 0

    assert set(workplace.pages()) == {"page-0000.md", "page-0001.md", "gone.md.bak"}


def test_plan_that_cannot_ask_intercom_says_so(workplace: Workplace) -> None:
    """It tells all it can; what Intercom has already cannot be told from what is new."""
    workplace.write(some(2))
    del workplace.intercom["token"]
    workplace.configure()

    told = workplace.plan()

    assert [one["action"] for one in told["operations"]] == ["create", "create"]
    assert "Intercom could not be asked" in str(told["sources"][0]["notices"])


def test_adopted_page_keeps_the_flags_that_people_set(workplace: Workplace) -> None:
    """It is no new page, whatever the state says."""
    workplace.write(some(2))
    workplace.sync()
    (source,) = workplace.running.workspace.sources
    held = workplace.pages()["page-0000.md"]
    workplace.running.workspace.upsert(
        Writing(
            source_id=source.id,
            external_id="page-0000.md",
            title=held.title,
            html=held.html,
            locale="en",
            url=held.url,
            flags={"ai_agent_availability": False},
        ),
        now=2.0,
    )
    lose_the_state(workplace)
    workplace.write({"page-0000.md": "# Page 0\n\nEdited.\n"})

    workplace.sync()

    assert workplace.pages()["page-0000.md"].html == "<p>Edited.</p>"
    assert workplace.pages()["page-0000.md"].ai_agent_availability is False


def test_adopted_page_whose_document_withholds_it_goes_with_the_next_run(workplace: Workplace) -> None:
    """The adopting run deletes nothing; after it the page is like any other."""
    workplace.write(some(5))
    workplace.sync()
    lose_the_state(workplace)
    workplace.write({"page-0000.md": "---\ndraft: true\n---\n# Page 0\n\nText.\n"})

    workplace.sync()
    assert "page-0000.md" in workplace.pages()
    workplace.sync()

    assert "page-0000.md" not in workplace.pages()
    assert workplace.sync()["result"] == "ok"


def test_p20_restored_backup_deletes_nothing_before_it_was_compared(workplace: Workplace) -> None:
    """What that state counted is long past: absences begin anew, and page ids are looked up."""
    workplace.write(some(20))
    workplace.sync()
    workplace.remove("page-0003.md")
    workplace.sync()  # missed once: the next listing without it would do
    shutil.copy(workplace.state, workplace.home / "backup")
    workplace.write({"page-0003.md": "# Page 3\n\nText 3.\n"})
    workplace.sync()
    workplace.write({"page-0004.md": "# Page 4\n\nNewer.\n", "new.md": "# New\n\nText.\n"})
    workplace.sync()
    for left in ("-wal", "-shm"):
        (workplace.home / f"syncd.db{left}").unlink(missing_ok=True)
    shutil.copy(workplace.home / "backup", workplace.state)
    workplace.remove("page-0003.md")
    workplace.write({"page-0004.md": "# Page 4\n\nText 4.\n"})
    workplace.exchanges()

    done = workplace.sync()

    met = workplace.exchanges()
    assert "/ai/external_pages" in [one.request.path for one in met if one.request.method == "GET"]
    assert done["deleted"] == 0
    assert done["notices"][0].startswith("the state is older than the last run: all pages were compared")
    assert workplace.pages()["page-0004.md"].html == "<p>Text 4.</p>"
    assert "page-0003.md" in workplace.pages()
    assert workplace.sync()["deleted"] == 1
    assert sorted(workplace.pages()) == sorted((some(20).keys() - {"page-0003.md"}) | {"new.md"})


@pytest.mark.parametrize("drift", ["report", "repair"])
def test_p20_restored_backup_brings_no_page_back_that_was_taken_down(
    workplace: Workplace, drift: str
) -> None:
    """Though no run remembered it: what Intercom no longer has is named, and left so."""
    workplace.configure(drift=drift)
    workplace.write(some(5))
    workplace.sync()
    shutil.copy(workplace.state, workplace.home / "backup")
    workplace.sync()
    assert workplace.run("takedown", "page-0003.md", "--why", "leaked").code == 0
    _put_in_place(workplace, workplace.home / "backup")

    for arguments in (("--full",), ()):
        done = workplace.sync(*arguments)
        assert "page-0003.md" not in workplace.pages()
        if arguments:
            assert done["notices"][1].startswith(
                "1 page(s) that it knows are gone from Intercom, maybe taken down since: 'page-0003.md'. "
            )


@pytest.mark.parametrize("lost", [True, False])
def test_p20_page_that_was_taken_down_stays_out_of_a_state_that_does_not_know_of_it(
    workplace: Workplace, lost: bool
) -> None:
    """Lost or restored, and whether its document changes or not; the order can be taken back as ever."""
    workplace.write(some(5))
    workplace.sync()
    shutil.copy(workplace.state, workplace.home / "backup")
    workplace.write({"new.md": "# New\n\nText.\n"})
    workplace.sync()
    for name in ("page-0003.md", "new.md"):
        assert workplace.run("takedown", name, "--why", "leaked", "--by", "ada").code == 0
    workplace.sync()
    _put_in_place(workplace, None if lost else workplace.home / "backup")
    workplace.write({"page-0003.md": "# Page 3\n\nEdited.\n"})

    for arguments in ((), ("--full",), ()):
        workplace.sync(*arguments)
        assert not {"page-0003.md", "new.md"} & workplace.pages().keys()
    assert "taken down by ada" in workplace.run("explain", "new.md", "--source", "handbook").out
    assert "did not know of it" in workplace.run("audit", "--decisions").out
    assert workplace.run("restore", "page-0003.md").code == 0
    workplace.sync()
    assert "page-0003.md" in workplace.pages()


def _put_in_place(workplace: Workplace, backup: Path | None) -> None:
    for left in ("", "-wal", "-shm"):
        (workplace.home / f"syncd.db{left}").unlink(missing_ok=True)
    if backup is not None:
        shutil.copy(backup, workplace.state)


def test_state_of_today_is_trusted(workplace: Workplace) -> None:
    """Nothing is listed when nothing was restored."""
    workplace.write(some(3))
    workplace.sync()
    workplace.exchanges()
    for _ in range(2):
        workplace.sync()

    assert workplace.exchanges() == []


def test_f55_deletions_wait_while_another_writer_is_at_work(workplace: Workplace) -> None:
    """Pages of others that come while ours are changed look like a second syncd: its pages stay, ours too."""
    workplace.write(some(30))
    workplace.sync()
    put(workplace, "theirs.md")
    put(workplace, "page-0001.md")
    workplace.remove("page-0002.md")

    first = workplace.sync("--full")

    assert first["updated"] == 1
    assert any("appears to write to the import source: deletions wait" in line for line in first["notices"])
    for done in (first, workplace.sync()):
        assert (done["held"], done["holds"][0]["kind"]) == (1, "writer")
    assert workplace.pages()["theirs.md"].title == "Foreign"
    assert "page-0002.md" in workplace.pages()

    assert workplace.run("approve", "handbook", "--deletes", "1").code == 0
    assert workplace.sync()["deleted"] == 1
    workplace.remove("page-0003.md")
    assert workplace.sync()["held"] == 1
    # The next look that finds ours as they were sent ends it.
    assert workplace.sync("--full")["deleted"] == 1
    assert workplace.pages()["theirs.md"].title == "Foreign"


def test_f55_pages_of_others_or_an_edit_alone_hold_nothing(workplace: Workplace) -> None:
    """People edit a page, and an old state leaves pages behind: neither is another writer."""
    workplace.write(some(30))
    workplace.sync()
    put(workplace, "theirs.md")
    workplace.remove("page-0002.md")
    workplace.sync("--full")
    assert workplace.sync()["deleted"] == 1

    put(workplace, "page-0001.md")
    workplace.remove("page-0003.md")
    workplace.sync("--full")
    assert workplace.sync()["deleted"] == 1
