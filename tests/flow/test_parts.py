"""Long pages travel in parts: they grow, shrink, change and go as one page."""

from __future__ import annotations

import pytest

from tests.conftest import URL, Workplace
from tests.connectors.confluence_export.builders import HtmlPage, html_files, write_zip


def section(name: str, words: str = "word", count: int = 160) -> str:
    return f"## {name}\n\n{(words + ' ') * count}\n\n"


LONG = "# Guide\n\nWelcome.\n\n" + section("One") + section("Two") + section("Three")
PARTS = {"guide.md", "guide.md#two", "guide.md#three"}


@pytest.fixture
def place(workplace: Workplace) -> Workplace:
    workplace.configure(rendering={"split_above": "1kB"}, deletions={"confirm": 1, "min_absence": "0s"})
    return workplace


def published(place: Workplace, files: dict[str, str]) -> None:
    place.write(files)
    assert place.sync()["result"] == "ok"
    place.writes()


def quiet(place: Workplace) -> None:
    """One more run sends nothing and asks for nothing."""
    place.exchanges()
    again = place.sync()
    assert (again["result"], again["requests"]) == ("ok", 0)
    assert again["unchanged"] == again["listed"]


def test_long_page_is_sent_in_parts_that_link_to_their_sections(place: Workplace) -> None:
    """Each begins with its heading, and its title says where it stands; the item counts once."""
    place.write({"guide.md": LONG, "b.md": "# B\n\n[two](guide.md#two) and [one](guide.md)\n"})

    done = place.sync()

    assert (done["listed"], done["created"], done["failed"]) == (2, 4, 0)
    pages = place.pages()
    assert set(pages) == PARTS | {"b.md"}
    head, two = pages["guide.md"], pages["guide.md#two"]
    assert (head.title, head.url) == ("Guide", f"{URL}/guide")
    assert (two.title, two.url) == ("Guide \u203a Two", f"{URL}/guide#two")
    assert head.html.startswith("<p>Welcome.</p>")
    assert two.html.startswith('<h2 id="two">Two</h2>')
    assert f'<a href="{URL}/guide#two">' in pages["b.md"].html
    assert (two.ai_agent_availability, two.ai_copilot_availability) == (True, True)
    quiet(place)


def test_edit_sends_only_its_part(place: Workplace) -> None:
    """The head is recorded, and not sent again."""
    published(place, {"guide.md": LONG})

    place.write({"guide.md": LONG.replace(section("Two"), section("Two", "edit"))})
    told = place.plan()["operations"]
    done = place.sync()

    assert [(row["action"], row["external_id"], row["reason"]) for row in told] == [
        ("update", "guide.md#two", "changed")
    ]
    assert (done["updated"], done["unchanged"]) == (1, 0)
    assert place.writes() == [("POST", "guide.md#two")]
    quiet(place)


def test_page_that_grows_gets_parts_and_loses_them_when_it_shrinks(place: Workplace) -> None:
    """New parts are there before the page gives up their text, and go after it has it back."""
    published(place, {"guide.md": "# Guide\n\nWelcome.\n\n" + section("One")})

    place.write({"guide.md": LONG})
    grown = place.sync()
    assert (grown["created"], grown["updated"]) == (2, 0)
    assert set(place.pages()) == PARTS
    quiet(place)

    place.write({"guide.md": "# Guide\n\nWelcome.\n\n## One\n\nShort.\n\n## Two\n\nShort.\n"})
    told = {(row["action"], row["external_id"]) for row in place.plan()["operations"]}
    place.writes()
    shrunk = place.sync()
    assert (shrunk["updated"], shrunk["deleted"]) == (1, 2)
    writes = place.writes()
    assert writes[0] == ("POST", "guide.md")
    assert set(writes[1:]) == {("DELETE", "guide.md#two"), ("DELETE", "guide.md#three")}
    assert told == {
        ("update", "guide.md"),
        ("delete", "guide.md#two"),
        ("delete", "guide.md#three"),
    }
    quiet(place)


