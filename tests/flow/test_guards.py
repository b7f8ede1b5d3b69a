"""The promises about what is deleted, held, parked and put on record, as a person meets them."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from syncd.digest import content_hash
from syncd.model import Page
from syncd.sandbox import Request
from tests.conftest import Workplace, without_privileges
from tests.connectors.confluence_export import builders
from tests.connectors.git.origins import Origin


def some(count: int, *, start: int = 0) -> dict[str, str]:
    return {f"page-{number:03}.md": f"# Page {number}\n\nText {number}.\n" for number in range(start, count)}


# -- P1, P2: what cannot be seen -------------------------------------------------------------------------


def _removed(workplace: Workplace) -> None:
    shutil.rmtree(workplace.docs)


def _emptied(workplace: Workplace) -> None:
    shutil.rmtree(workplace.docs)
    workplace.docs.mkdir()


def _forbidden(workplace: Workplace) -> None:
    workplace.docs.chmod(0)


def _mounted_over(workplace: Workplace) -> None:
    # Another folder at the same place, as an empty volume shows it: other inode, files of its own.
    shutil.rmtree(workplace.docs)
    workplace.docs.mkdir()
    (workplace.docs / "lost+found").mkdir()


@pytest.mark.parametrize("spoil", [_removed, _emptied, _forbidden, _mounted_over])
def test_p01_folder_that_cannot_be_seen_deletes_nothing(
    open_workplace: Workplace, spoil: Callable[[Workplace], None]
) -> None:
    """No request, an exit code that says so, and a message with the source and the reason."""
    open_workplace.write(some(20))
    open_workplace.sync()
    open_workplace.exchanges()
    spoil(open_workplace)

    with without_privileges(open_workplace.home):
        done = [open_workplace.run("sync") for _ in range(3)]

    if open_workplace.docs.exists():
        open_workplace.docs.chmod(0o755)
    assert {one.code for one in done} == {6}
    assert all("handbook" in one.out for one in done)
    assert all("cannot open the root" in one.out or "lists nothing" in one.out for one in done)
    assert open_workplace.exchanges() == []


@pytest.mark.parametrize(
    "content",
    [b"PK\x05\x06" + bytes(18), b"<!DOCTYPE html><title>Sign in</title><form></form>"],
    ids=["empty zip", "login page"],
)
def test_p01_export_that_is_none_deletes_nothing(workplace: Workplace, content: bytes) -> None:
    """An empty archive of 22 bytes, and the page of a login in its place."""
    export = workplace.home / "export.zip"
    pages = [builders.page(str(number), f"Page {number}") for number in range(100, 120)]
    builders.write_zip(export, {"entities.xml": builders.entities(builders.space(), *pages)})
    del workplace.settings["root"], workplace.settings["page_url"]
    workplace.configure(connector="confluence_export", path="export.zip")
    assert workplace.sync()["created"] == 20
    workplace.exchanges()
    export.write_bytes(content)

    done = [workplace.run("sync") for _ in range(3)]

    assert {one.code for one in done} == {6}
    assert all("handbook" in one.out and "export.zip" in one.out for one in done)
    assert workplace.exchanges() == []


def of_git(workplace: Workplace) -> Origin:
    """Let the source be a repository of 20 pages, and sync it."""
    origin = Origin(workplace.home / "origin.git")
    origin.commit(some(20))
    del workplace.settings["root"]
    workplace.configure(connector="git", url=f"file://{origin.folder}", allow_local=True)
    assert workplace.sync()["created"] == 20
    workplace.exchanges()
    return origin


def test_p01_empty_repository_deletes_nothing(workplace: Workplace) -> None:
    """Its clone succeeds, and names no commit."""
    origin = of_git(workplace)
    shutil.rmtree(origin.folder)
    Origin(origin.folder)

    done = [workplace.run("sync") for _ in range(3)]

    assert {one.code for one in done} == {6}
    assert workplace.exchanges() == []


def test_p02_page_that_always_fails_blocks_only_itself(workplace: Workplace) -> None:
    """Another page that is really gone goes after its confirmation: one DELETE, and no other."""
    workplace.write(some(20))
    workplace.sync()
    workplace.write({"page-003.md": b"\xff\xfe not text"})
    workplace.remove("page-007.md")
    workplace.writes()

    assert [workplace.run("sync").code for _ in range(3)] == [3, 3, 3]

    assert workplace.writes() == [("DELETE", "page-007.md")]


# -- P3, P4, P5: what is missing -------------------------------------------------------------------------


def test_p03_mass_deletion_waits_for_a_person(workplace: Workplace) -> None:
    """30 of 100 are held through five runs; 40 more than were approved are held again; 70 then go."""
    workplace.write(some(100))
    workplace.sync()
    workplace.remove(*some(30))
    workplace.writes()
    for _ in range(5):
        assert workplace.sync()["held"] == 30
    status = workplace.run("status", "--json")
    (hold,) = status.source["holds"]
    assert (status.code, hold["question"], hold["count"], hold["alarm"]) == (7, "deletes", 30, False)
    assert hold["way_out"] == "syncd approve handbook --deletes 30"

    assert workplace.run("approve", "handbook", "--deletes", "30").code == 0
    workplace.remove(*some(70, start=30))
    grown = workplace.run("sync")
    assert (grown.code, "the approval no longer matches: 30 then, 70 now" in grown.out) == (7, True)
    assert workplace.writes() == []

    assert workplace.run("approve", "handbook", "--deletes", "70", "--by", "ada").code == 0
    assert workplace.sync()["deleted"] == 70
    assert len(workplace.writes()) == 70
    (line,) = workplace.run("audit", "--decisions", "--limit", "1", "--json").document["outcomes"]
    assert (line["action"], line["by"]) == ("approve", "ada")


def test_p03_pages_that_come_back_end_the_hold(workplace: Workplace) -> None:
    """The held set empties by itself, and no approval is needed or possible any more."""
    workplace.write(some(100))
    workplace.sync()
    workplace.remove(*some(30))
    assert workplace.sync()["held"] == 30
    workplace.write(some(30))

    report = workplace.sync()

    assert (report["held"], report["result"]) == (0, "ok")
    assert workplace.run("approve", "handbook", "--deletes", "30").code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "--deletes", "30"), "nowhere"),
        (("handbook", "--deletes", "-3"), "-3"),
        (("handbook", "--deletes", "29"), "approval no longer matches: 29 named, 30 held now"),
        (("handbook", "--updates", "30"), "no updates of source 'handbook' wait"),
        (("handbook",), "--deletes N or --updates N"),
    ],
)
def test_b20_approval_that_fits_nothing_is_refused(
    workplace: Workplace, arguments: tuple[str, ...], said: str
) -> None:
    """Unknown source, negative, stale, of the other kind, or without a number: nothing is approved."""
    workplace.write(some(100))
    workplace.sync()
    workplace.remove(*some(30))
    workplace.sync()

    done = workplace.run("approve", *arguments)

    assert (done.code, said in done.err) == (2, True), done.err
    assert workplace.sync()["held"] == 30


def test_b20_approval_given_twice_is_refused(workplace: Workplace) -> None:
    """The second one would be for another moment; taking the first one back is a word of its own."""
    workplace.write(some(100))
    workplace.sync()
    workplace.remove(*some(30))
    workplace.sync()
    assert workplace.run("approve", "handbook", "--deletes", "30").code == 0

    again = workplace.run("approve", "handbook", "--deletes", "30")

    assert (again.code, "are approved already" in again.err) == (2, True)
    assert workplace.run("reject", "handbook", "--deletes").code == 0
    assert workplace.sync()["held"] == 30


def test_p04_one_bad_observation_deletes_and_sends_nothing(workplace: Workplace) -> None:
    """A listing without the page that calls itself complete, and one with it."""
    workplace.write(some(20))
    workplace.sync()
    workplace.writes()
    away = workplace.home / "away.md"

    (workplace.docs / "page-004.md").rename(away)
    assert workplace.sync()["missing"] == 1
    away.rename(workplace.docs / "page-004.md")
    workplace.sync()

    assert workplace.writes() == []


def test_p05_changed_exclude_is_no_deletion(workplace: Workplace) -> None:
    """Five of 20 pages are out of scope, and wait for a person however few they are."""
    workplace.write(some(20))
    workplace.sync()
    workplace.writes()
    workplace.configure(exclude=["page-00[0-4].md"])

    for _ in range(3):
        done = workplace.run("sync")
        assert (done.code, "5 pages are out of scope" in done.out) == (7, True)
    assert workplace.writes() == []


def test_p05_misspelt_branch_is_an_error(workplace: Workplace) -> None:
    """There is no falling back to another branch: no request, and the branch is named."""
    of_git(workplace)
    workplace.configure(branch="mian")

    done = workplace.run("sync")

    assert (done.code, "mian" in done.out) == (6, True)
    assert workplace.exchanges() == []


# -- P13, P14: what fails --------------------------------------------------------------------------------


def test_p13_one_bad_page_stops_nobody(workplace: Workplace) -> None:
    """199 of 200 arrive; the next run sends none of them again, nor the bad one before it changes."""
    workplace.write(some(200))
    workplace.running.faults.put(["422:POST:id=page-050.md"])
    report = workplace.sync()
    assert (report["created"], report["failed"], report["result"]) == (199, 1, "partial")
    workplace.exchanges()

    assert workplace.run("sync").code == 3
    assert workplace.writes() == []
    assert "page-050.md" in workplace.run("pages", "--skipped").out
    assert workplace.run("status", "--json").source["quarantined"] == 1

    workplace.running.faults.clear()
    workplace.write({"page-050.md": "# Page 50\n\nMended.\n"})
    assert workplace.sync()["created"] == 1
    assert workplace.writes() == [("POST", "page-050.md")]


def test_p13_many_bad_pages_stop_the_run_and_not_the_source(workplace: Workplace) -> None:
    """60 of 200 are refused: at most 40 calls, and the runs after it get everything else through."""
    workplace.write(some(200))
    workplace.running.faults.put([f"422:POST:id=page-{number:03}.md" for number in range(0, 180, 3)])
    done = workplace.run("sync")
    assert (done.code, "so the run stopped: nothing more is sent or deleted" in done.out) == (6, True)
    assert len(workplace.writes()) <= 40
    assert workplace.run("status").code == 6

    for _ in range(30):
        if workplace.run("sync").code == 3:
            break
    assert len(workplace.pages()) == 140


SLOW = "&" * 1_500_000


def _killed_at_work(workplace: Workplace, *, alone: bool) -> None:
    """Start a sync, and kill it once it is at work on the slow page."""
    process = workplace.start("sync")
    try:
        for _ in range(3000):
            time.sleep(0.01)
            if workplace.state.exists():
                with closing(sqlite3.connect(workplace.state)) as state:
                    try:
                        marked = list(state.execute("SELECT external_id, alone FROM marks"))
                    except sqlite3.OperationalError:
                        continue
                if marked == [("slow.md", alone)]:
                    break
        else:
            raise AssertionError("the run never came to the slow page")
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_p14_page_at_which_syncd_dies_twice_is_parked(workplace: Workplace) -> None:
    """The third start syncs everything else and lists the page in quarantine; a mended one is sent."""
    workplace.write({**some(6), "slow.md": SLOW})
    _killed_at_work(workplace, alone=False)
    assert "interrupted" in workplace.run("status").out
    _killed_at_work(workplace, alone=True)

    report = workplace.sync()

    assert (report["failed"], report["result"]) == (1, "partial")
    assert set(workplace.pages()) == set(some(6))
    assert "syncd was killed twice while it worked on this page" in workplace.run("pages", "--skipped").out
    assert workplace.sync()["failed"] == 1

    workplace.write({"slow.md": "# Slow\n\nNo more.\n"})
    assert workplace.sync()["created"] == 1


def test_p14_page_that_somebody_else_was_killed_at_gets_another_try(workplace: Workplace) -> None:
    """After a day, and alone: should the process die of it all the same, it is parked at once."""
    workplace.write(some(3))
    workplace.sync()
    workplace.write({"page-000.md": "# Zero\n\nEdited.\n", "page-001.md": "# One\n\nEdited.\n"})
    mark = "INSERT INTO marks VALUES ('handbook', 'page-001.md', true)"

    def change(statement: str) -> None:
        with closing(sqlite3.connect(workplace.state)) as state:
            state.execute(statement)
            state.commit()

    change(mark)
    assert workplace.sync()["failed"] == 1
    assert workplace.sync()["failed"] == 1
    told = workplace.run("explain", "page-001.md").out
    assert "left alone until it changes, or until 20" in told
    assert workplace.writes()[-1] == ("POST", "page-000.md")

    change("UPDATE records SET retry_at = 1 WHERE retry_at > 1")
    marked: list[tuple[str, bool]] = []

    def look(_: int, when: str, request: Request) -> None:
        with closing(sqlite3.connect(workplace.state)) as state:
            marked.extend(state.execute("SELECT external_id, alone FROM marks"))

    unhook = workplace.running.sandbox.on_request(look)
    assert workplace.sync()["result"] == "ok"
    unhook()
    assert set(marked) == {("page-001.md", True)}
    assert workplace.writes() == [("POST", "page-001.md")]
    assert workplace.sync()["requests"] == 0


def test_f20_page_that_is_nested_too_deep_is_parked(workplace: Workplace) -> None:
    """Its last good version stays, the others go on, and the reason is told."""
    workplace.write(some(3))
    workplace.sync()
    workplace.write({"page-001.md": "> " * 2000 + "deep\n", "page-002.md": "# Two\n\nEdited.\n"})
    workplace.writes()

    done = workplace.run("sync")

    assert (done.code, "page-001.md" in done.out, "nest" in done.out) == (3, True, True)
    assert workplace.writes() == [("POST", "page-002.md")]
    assert "Text 1." in workplace.pages()["page-001.md"].html


# -- P22: what is on record ------------------------------------------------------------------------------


def test_p22_each_write_has_one_line_in_the_audit_trail(workplace: Workplace) -> None:
    """With the hash of what was sent; a delete names both listings, a takedown the person."""
    workplace.write(some(12))
    workplace.sync()
    workplace.write({"page-001.md": "# Page 1\n\nEdited.\n", "new.md": "# New\n\nText.\n"})
    workplace.remove("page-002.md")
    workplace.sync()
    workplace.sync()
    workplace.run("takedown", "page-003.md", "--why", "leaked", "--by", "ada")

    sent = []
    for exchange in workplace.exchanges():
        request = exchange.request
        if request.method == "DELETE":
            assert exchange.answer is not None
            sent.append(("DELETE", json.loads(exchange.answer.body)["external_id"], None))
        elif request.method == "POST" and request.path.startswith("/ai/external_pages"):
            body = json.loads(request.body)
            named = {name: body[name] for name in ("external_id", "title", "html", "url", "locale")}
            sent.append(("POST", body["external_id"], content_hash(Page(**named))))
    lines = workplace.run("audit", "handbook", "--limit", "1000", "--json").document["outcomes"]
    told = {"create": "POST", "update": "POST", "delete": "DELETE"}
    kept = [
        (told[line["action"]], line["external_id"], line["hash_after"])
        for line in lines
        if line["action"] in told
    ]
    assert sorted(kept, key=str) == sorted(sent, key=str)
    evidence = {line["external_id"]: line["evidence"] for line in lines if line["action"] == "delete"}
    assert "2 complete listings" in evidence["page-002.md"]
    assert ", the first " in evidence["page-002.md"]
    assert evidence["page-003.md"] == "taken down by ada: leaked"


def test_p22_delete_by_a_commit_names_the_revisions(workplace: Workplace) -> None:
    """The positive evidence of a repository is the two trees between which a commit removed the page."""
    origin = of_git(workplace)
    before = origin.git("rev-parse", "refs/heads/main^{tree}")
    files = some(20)
    del files["page-004.md"]
    origin.commit(files)
    after = origin.git("rev-parse", "refs/heads/main^{tree}")

    assert workplace.sync()["deleted"] == 1

    lines = workplace.run("audit", "--json").document["outcomes"]
    (evidence,) = (line["evidence"] for line in lines if line["action"] == "delete")
    assert before in evidence
    assert after in evidence


def test_explain_tells_why_fin_does_or_does_not_know_a_page(workplace: Workplace) -> None:
    """Published, parked, taken down, left out and unknown pages, each in words."""
    workplace.write({**some(3), "empty.md": "", "bad.md": b"\xff\xfe"})
    workplace.run("sync")
    workplace.run("takedown", "page-001.md", "--why", "leaked", "--by", "ada")

    def told(page: str) -> tuple[str, str]:
        document = workplace.run("explain", page, "--json").document
        return document["known"], " ".join(document["reasons"])

    assert told("page-000.md")[0] == "yes"
    assert told("page-001.md")[0] == "no"
    assert "taken down by ada" in told("page-001.md")[1]
    assert told("empty.md")[0] == "no"
    assert told("bad.md")[0] == "no"
    assert "Fin does not know it." in workplace.run("explain", "bad.md").out
    assert workplace.run("explain", "nothing.md").code == 2


# -- renames, swaps, and what comes back -----------------------------------------------------------------


def test_f27_renamed_page_is_created_before_the_old_one_goes(workplace: Workplace) -> None:
    """So a rename never leaves a gap; it is told as what it is, once."""
    workplace.write(some(5))
    workplace.sync()
    workplace.writes()
    (workplace.docs / "page-001.md").rename(workplace.docs / "renamed.md")

    (create,) = workplace.plan()["operations"]
    assert create["reason"] == "renamed from page-001.md"
    first, second = workplace.sync(), workplace.sync()

    assert workplace.writes() == [("POST", "renamed.md"), ("DELETE", "page-001.md")]
    assert (first["renamed"], second["renamed"]) == (1, 0)
    assert "1 page(s) were renamed: 'page-001.md' is now 'renamed.md'" in first["notices"]
    assert "rename: renamed to renamed.md" in workplace.run("explain", "page-001.md").out
    assert "create: renamed from page-001.md" in workplace.run("explain", "renamed.md").out
    number = workplace.run("runs", "--json").document["runs"][1]["number"]
    told = workplace.run("runs", str(number), "--json").document["outcomes"]
    assert [(line["action"], line["external_id"]) for line in told] == [
        ("rename", "page-001.md"),
        ("create", "renamed.md"),
    ]


def test_f28_swapped_pages_are_two_updates(workplace: Workplace) -> None:
    """Nothing is missing, so nothing is deleted."""
    files = some(4)
    workplace.write(files)
    workplace.sync()
    workplace.writes()
    workplace.write({"page-001.md": files["page-002.md"], "page-002.md": files["page-001.md"]})

    workplace.sync()
    workplace.sync()

    assert sorted(workplace.writes()) == [("POST", "page-001.md"), ("POST", "page-002.md")]


def test_held_source_of_a_day_is_an_alarm(workplace: Workplace) -> None:
    """Whoever was to decide has forgotten it."""
    workplace.write(some(100))
    workplace.sync()
    workplace.remove(*some(30))
    workplace.sync()
    with closing(sqlite3.connect(workplace.state)) as state:
        state.execute("UPDATE holds SET since = since - 25 * 3600")
        state.commit()

    assert "ALARM, more than 24 h: 30 deletion(s) held for 1 d" in workplace.run("status").out
    assert workplace.run("status", "--json").source["holds"][0]["alarm"] is True
