"""Whole trips: a folder, the real command, a real state file, and a sandbox over HTTP."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import unicodedata
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import pytest

from syncd.sandbox import Writing
from tests.conftest import TOKEN, URL, Opened, Workplace, external_id_of

FLAGS = ("ai_agent_availability", "ai_copilot_availability", "ai_sales_agent_availability")

PAGES = {
    "index.md": "# Start\n\nSee [one](guides/one.md).\n",
    "guides/one.md": "---\ntags: [a]\n---\n# One\n\nText one.\n",
    "guides/two.md": "# Two\n\nText two.\n",
    "notes.txt": "A note.\n",
    "page.html": "<html><head><title>Page</title></head><body><p>Text.</p></body></html>",
}


def synced(workplace: Workplace) -> None:
    workplace.write(PAGES)
    assert workplace.sync()["created"] == len(PAGES)
    workplace.exchanges()


def bytes_of(folder: Path) -> dict[str, str]:
    """What lies beside the pages, the state file above all."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file()
    }


def test_first_sync_publishes_everything(workplace: Workplace) -> None:
    """Markdown, HTML and text arrive with title, text, URL and flags."""
    synced(workplace)

    pages = workplace.pages()
    assert sorted(pages) == sorted(PAGES)
    one = pages["guides/one.md"]
    assert (one.title, one.html, one.url, one.locale) == (
        "One",
        "<p>Text one.</p>",
        f"{URL}/guides/one",
        "en",
    )
    assert (one.ai_agent_availability, one.ai_copilot_availability) == (True, True)


def test_p09_second_run_sends_and_reads_nothing(workplace: Workplace) -> None:
    """An unchanged source costs a listing."""
    workplace.write(PAGES)
    with Opened(".md", ".txt", ".html") as opened:
        workplace.sync()
    assert {Path(name).name for name in opened} >= {"index.md", "notes.txt", "page.html"}
    workplace.exchanges()

    with Opened(*(Path(name).name for name in PAGES)) as opened:
        report = workplace.sync()

    assert (report["unchanged"], report["requests"]) == (len(PAGES), 0)
    assert (opened, workplace.exchanges()) == ([], [])


@pytest.mark.parametrize("name", sorted(PAGES))
def test_edit_in_each_place_arrives(workplace: Workplace, name: str) -> None:
    """One edit, one request."""
    synced(workplace)
    workplace.write(
        {
            name: PAGES[name]
            .replace("ext", "ext, edited,")
            .replace("note", "note, edited")
            .replace("See", "Edited: see")
        }
    )

    report = workplace.sync()

    assert (report["updated"], report["unchanged"]) == (1, len(PAGES) - 1)
    assert workplace.writes() == [("POST", name)]
    assert "dited" in workplace.pages()[name].html


def test_edit_of_front_matter_alone_sends_nothing(workplace: Workplace) -> None:
    """What a reader cannot see is not worth an ingestion; and it is not looked at again."""
    synced(workplace)
    workplace.write({"guides/one.md": PAGES["guides/one.md"].replace("[a]", "[a, b]")})

    assert workplace.sync()["unchanged"] == len(PAGES)
    with Opened("one.md") as opened:
        workplace.sync()

    assert (opened, workplace.writes()) == ([], [])


def test_touched_file_sends_nothing(workplace: Workplace) -> None:
    """A version that moved without the content is only noted."""
    synced(workplace)
    for name in PAGES:
        (workplace.docs / name).touch()

    workplace.sync()

    assert workplace.writes() == []


def test_rename_creates_before_it_deletes(workplace: Workplace) -> None:
    """At no moment is the page gone."""
    workplace.configure(deletions={"confirm": 1, "min_absence": "0s"})
    synced(workplace)
    (workplace.docs / "guides/two.md").rename(workplace.docs / "guides/zwei.md")

    workplace.sync()

    assert workplace.writes() == [("POST", "guides/zwei.md"), ("DELETE", "guides/two.md")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Guide.md", "guide.md"),
        (unicodedata.normalize("NFC", "café.md"), unicodedata.normalize("NFD", "café.md")),
    ],
    ids=["case", "normalisation"],
)
def test_rename_in_case_or_normalisation_keeps_the_page(
    workplace: Workplace, before: str, after: str
) -> None:
    """One update for the new URL; a link follows, nothing is deleted, and a later edit arrives."""
    workplace.configure(deletions={"confirm": 1, "min_absence": "0s"})
    workplace.write({before: "# A\n\nText.\n", "b.md": f"# B\n\n[A]({after})\n"})
    workplace.sync()
    (page_id,) = (page.id for page in workplace.pages().values() if page.external_id == before)
    workplace.writes()

    (workplace.docs / before).rename(workplace.docs / after)
    if before in os.listdir(workplace.docs):
        pytest.skip("this file system does not tell the two names apart")
    workplace.sync()

    assert set(workplace.writes()) == {("POST", before), ("POST", "b.md")}
    url = workplace.pages()[before].url
    assert url is not None
    assert url.endswith("/" + quote(after.removesuffix(".md")))
    assert url in workplace.pages()["b.md"].html

    with Opened(".md") as opened:
        assert workplace.sync()["unchanged"] == 2
    assert opened == []

    workplace.write({after: "# A\n\nEdited.\n"})
    workplace.sync()

    assert workplace.writes() == [("POST", before)]
    assert workplace.pages()[before].id == page_id


