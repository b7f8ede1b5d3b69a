"""A page that takes text from other files is what they make of it together, and follows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Opened, Workplace
from tests.connectors.git.origins import Origin

PAGES = {
    "mkdocs.yml": "site_name: x\n",
    "a.md": '# A\n\n--8<-- "_parts/one.md"\n',
    "b.md": "# B\n\nNo snippet.\n",
    "_parts/one.md": '---\nowner: nobody\n---\nFirst words.\n\n--8<-- "_parts/two.md"\n',
    "_parts/two.md": "Second words.\n",
}
CHAIN = {**PAGES, "c.md": '# C\n\n--8<-- "_parts/two.md"\n'}


def configured(workplace: Workplace) -> None:
    workplace.configure(exclude=["_parts/"])


def warnings(workplace: Workplace) -> list[str]:
    left_out = workplace.run("pages", "--skipped", "--json").document["skipped"]
    return [one["reason"] for one in left_out if one["state"] == "warning"]


def test_files_that_are_no_pages_are_put_in_without_their_front_matter(workplace: Workplace) -> None:
    """The reader of a page sees all of its text, and nobody sees a partial as a page of its own."""
    configured(workplace)
    workplace.write(PAGES)

    workplace.sync()

    assert set(workplace.pages()) == {"a.md", "b.md"}
    html = workplace.pages()["a.md"].html
    assert "<p>First words.</p>\n<p>Second words.</p>" in html
    assert "nobody" not in html


@pytest.mark.parametrize(
    ("edited", "sent"), [("_parts/one.md", ["a.md"]), ("_parts/two.md", ["a.md", "c.md"])]
)
def test_edit_of_an_included_file_sends_exactly_the_pages_that_include_it(
    workplace: Workplace, edited: str, sent: list[str]
) -> None:
    """Whether directly or by another file."""
    configured(workplace)
    workplace.write(CHAIN)
    workplace.sync()
    workplace.writes()
    workplace.write({edited: CHAIN[edited].replace("words", "other words")})

    report = workplace.sync()

    assert sorted(workplace.writes()) == [("POST", name) for name in sent]
    assert report["unchanged"] == 3 - len(sent)


def test_run_without_a_change_opens_no_included_file(workplace: Workplace) -> None:
    """Their size and time are enough to know that they are as they were."""
    configured(workplace)
    workplace.write(CHAIN)
    workplace.sync()
    workplace.sync()
    workplace.writes()

    with Opened(".md", ".yml") as opened:
        assert workplace.sync()["unchanged"] == 3

    assert opened == []
    assert workplace.writes() == []


def test_missing_file_is_told_and_put_in_once_it_appears(workplace: Workplace) -> None:
    """A page is never shorter than its document in silence."""
    configured(workplace)
    workplace.write({name: text for name, text in CHAIN.items() if name != "_parts/two.md"})
    workplace.sync()
    told = warnings(workplace)
    workplace.writes()

    workplace.write({"_parts/two.md": PAGES["_parts/two.md"]})
    workplace.sync()

    assert len(told) == 2
    assert all("snippet '_parts/two.md' was left out" in one for one in told)
    assert "8<" not in workplace.pages()["a.md"].html
    assert sorted(workplace.writes()) == [("POST", "a.md"), ("POST", "c.md")]
    assert warnings(workplace) == []


def test_page_that_is_nothing_but_a_missing_file_comes_with_the_file(workplace: Workplace) -> None:
    """It was left out as empty, and its own file does not change when the other one appears."""
    configured(workplace)
    workplace.write({"mkdocs.yml": "", "a.md": '--8<-- "_parts/one.md"\n'})
    assert workplace.sync()["skipped"] == 1

    workplace.write({"_parts/one.md": "Words.\n"})

    assert workplace.sync()["created"] == 1


@pytest.mark.parametrize("name", [".env", ".git/config", "key.pem", "../outside.md", "_parts/link.md"])
def test_what_must_not_leave_is_not_put_in(workplace: Workplace, name: str) -> None:
    """A page can ask for any file; credentials, links and what lies outside of the root never come."""
    configured(workplace)
    (workplace.home / "outside.md").write_text("Sesame.\n", encoding="utf-8")
    workplace.write({"mkdocs.yml": "", "a.md": f'# A\n\nText.\n\n--8<-- "{name}"\n', "_parts/x.md": "x\n"})
    if name == "_parts/link.md":
        (workplace.docs / name).symlink_to(workplace.home / "outside.md")
    elif not name.startswith(".."):
        workplace.write({name: "Sesame.\n"})

    workplace.sync()

    assert "Sesame" not in workplace.pages()["a.md"].html
    assert len(warnings(workplace)) == 1


def test_note_is_embedded_by_its_name_and_followed_to_another_folder(workplace: Workplace) -> None:
    """Obsidian finds a note wherever it lies; what it says counts, and not where."""
    workplace.configure(rendering={"dialect": "obsidian"})
    workplace.write(
        {"a.md": "![[Note#Two]]\n\nEnd.\n", "deep/Note.md": "# One\n\n1\n\n# Two\n\n2\n\n# Three\n\n3\n"}
    )
    workplace.sync()
    html = workplace.pages()["a.md"].html
    workplace.writes()

    workplace.write({"deep/Note.md": "# One\n\n1\n\n# Two\n\nzwei\n"})
    workplace.sync()

    assert "<p>2</p>" in html
    assert "<p>3</p>" not in html
    assert sorted(workplace.writes()) == [("POST", "a.md"), ("POST", "deep/Note.md")]
    assert "zwei" in workplace.pages()["a.md"].html


def test_configuration_of_the_generator_is_followed(workplace: Workplace) -> None:
    """Where it moves every page, every page is sent again; until then it is not opened."""
    workplace.configure(page_url="https://docs.example.com/{address}")
    collection = "collections:\n  guides:\n    permalink: /{}/:path/\n"
    workplace.write({"_config.yml": collection.format("one"), "_guides/a.md": "# A\n\nText.\n"})
    workplace.sync()
    assert workplace.pages()["_guides/a.md"].url == "https://docs.example.com/one/a/"
    workplace.sync()
    with Opened(".yml") as opened:
        workplace.sync()
    assert [name for name in opened if name.endswith("_config.yml")] == []

    workplace.write({"_config.yml": collection.format("two")})
    workplace.sync()

    assert workplace.pages()["_guides/a.md"].url == "https://docs.example.com/two/a/"


def _git(workplace: Workplace, origin: Origin, **settings: Any) -> None:
    given = {"url": str(origin.folder), "allow_local": True, "root": "src", **settings}
    workplace.settings.pop("root")
    workplace.configure(connector="git", **given)


def test_file_above_the_root_of_a_repository_is_included_and_followed(
    workplace: Workplace, tmp_path: Path
) -> None:
    """The root's own tree is as it was when such a file changes, and ends no run then."""
    origin = Origin(tmp_path / "origin.git")
    files = {
        "book.toml": "[book]\n",
        "src/a.md": "# A\n\n```rust\n{{#rustdoc_include ../listings/one.rs:here}}\n```\n",
        "src/b.md": "# B\n\nText.\n",
        "listings/one.rs": "fn unseen() {}\n// ANCHOR: here\nfn one() {}\n// ANCHOR_END: here\n",
    }
    origin.commit(files)
    _git(workplace, origin)
    workplace.sync()
    html = workplace.pages()["a.md"].html
    workplace.sync()
    workplace.writes()

    origin.commit({**files, "listings/one.rs": files["listings/one.rs"].replace("one()", "two()")})
    workplace.sync()

    assert "fn one() {}" in html
    assert "unseen" not in html
    assert workplace.writes() == [("POST", "a.md")]
    assert "fn two() {}" in workplace.pages()["a.md"].html
    assert workplace.sync()["unchanged"] == 2
    assert workplace.writes() == []
