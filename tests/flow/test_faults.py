"""An Intercom that fails, several sources, and the exit code that tells of it all."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.conftest import URL, Workplace

PAGES = {f"page-{number:02}.md": f"# Page {number}\n\nText {number}.\n" for number in range(30)}


@pytest.mark.parametrize("fault", ["garbage-after:POST:pages:every=5", "422:POST:pages:every=7"])
def test_passing_faults_cost_only_their_own_pages(workplace: Workplace, fault: str) -> None:
    """The others arrive, and once all is well again, so do they."""
    workplace.write(PAGES)
    workplace.running.faults.put([fault])
    first = workplace.sync()
    assert first["created"] + first["failed"] == 30
    assert 0 < first["failed"] < 10
    workplace.running.faults.clear()
    for name in PAGES:
        (workplace.docs / name).write_text(PAGES[name] + "\nEdited.\n", encoding="utf-8")

    assert workplace.sync()["result"] == "ok"
    assert len(workplace.pages()) == 30
    assert all("Edited." in page.html for page in workplace.pages().values())


def test_credential_that_is_refused_in_the_middle_stops_the_source(workplace: Workplace) -> None:
    """What was sent is remembered; nothing more is tried with this token."""
    workplace.write(PAGES)
    workplace.intercom["concurrency"] = 8
    workplace.configure()
    workplace.running.faults.put(["401:POST:pages:10-999"])

    done = workplace.run("sync", "--json")

    assert (done.code, done.source["result"]) == (5, "failed")
    assert len(workplace.writes()) <= 9 + 8
    workplace.running.faults.clear()
    created = len(workplace.pages())
    assert workplace.sync()["created"] == 30 - done.source["created"]
    assert 9 <= created < 30
    assert len(workplace.pages()) == 30


def test_import_source_that_vanished_is_not_made_anew(workplace: Workplace) -> None:
    """Whoever deleted it had a reason; a person has to say what is next."""
    workplace.write(PAGES)
    workplace.sync()
    (source,) = workplace.running.workspace.sources
    workplace.running.workspace.delete_source(source.id)
    workplace.write({"page-00.md": "# Page\n\nEdited.\n"})

    done = workplace.run("sync")

    assert done.code == 6
    assert f"import source {source.id}" in done.out
    assert workplace.running.workspace.sources == []
    assert workplace.running.workspace.pages == []


def test_intercom_that_cannot_be_reached(workplace: Workplace) -> None:
    """The message names the place, and the next run goes on."""
    workplace.write(PAGES)
    url = workplace.intercom["base_url"]
    workplace.intercom["base_url"] = "http://127.0.0.1:9"
    workplace.configure()

    done = workplace.run("sync")

    assert done.code == 6
    assert "127.0.0.1:9" in done.out or "Intercom" in done.out
    assert len([line for line in done.out.splitlines() if line.strip()]) <= 4
    workplace.intercom["base_url"] = url
    workplace.configure()
    assert workplace.sync()["created"] == 30


def test_one_source_in_trouble_does_not_stop_the_other(workplace: Workplace) -> None:
    """Each ends by itself; the exit code is the gravest of theirs."""
    second = workplace.home / "more"
    second.mkdir()
    (second / "a.md").write_text("# A\n\nText.\n", encoding="utf-8")
    settings = workplace.settings | {"name": "more", "root": "more", "import_source": {"url": f"{URL}.au"}}
    configuration = {"intercom": workplace.intercom, "sources": [workplace.settings, settings]}
    workplace.config.write_text(json.dumps(configuration), encoding="utf-8")
    workplace.write({**PAGES, "bad.md": b"\xff"})
    first = workplace.run("sync", "--json")
    assert (first.code, first.document["result"]) == (3, "partial")
    assert [source["result"] for source in first.document["sources"]] == ["partial", "ok"]

    shutil.rmtree(second)
    gone = workplace.run("sync", "--json")
    assert (gone.code, gone.document["result"]) == (6, "failed")
    assert [source["result"] for source in gone.document["sources"]] == ["partial", "failed"]

    workplace.remove(*list(PAGES)[:20])
    held = workplace.run("sync", "--json")
    assert (held.code, held.document["result"]) == (6, "failed")
    assert [source["result"] for source in held.document["sources"]] == ["held", "failed"]
    assert workplace.run("sync", "handbook").code == 7
    assert workplace.run("sync", "more").code == 6


def test_page_that_loses_its_text_keeps_its_last_version(workplace: Workplace) -> None:
    """A file that was emptied by accident takes nothing away from Fin, and somebody is told."""
    workplace.write(PAGES)
    workplace.sync()
    workplace.writes()
    workplace.write({"page-00.md": "", "page-01.md": "<!-- only a comment -->\n"})

    done = workplace.run("sync")

    assert done.code == 3
    assert "page-00.md" in done.out
    assert workplace.writes() == []
    assert workplace.pages()["page-00.md"].html == "<p>Text 0.</p>"
