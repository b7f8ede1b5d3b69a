"""What becomes of a page whose request got no answer, that is refused, or that cannot be read."""

from __future__ import annotations

from tests.conftest import Workplace

PAGES = {"a.md": "# A\n\nOne.\n", "b.md": "# B\n\nTwo.\n", "c.md": "# C\n\nThree.\n"}
NOT_TEXT = b"# B\n\n\xff\xfe\n"


def test_page_in_doubt_is_not_forgotten_when_its_file_breaks(workplace: Workplace) -> None:
    """Intercom applied an update without an answer; the next version is broken; the one after is the old one.

    What was acknowledged last is then not what Intercom shows.
    """
    workplace.write(PAGES)
    workplace.sync()
    workplace.write({"b.md": "# B\n\nTwo and a half.\n"})
    workplace.running.faults.put(["garbage-after:POST:id=b.md"])
    assert workplace.sync()["result"] == "partial"
    workplace.running.faults.clear()
    assert workplace.pages()["b.md"].html == "<p>Two and a half.</p>"
    workplace.write({"b.md": NOT_TEXT})
    assert workplace.sync()["result"] == "partial"

    workplace.write({"b.md": PAGES["b.md"]})

    assert workplace.sync()["result"] == "ok"
    assert workplace.pages()["b.md"].html == "<p>Two.</p>"


def test_page_in_doubt_leaves_no_orphan_when_its_file_breaks_and_goes(workplace: Workplace) -> None:
    """A create that was applied without an answer has to be found again, whatever happens to the file."""
    workplace.write({"a.md": PAGES["a.md"], "c.md": PAGES["c.md"]})
    workplace.sync()
    workplace.write({"b.md": PAGES["b.md"]})
    workplace.running.faults.put(["garbage-after:POST:id=b.md"])
    workplace.sync()
    workplace.running.faults.clear()
    workplace.write({"b.md": NOT_TEXT})
    workplace.sync()
    workplace.remove("b.md")

    workplace.sync()
    workplace.sync()

    assert sorted(workplace.pages()) == ["a.md", "c.md"]


def test_page_in_doubt_leaves_no_orphan_when_its_file_is_emptied(workplace: Workplace) -> None:
    """An empty file is left out in silence only if nothing can be published for it."""
    workplace.write({"a.md": PAGES["a.md"], "c.md": PAGES["c.md"]})
    workplace.sync()
    workplace.write({"b.md": PAGES["b.md"]})
    workplace.running.faults.put(["garbage-after:POST:id=b.md"])
    workplace.sync()
    workplace.running.faults.clear()
    workplace.write({"b.md": ""})

    assert workplace.sync()["failed"] == 1
    workplace.remove("b.md")
    workplace.sync()
    workplace.sync()

    assert sorted(workplace.pages()) == ["a.md", "c.md"]
