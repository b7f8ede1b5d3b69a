"""Documents that say themselves that they are not to be published, and documents without text."""

from __future__ import annotations

from tests.conftest import Workplace

DRAFT = "---\ndraft: true\n---\n\n# Plans\n\nNot yet.\n"
READY = "# Plans\n\nReady.\n"


def test_draft_is_left_out(workplace: Workplace) -> None:
    """It never was published: that is no failure, and it is looked at once."""
    workplace.write({"a.md": "# A\n\nText.\n", "plans.md": DRAFT})

    first = workplace.sync()
    assert (first["result"], first["created"], first["skipped"], first["failed"]) == ("ok", 1, 1, 0)
    assert workplace.sync()["skipped"] == 1

    shown = workplace.run("pages", "--skipped", "--json").document["skipped"]
    assert [(row["external_id"], row["state"]) for row in shown] == [("plans.md", "skipped")]


def test_page_that_becomes_a_draft_goes_at_once(workplace: Workplace) -> None:
    """Its own word is evidence enough; when it is ready again it comes back."""
    workplace.write({"a.md": "# A\n\nText.\n", "plans.md": READY})
    workplace.sync()
    workplace.writes()

    workplace.write({"plans.md": DRAFT})
    told = workplace.plan()["operations"]
    done = workplace.sync()

    assert [(row["action"], row["external_id"]) for row in told] == [("delete", "plans.md")]
    assert (done["result"], done["deleted"], done["failed"]) == ("ok", 1, 0)
    assert workplace.writes() == [("DELETE", "plans.md")]
    assert workplace.sync()["requests"] == 0

    workplace.write({"plans.md": READY})
    assert workplace.sync()["created"] == 1
    assert set(workplace.pages()) == {"a.md", "plans.md"}


def test_many_pages_that_become_drafts_wait_for_a_person(workplace: Workplace) -> None:
    """The budget holds for them too, and an approval lets them go."""
    pages = {f"page-{number:02}.md": READY.replace("Ready", f"Ready {number}") for number in range(40)}
    workplace.write(pages)
    workplace.sync()
    workplace.writes()

    workplace.write(dict.fromkeys(list(pages)[:20], DRAFT))
    held = workplace.sync()

    assert (held["result"], held["held"], held["deleted"]) == ("held", 20, 0)
    assert workplace.writes() == []
    assert workplace.run("approve", "handbook", "--deletes", "20").code == 0
    assert workplace.sync()["deleted"] == 20
    assert workplace.sync()["result"] == "ok"


def test_empty_page_that_never_was_published_is_no_failure(workplace: Workplace) -> None:
    """A stub is left out, with its reason, and published once it has text."""
    workplace.write({"a.md": "# A\n\nText.\n", "stub.md": "---\ntitle: Later\n---\n"})
    assert workplace.sync()["result"] == "ok"

    workplace.write({"stub.md": "Now.\n"})

    assert workplace.sync()["created"] == 1


def test_page_that_becomes_empty_keeps_what_was_published(workplace: Workplace) -> None:
    """A blank file is more often an accident than a decision, so it is loud and changes nothing."""
    workplace.write({"a.md": "# A\n\nText.\n"})
    workplace.sync()
    html = workplace.pages()["a.md"].html

    workplace.write({"a.md": ""})
    done = workplace.sync()

    assert (done["result"], done["failed"], done["deleted"]) == ("partial", 1, 0)
    assert workplace.pages()["a.md"].html == html


def test_what_the_renderer_warns_of_stays_visible(workplace: Workplace) -> None:
    """A page that lacks a part is published, and says so until it is mended; so are links without target."""
    workplace.configure(rendering={"dialect": "mdbook"})
    workplace.write({"a.md": "# A\n\n{{#include missing.md}}\n\n[b](nowhere.md) and text.\n"})

    done = workplace.sync()
    assert done["result"] == "ok"
    assert "1 page(s) came with warnings: syncd pages --skipped" in done["notices"]
    assert "1 link(s) to no page of the source were published as text" in done["notices"]

    def told() -> list[tuple[str, str]]:
        rows = workplace.run("pages", "--skipped", "--json").document["skipped"]
        return [(row["external_id"], row["state"]) for row in rows]

    assert told() == [("a.md", "warning")]
    workplace.sync()
    assert told() == [("a.md", "warning")]

    workplace.write({"a.md": "# A\n\nText.\n"})
    workplace.sync()
    assert told() == []