def test_swapped_files_are_two_updates(workplace: Workplace) -> None:
    """Ids stay where the paths are."""
    synced(workplace)
    one, two = workplace.docs / "guides/one.md", workplace.docs / "guides/two.md"
    one.rename(workplace.home / "aside")
    two.rename(one)
    (workplace.home / "aside").rename(two)

    workplace.sync()

    assert sorted(workplace.writes()) == [("POST", "guides/one.md"), ("POST", "guides/two.md")]
    assert workplace.pages()["guides/one.md"].title == "Two"


def test_page_that_returns_after_its_deletion_is_published_again(workplace: Workplace) -> None:
    """A tombstone is no ban."""
    workplace.configure(deletions={"confirm": 1, "min_absence": "0s"})
    synced(workplace)
    workplace.remove("notes.txt")
    workplace.sync()
    workplace.write({"notes.txt": PAGES["notes.txt"]})

    assert workplace.sync()["created"] == 1
    assert workplace.pages()["notes.txt"].ai_agent_availability is True


def flags_of(workplace: Workplace) -> list[set[str]]:
    return [
        set(json.loads(exchange.request.body)) & set(FLAGS)
        for exchange in workplace.exchanges()
        if exchange.request.method == "POST" and "external_pages" in exchange.request.path
    ]


def test_availability_is_sent_on_create_alone(workplace: Workplace) -> None:
    """What a teammate switched off in Intercom stays off."""
    workplace.write(PAGES)
    workplace.sync()
    assert all(flags == {"ai_agent_availability", "ai_copilot_availability"} for flags in flags_of(workplace))
    workplace.write({"notes.txt": "Edited.\n"})

    workplace.sync()

    assert flags_of(workplace) == [set()]


def test_managed_availability_is_sent_with_each_write(workplace: Workplace) -> None:
    """Whoever asks for it gets the flags enforced, and a change of them reaches every page."""
    workplace.configure(availability={"ai_agent": True, "ai_copilot": False, "managed": True})
    synced(workplace)
    workplace.configure(availability={"ai_agent": False, "ai_copilot": False, "managed": True})

    assert workplace.sync()["updated"] == len(PAGES)

    assert all(flags == {"ai_agent_availability", "ai_copilot_availability"} for flags in flags_of(workplace))
    assert not any(page.ai_agent_availability for page in workplace.pages().values())


def test_full_sync_repairs_what_somebody_changed_in_intercom(workplace: Workplace) -> None:
    """An edited page gets its text back, a deleted one comes back with its flags, the rest stays."""
    synced(workplace)
    workspace = workplace.running.workspace
    edited, deleted = workplace.pages()["index.md"], workplace.pages()["notes.txt"]
    workspace.upsert(
        Writing(
            source_id=edited.source_id,
            external_id="index.md",
            title="Vandalised",
            html="<p>Ha.</p>",
            locale="en",
            url=None,
            flags={},
        ),
        now=2.0,
    )
    workspace.delete_page(deleted.id)
    assert workplace.sync()["requests"] == 0

    report = workplace.sync("--full")

    assert sorted(workplace.writes()) == [("POST", "index.md"), ("POST", "notes.txt")]
    assert report["unchanged"] == len(PAGES) - 2
    assert workplace.pages()["index.md"].title == "Start"
    assert workplace.pages()["notes.txt"].ai_agent_availability is True
    workplace.sync("--full")
    assert workplace.writes() == []


