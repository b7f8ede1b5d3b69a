"""What people decide: a source on hold, a page that is taken down, and what is said of it."""

from __future__ import annotations

import pytest

from syncd.state.locks import ProcessLock, lock_path
from tests.conftest import URL, Workplace


def some(count: int) -> dict[str, str]:
    return {f"page-{number:03}.md": f"# Page {number}\n\nText {number}.\n" for number in range(count)}


def test_source_on_hold_sends_nothing_until_it_is_released(workplace: Workplace) -> None:
    """Neither pages nor deletions, and each run says so with exit code 7."""
    workplace.write(some(5))
    workplace.sync()
    assert workplace.run("hold", "handbook", "--why", "audit", "--by", "ada").code == 0
    workplace.write({"new.md": "# New\n\nText.\n"})
    workplace.remove("page-001.md")
    workplace.exchanges()

    for command in ("sync", "sync", "plan"):
        done = workplace.run(command)
        assert done.code == 7
        assert "on hold by ada: audit. Nothing is sent; to let it go on: syncd release handbook" in done.out
    status = workplace.run("status")
    assert (status.code, "on hold by ada" in status.out) == (7, True)
    assert workplace.exchanges() == []

    assert workplace.run("release", "handbook").code == 0
    workplace.sync()
    workplace.sync()
    assert sorted(workplace.writes()) == [("DELETE", "page-001.md"), ("POST", "new.md")]
    assert workplace.run("status").code == 0


def test_hold_needs_a_reason(workplace: Workplace) -> None:
    """Whoever finds a source on hold in half a year has to know why."""
    assert workplace.run("hold", "handbook").code == 2
    assert workplace.run("takedown", "page-001.md").code == 2


@pytest.mark.parametrize("how", ["id", "url", "page_id"])
def test_page_that_is_taken_down_stays_out_until_it_is_restored(workplace: Workplace, how: str) -> None:
    """It is gone with one request to delete it, whatever its origin says afterwards."""
    workplace.write(some(3))
    workplace.sync()
    page_id = str(workplace.pages()["page-001.md"].id)
    name = {"id": "page-001.md", "url": f"{URL}/page-001", "page_id": page_id}[how]
    workplace.exchanges()

    done = workplace.run("takedown", name, "--why", "names a customer", "--by", "ada")

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(
        "taken down: page-001.md of handbook is deleted from Intercom and stays out.\n"
    )
    assert workplace.writes() == [("DELETE", "page-001.md")]

    workplace.write({"page-001.md": "# Page 1\n\nEdited.\n", "page-002.md": "# Page 2\n\nEdited.\n"})
    for arguments in ((), ("--full",), ()):
        assert workplace.sync(*arguments)["result"] == "ok"
    assert workplace.writes() == [("POST", "page-002.md")]
    assert "names a customer" in workplace.run("pages", "--skipped").out

    assert workplace.run("restore", "page-001.md").code == 0
    assert workplace.sync()["created"] == 1
    assert "page-001.md" in workplace.pages()


def test_takedown_works_while_another_process_holds_the_state(workplace: Workplace) -> None:
    """The service must not have to be stopped first."""
    workplace.write(some(3))
    workplace.sync()

    with ProcessLock(lock_path(workplace.state), command="syncd run", at=0.0):
        assert workplace.run("sync").code == 4
        assert workplace.run("takedown", "page-001.md", "--why", "leaked").code == 0
        assert workplace.run("hold", "handbook", "--why", "leaked").code == 0

    assert set(workplace.pages()) == {"page-000.md", "page-002.md"}
    assert workplace.run("sync").code == 7


def test_takedown_that_cannot_reach_intercom_is_carried_out_by_the_next_sync(workplace: Workplace) -> None:
    """The order stands from the first moment, outside of every budget: here it is the only page."""
    workplace.write(some(1))
    workplace.sync()
    url, workplace.intercom["base_url"] = workplace.intercom["base_url"], "http://127.0.0.1:9"
    workplace.configure()

    done = workplace.run("takedown", "page-000.md", "--why", "leaked")

    assert done.code == 6
    assert "is kept out from now on, but it could not be deleted yet" in done.out
    workplace.intercom["base_url"] = url
    workplace.configure()
    workplace.exchanges()
    (operation,) = workplace.plan()["operations"]
    assert (operation["action"], operation["external_id"]) == ("delete", "page-000.md")
    assert workplace.sync()["deleted"] == 1
    assert workplace.writes() == [("DELETE", "page-000.md")]


def test_unknown_page_is_refused_unless_its_source_is_named(workplace: Workplace) -> None:
    """A slip of the pen must not look like a page that is gone."""
    workplace.write(some(2))
    workplace.sync()

    done = workplace.run("takedown", "page-009.md", "--why", "leaked")
    assert (done.code, done.err.splitlines()[0]) == (
        2,
        "error: no page is known by the id or URL 'page-009.md'; 'syncd pages' lists them.",
    )

    advance = workplace.run("takedown", "page-009.md", "--why", "leaked", "--source", "handbook")
    assert (advance.code, "Intercom had no page for" in advance.out) == (0, True)
    workplace.write(some(10))
    workplace.sync()
    assert "page-009.md" not in workplace.pages()


def test_decision_is_told_as_json(workplace: Workplace) -> None:
    """Each command of a decision prints one document."""
    workplace.write(some(2))
    workplace.sync()

    frozen = workplace.run("hold", "handbook", "--why", "audit", "--by", "ada", "--json").document
    assert (frozen["decision"], frozen["source"], frozen["by"], frozen["why"]) == (
        "freeze",
        "handbook",
        "ada",
        "audit",
    )
    down = workplace.run("takedown", "page-001.md", "--why", "leaked", "--json").document
    assert (down["external_id"], down["deleted"], down["error"]) == ("page-001.md", True, None)


def test_who_decides_is_the_user_behind_sudo(workplace: Workplace) -> None:
    """Otherwise every decision on a server would be root's."""
    workplace.write(some(2))
    workplace.sync()

    done = workplace.process("hold", "handbook", "--why", "audit", "--json", env={"SUDO_USER": "grace"})

    assert done.document["by"] == "grace"