def test_section_that_is_deleted_or_renamed_goes_with_its_part(place: Workplace) -> None:
    """Its evidence is in the audit trail; a renamed section is another part."""
    published(place, {"guide.md": LONG})

    place.write({"guide.md": LONG.replace("## Three", "## Four")})
    done = place.sync()

    assert (done["created"], done["deleted"]) == (1, 1)
    assert place.writes() == [("POST", "guide.md#four"), ("DELETE", "guide.md#three")]
    quiet(place)

    place.write({"guide.md": LONG.replace(section("Three"), "")})
    assert place.sync()["deleted"] == 1
    assert set(place.pages()) == {"guide.md", "guide.md#two"}
    quiet(place)


def test_file_that_is_deleted_takes_its_parts_along(place: Workplace) -> None:
    """They share its evidence, and count in the budget."""
    published(place, {"guide.md": LONG, **{f"{name}.md": "# A\n\nText.\n" for name in "abc"}})

    place.remove("guide.md")
    done = place.sync()

    assert (done["result"], done["deleted"]) == ("ok", 3)
    assert place.writes()[0] == ("DELETE", "guide.md")
    assert set(place.pages()) == {"a.md", "b.md", "c.md"}
    quiet(place)


def test_parts_of_a_missing_page_wait_as_long_as_it_does(place: Workplace) -> None:
    """A page that comes back unchanged has all its parts, and nothing is sent."""
    place.configure(deletions={"confirm": 3, "min_absence": "0s"})
    published(place, {"guide.md": LONG, "a.md": "# A\n\nText.\n"})

    (place.docs / "guide.md").rename(place.home / "away.md")
    assert (place.sync()["missing"], place.sync()["missing"]) == (3, 3)
    (place.home / "away.md").rename(place.docs / "guide.md")

    assert place.sync()["deleted"] == 0
    assert [write for write in place.writes() if write[0] == "DELETE"] == []
    assert set(place.pages()) == PARTS | {"a.md"}


def test_page_that_becomes_a_draft_goes_with_its_parts(place: Workplace) -> None:
    """Its own word is for all of it."""
    published(place, {"guide.md": LONG, "a.md": "# A\n\nText.\n"})

    place.write({"guide.md": "---\ndraft: true\n---\n" + LONG})

    assert place.sync()["deleted"] == 3
    assert set(place.pages()) == {"a.md"}


def test_many_parts_that_vanish_wait_for_a_person(place: Workplace) -> None:
    """A page that loses most of itself looks like an accident; the hold stays until somebody decides."""
    text = "# Guide\n\n" + "".join(section(f"Section {number}") for number in range(30))
    published(place, {"guide.md": text})
    assert len(place.pages()) == 30

    place.write({"guide.md": "# Guide\n\n" + section("Section 0")})
    held = place.sync()
    assert (held["result"], held["held"], held["deleted"]) == ("held", 29, 0)
    assert place.sync()["held"] == 29
    assert [write for write in place.writes() if write[0] == "DELETE"] == []

    assert place.run("approve", "handbook", "--deletes", "29").code == 0
    assert place.sync()["deleted"] == 29
    assert set(place.pages()) == {"guide.md"}
    quiet(place)


def test_parts_that_come_back_while_they_are_held_stay(place: Workplace) -> None:
    """What is deleted is decided after all pages were looked at."""
    text = "# Guide\n\n" + "".join(section(f"Section {number}") for number in range(30))
    published(place, {"guide.md": text})
    place.write({"guide.md": "# Guide\n\n" + section("Section 0")})
    assert place.sync()["held"] == 29

    place.write({"guide.md": text})
    done = place.sync()

    assert (done["result"], done["deleted"]) == ("ok", 0)
    assert len(place.pages()) == 30
    quiet(place)


def test_file_with_the_id_of_a_part_is_refused(place: Workplace) -> None:
    """Whichever is there first keeps its page, and the other one is told of."""
    published(place, {"guide.md": LONG})

    place.configure(include=["**/*"])
    place.write({"guide.md#two": "# Another\n\nText.\n"})
    done = place.sync()

    if done["listed"] == 1:
        pytest.skip("files without an extension are no pages here")
    assert done["result"] == "partial"
    assert "a part of the long page 'guide.md' has it already" in str(done["failures"])
    assert place.writes() == []