def test_p21_plan_tells_what_sync_does_and_writes_nothing(workplace: Workplace) -> None:
    """The operations are those of the request log; the state file stays as it is, byte for byte."""
    workplace.configure(deletions={"confirm": 1, "min_absence": "0s"})
    workplace.write(PAGES)
    assert not workplace.state.exists()
    fresh = workplace.plan()
    assert not workplace.state.exists()
    assert {(one["action"], one["external_id"]) for one in fresh["operations"]} == {
        ("create", name) for name in PAGES
    }
    workplace.sync()
    workplace.write({"index.md": "# Start\n\nEdited.\n", "new.md": "# New\n\nText.\n"})
    workplace.remove("guides/one.md")
    workplace.exchanges()
    before = bytes_of(workplace.home)

    planned = workplace.plan()

    assert bytes_of(workplace.home) == before
    assert workplace.exchanges() == []
    assert planned["operations"] == [
        {"source": "handbook", "action": "update", "external_id": "index.md", "reason": "changed"},
        {"source": "handbook", "action": "create", "external_id": "new.md", "reason": "new"},
        {
            "source": "handbook",
            "action": "delete",
            "external_id": "guides/one.md",
            "reason": "missing from 1 complete listings over 0 s",
        },
    ]
    workplace.sync()
    assert set(workplace.writes()) == {("POST", "index.md"), ("POST", "new.md"), ("DELETE", "guides/one.md")}


def test_plan_of_a_hold_equals_the_sync(workplace: Workplace) -> None:
    """What waits for a person is told as such, by both."""
    workplace.write({f"{number}.md": f"# {number}\n\nText.\n" for number in range(30)})
    workplace.sync()
    workplace.remove(*(f"{number}.md" for number in range(20)))

    done = workplace.run("plan", "--json")

    assert (done.code, done.document["result"], done.source["held"]) == (7, "held", 20)
    assert {one["action"] for one in done.document["operations"]} == {"hold"}
    assert len(done.document["operations"]) == 20
    assert workplace.run("sync", "-n").code == 7
    assert workplace.run("sync").code == 7


def test_every_write_has_one_line_in_the_audit_trail(workplace: Workplace) -> None:
    """Time, run, item, page, hashes, and for a delete the proof."""
    workplace.configure(deletions={"confirm": 2, "min_absence": "0s"})
    synced(workplace)
    workplace.write({"index.md": "# Start\n\nEdited.\n"})
    workplace.remove("notes.txt")
    workplace.sync()
    workplace.sync()
    sent = [
        (one.request.method, external_id_of(one), str(json.loads(one.answer.body)["id"]))
        for one in workplace.running.requests
        if one.request.method in ("POST", "DELETE") and "external_pages" in one.request.path and one.answer
    ]

    lines = [
        line | {"run": run["number"]}
        for run in workplace.run("runs", "--json").document["runs"]
        for line in workplace.run("runs", str(run["number"]), "--json").document["outcomes"]
    ]

    written = [line for line in lines if line["action"] in ("create", "update", "delete")]
    told = [
        ("DELETE" if line["action"] == "delete" else "POST", line["external_id"], line["page_id"])
        for line in written
    ]
    assert sorted(told) == sorted(sent)
    for line in written:
        assert (line["hash_before"] is None) == (line["action"] == "create")
        assert (line["hash_after"] is None) == (line["action"] == "delete")
        assert (line["evidence"] is not None) == (line["action"] == "delete")
    (delete,) = (line for line in written if line["action"] == "delete")
    assert delete["evidence"].startswith("missing from 2 complete listings over ")
    (update,) = (line for line in written if line["action"] == "update")
    (create,) = (line for line in written if line["external_id"] == "index.md" and line["action"] == "create")
    assert update["hash_before"] == create["hash_after"] != update["hash_after"]


def test_json_document(workplace: Workplace) -> None:
    """Keys that programs rely on; exactly one document on stdout, and nothing else."""
    workplace.write(PAGES)

    done = workplace.process("sync", "--json")

    assert done.err == ""
    assert set(done.document) == {"schema", "result", "sources"}
    assert (done.document["schema"], done.document["result"]) == (1, "ok")
    promised = {
        "name", "result", "error", "listed", "created", "updated", "unchanged", "deleted", "held", "failed",
        "requests", "seconds",
    }  # fmt: skip
    assert promised <= set(done.source)
    assert {name: done.source[name] for name in promised - {"seconds", "requests"}} == {
        "name": "handbook",
        "result": "ok",
        "error": None,
        "listed": 5,
        "created": 5,
        "updated": 0,
        "unchanged": 0,
        "deleted": 0,
        "held": 0,
        "failed": 0,
    }
    assert done.source["requests"] == len(workplace.running.requests)
    assert set(workplace.plan()) == {"schema", "result", "sources", "operations"}
    status = workplace.run("status", "--json")
    assert {"result", "live", "held", "quarantined", "last_complete", "next_run"} <= set(status.source)
    assert (status.source["live"], status.source["result"]) == (5, "ok")


def test_poisoned_page_among_many(workplace: Workplace) -> None:
    """The others are synced; the next run sends nothing again, and tries the page only when it changed."""
    workplace.write({f"{number:02}.md": f"# {number}\n\nText.\n" for number in range(40)})
    workplace.running.faults.put(["422:POST:id=17.md"])

    done = workplace.run("sync", "--json")
    assert (done.code, done.source["created"], done.source["failed"]) == (3, 39, 1)
    (failed,) = done.source["failures"]
    assert failed["external_id"] == "17.md"
    assert "422" in failed["error"]
    workplace.exchanges()

    again = workplace.run("sync", "--json")
    assert (again.code, again.source["failed"], workplace.exchanges()) == (3, 1, [])
    status = workplace.run("status", "--json")
    assert (status.code, status.source["quarantined"]) == (3, 1)
    assert "17.md" in workplace.run("pages", "--state", "quarantined").out

    workplace.running.faults.clear()
    workplace.write({"17.md": "# 17\n\nMended.\n"})
    assert workplace.sync()["created"] == 1
    assert workplace.writes() == [("POST", "17.md")]
    assert workplace.run("status").code == 0


def test_token_shows_up_nowhere(workplace: Workplace) -> None:
    """Not in output, log or state, when all goes well and when it does not."""
    workplace.write({**PAGES, "bad.md": b"\xff\xfe\xfd"})
    outputs = [
        workplace.process(*arguments, env={"SYNCD_LOG": "debug", "SYNCD_DEBUG": "1"})
        for arguments in (
            ("sync",),
            ("sync", "--full", "--json"),
            ("check",),
            ("status",),
            ("config", "show"),
            ("import-sources",),
            ("pages",),
            ("plan",),
        )
    ]
    workplace.running.faults.put(["503"])
    outputs.append(workplace.process("check"))
    workplace.running.faults.put(["garbage"])
    outputs.append(workplace.process("sync", "--full"))

    for done in outputs:
        assert TOKEN not in done.out + done.err
    for path in workplace.home.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path


def test_state_is_private(workplace: Workplace) -> None:
    """The state names private pages: only its owner reads it."""
    synced(workplace)

    assert workplace.state.stat().st_mode & 0o077 == 0


def test_lost_state_doubles_nothing(workplace: Workplace) -> None:
    """A new state meets the pages of the old one and takes them over."""
    synced(workplace)
    before = {name: asdict(page)["id"] for name, page in workplace.pages().items()}
    for path in workplace.home.glob("syncd.db*"):
        path.unlink()

    workplace.sync()

    assert {name: page.id for name, page in workplace.pages().items()} == before
    assert len(workplace.running.workspace.sources) == 1


def test_killed_reader_of_the_state_harms_nothing(workplace: Workplace) -> None:
    """Somebody looks at the state with other tools while a sync runs."""
    synced(workplace)
    with sqlite3.connect(workplace.state) as other:
        other.execute("begin")
        other.execute("select count(*) from records").fetchone()
        workplace.write({"index.md": "# Start\n\nEdited.\n"})

        assert workplace.sync()["updated"] == 1
    other.close()


def test_new_times_alone_render_and_send_nothing(workplace: Workplace) -> None:
    """After a fresh clone every file is new, and nothing is: it is read once, and known by its hash."""
    workplace.write({"a.md": "# A\n\nSee [b](b.md).\n", "b.md": "# B\n\nText.\n"})
    workplace.sync()
    versions = {row["external_id"]: row["version"] for row in shown(workplace)}
    workplace.writes()

    for name in ("a.md", "b.md"):
        copy = workplace.docs / f"{name}.copy"
        copy.write_bytes((workplace.docs / name).read_bytes())
        copy.replace(workplace.docs / name)
    done = workplace.sync()

    assert (done["unchanged"], done["requests"]) == (2, 0)
    assert not {row["version"] for row in shown(workplace)} & set(versions.values())

    # The links that were not looked at are still known, and an edit is still seen.
    workplace.remove("b.md")
    workplace.sync()
    workplace.sync()
    assert workplace.writes() == [("POST", "a.md"), ("DELETE", "b.md")]
    workplace.write({"a.md": "# A\n\nMore.\n"})
    assert workplace.sync()["updated"] == 1


def shown(workplace: Workplace) -> list[dict[str, str]]:
    rows = workplace.run("pages", "--json").document["pages"]
    assert isinstance(rows, list)
    return rows