def test_setting_that_turns_splitting_off_makes_pages_whole(place: Workplace) -> None:
    """The text is in the page before its parts go."""
    published(place, {"guide.md": LONG})

    place.configure(rendering={"split_above": "off"})
    done = place.sync()

    assert (done["updated"], done["deleted"]) == (1, 2)
    assert set(place.pages()) == {"guide.md"}
    assert "Three" in place.pages()["guide.md"].html
    quiet(place)


def test_touched_file_is_not_rendered(place: Workplace) -> None:
    """The document's own hash tells that all its parts are as they were."""
    published(place, {"guide.md": LONG})

    place.write({"guide.md": LONG})
    done = place.sync()

    assert (done["unchanged"], done["requests"]) == (1, 0)
    assert set(place.pages()) == PARTS


def test_part_that_is_refused_parks_the_page(place: Workplace) -> None:
    """What was sent of it stays, the head is as it was, and the next version is tried as a whole."""
    published(place, {"guide.md": "# Guide\n\nWelcome.\n"})
    place.running.faults.put(["422:POST:pages:2"])
    place.write({"guide.md": LONG})
    done = place.sync()

    assert (done["result"], done["created"], done["failed"]) == ("partial", 1, 1)
    assert "a part of it was refused" in str(done["failures"])
    place.running.faults.clear()
    assert place.sync()["failed"] == 1

    place.write({"guide.md": LONG.replace("Welcome", "Hello")})
    assert place.sync()["result"] == "ok"
    assert set(place.pages()) == PARTS
    quiet(place)


def test_lost_state_takes_the_parts_over(place: Workplace) -> None:
    """What is there as it should be is not sent again."""
    published(place, {"guide.md": LONG})
    place.state.unlink()

    done = place.sync()

    assert (done["result"], done["created"], done["updated"], done["deleted"]) == ("ok", 0, 0, 0)
    assert place.writes() == []
    quiet(place)


def test_full_run_repairs_a_part(place: Workplace) -> None:
    """A part that somebody removed in Intercom is made anew; the others are not sent."""
    published(place, {"guide.md": LONG})
    place.running.workspace.delete_page(place.pages()["guide.md#two"].id)

    place.sync("--full")

    assert {write for write in place.writes() if write[0] == "POST"} == {("POST", "guide.md#two")}
    assert set(place.pages()) == PARTS
    quiet(place)


def test_takedown_takes_all_parts(place: Workplace) -> None:
    """Whichever part is named, the whole page goes, and comes back as a whole."""
    published(place, {"guide.md": LONG, "a.md": "# A\n\nText.\n"})

    done = place.run("takedown", "guide.md#two", "--why", "leaked")

    assert done.code == 0, done
    assert set(place.pages()) == {"a.md"}
    place.sync()
    assert set(place.pages()) == {"a.md"}
    assert place.run("restore", "guide.md").code == 0
    place.sync()
    assert set(place.pages()) == PARTS | {"a.md"}


def _export(place: Workplace, **sections: str) -> None:
    """A space whose long page has these sections, and another page that links to one of them."""
    body = "".join(
        f'<h2 id="Guide-{name}">{name}</h2><p>{f"{word} " * 160}</p>' for name, word in sections.items()
    )
    other = HtmlPage(id="8", title="Other", body='<p><a href="Guide_7.html#Guide-Two">two</a></p>')
    guide = HtmlPage(id="7", title="Guide", body=f"<p>Welcome.</p>{body}")
    write_zip(place.home / "export.zip", html_files([guide, other]))


def test_long_page_of_a_confluence_export_travels_in_parts(place: Workplace) -> None:
    """They are called after the page's id and its headings; an edit or a lost section is one request."""
    del place.settings["root"]
    place.configure(connector="confluence_export", path="export.zip")
    _export(place, One="a", Two="b", Three="c")
    assert place.sync()["created"] == 4
    pages = place.pages()
    assert set(pages) == {"7", "7#two", "7#three", "8"}
    assert pages["7#two"].title == "Guide \u203a Two"
    assert f'<a href="{pages["7#two"].url}">' in pages["8"].html
    quiet(place)

    _export(place, One="a", Two="edited", Three="c")
    place.sync()
    assert place.writes() == [("POST", "7#two")]
    _export(place, One="a", Two="edited")
    place.sync()
    assert place.writes() == [("DELETE", "7#three")]
    quiet(place)
