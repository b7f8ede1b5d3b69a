"""Links between pages lead where the pages are, and move only when the pages do."""

from __future__ import annotations

from tests.conftest import URL, Workplace

PAGES = {
    "a.md": "# A\n\nSee [B](b.md) and [C](guides/c.md#how).\n",
    "b.md": "# B\n\nTwo.\n",
    "guides/c.md": "# C\n\n## How\n\nBack to [A](../a.md).\n",
    "d.md": "# D\n\nNo links.\n",
}


def settle(workplace: Workplace) -> None:
    workplace.write(PAGES)
    workplace.sync()
    workplace.writes()


def test_links_lead_to_the_pages(workplace: Workplace) -> None:
    """A reader of an answer can follow them."""
    settle(workplace)

    assert f'<a href="{URL}/b">B</a>' in workplace.pages()["a.md"].html
    assert f'<a href="{URL}/guides/c#how">C</a>' in workplace.pages()["a.md"].html


def test_page_that_disappears_changes_exactly_the_pages_that_link_to_it(workplace: Workplace) -> None:
    """And only when it really goes, not while its absence is unconfirmed."""
    settle(workplace)
    workplace.remove("b.md")

    workplace.sync()
    assert workplace.writes() == []
    workplace.sync()

    assert workplace.writes() == [("POST", "a.md"), ("DELETE", "b.md")]
    assert "/b" not in workplace.pages()["a.md"].html


def test_page_that_appears_changes_exactly_the_pages_that_link_to_it(workplace: Workplace) -> None:
    """A link that led nowhere is mended."""
    workplace.write({name: text for name, text in PAGES.items() if name != "b.md"})
    workplace.sync()
    workplace.writes()
    workplace.write({"b.md": PAGES["b.md"]})

    workplace.sync()

    assert sorted(workplace.writes()) == [("POST", "a.md"), ("POST", "b.md")]
    assert f'<a href="{URL}/b">B</a>' in workplace.pages()["a.md"].html
    workplace.sync()
    assert workplace.writes() == []


def test_edit_of_a_linked_page_changes_no_other(workplace: Workplace) -> None:
    """Only its address matters to the others."""
    settle(workplace)
    workplace.write({"b.md": "# B\n\nTwo and a half.\n"})

    workplace.sync()

    assert workplace.writes() == [("POST", "b.md")]


def test_links_do_not_move_to_and_fro_with_a_url_of_front_matter(workplace: Workplace) -> None:
    """A page that names its own URL keeps it in the links to it, whichever page is edited."""
    own = "---\nurl: https://www.example.com/own\n---\n# B\n\n"
    workplace.write({**PAGES, "b.md": own + "Two.\n"})
    workplace.sync()
    workplace.write({"d.md": "# D\n\nEdited.\n"})
    workplace.sync()
    assert '<a href="https://www.example.com/own">B</a>' in workplace.pages()["a.md"].html
    workplace.writes()

    for turn in range(3):
        workplace.write({"b.md": f"{own}Edit {turn}.\n"})
        workplace.sync()
        assert workplace.writes() == [("POST", "b.md")]
        workplace.write({"d.md": f"# D\n\nEdit {turn}.\n"})
        workplace.sync()
        assert workplace.writes() == [("POST", "d.md")]


def test_links_do_not_move_to_and_fro_with_a_page_that_cannot_be_published(workplace: Workplace) -> None:
    """Whether a broken page was looked at in this run or an earlier one makes no difference."""
    workplace.write({**PAGES, "b.md": b"# B \xff\xfe\n"})
    workplace.sync()
    workplace.writes()

    workplace.write({"d.md": "# D\n\nEdited.\n"})
    workplace.sync()
    assert workplace.writes() == [("POST", "d.md")]
    workplace.write({"b.md": ""})
    workplace.sync()
    workplace.write({"d.md": "# D\n\nEdited again.\n"})
    workplace.sync()
    assert workplace.writes() == [("POST", "d.md")]


def test_new_page_url_moves_every_page_and_link(workplace: Workplace) -> None:
    """A setting that shapes the URLs shapes the links as well, at once."""
    settle(workplace)
    workplace.configure(page_url="https://new.example.com/{path}")

    workplace.sync()

    assert sorted(name for _, name in workplace.writes()) == sorted(PAGES)
    assert '<a href="https://new.example.com/b.md">B</a>' in workplace.pages()["a.md"].html
    workplace.sync()
    assert workplace.writes() == []


def test_front_matter_says_where_a_page_is_found(workplace: Workplace) -> None:
    """A link is right in the run that first sees both pages, and follows the page when it moves."""
    workplace.configure(rendering={"dialect": "hugo"}, page_url=URL + "/{address}")
    pages = {
        "a.md": "# A\n\nSee [b](b.md), [by its place](/guides/b/) and [by its old one](/old-b/).\n",
        "b.md": "---\nurl: /guides/b/\naliases: [/old-b/]\n---\n\n# B\n\nText.\n",
    }
    workplace.write(pages)
    workplace.sync()

    assert workplace.pages()["b.md"].url == URL + "/guides/b/"
    assert workplace.pages()["a.md"].html.count(f'href="{URL}/guides/b/"') == 3
    workplace.writes()

    # Other pages that are looked at do not make anybody forget the old place.
    workplace.write({"c.md": "# C\n\n[b](/old-b/)\n", "a.md": pages["a.md"].replace("See", "Read")})
    workplace.sync()
    assert sorted(workplace.writes()) == [("POST", "a.md"), ("POST", "c.md")]
    assert workplace.pages()["a.md"].html.count(f'href="{URL}/guides/b/"') == 3

    workplace.write({"b.md": pages["b.md"].replace("/guides/b/", "/howto/b/")})
    workplace.sync()
    assert sorted(workplace.writes()) == [("POST", "a.md"), ("POST", "b.md"), ("POST", "c.md")]
    assert workplace.pages()["c.md"].html.count(f'href="{URL}/howto/b/"') == 1


def test_url_that_is_none_never_becomes_a_link(workplace: Workplace) -> None:
    """Fin would show it to customers."""
    workplace.write({"a.md": "---\nurl: javascript:alert(1)\n---\n\n# A\n\nText.\n"})
    workplace.sync()

    assert workplace.pages()["a.md"].url == URL + "/a"


def test_uid_of_another_page_is_a_link_to_it(workplace: Workplace) -> None:
    """DocFX names pages by ids that their front matter tells; of what has none the text stays."""
    workplace.configure(rendering={"dialect": "docfx"})
    workplace.write(
        {
            "a.md": "# A\n\n[B](xref:acme.b), <xref:acme.b%2A?displayProperty=fullName>, <xref:acme.none>.\n",
            "b.md": "---\nuid: acme.b\n---\n# B\n\nTwo.\n",
        }
    )

    workplace.sync()

    html = workplace.pages()["a.md"].html
    assert html.count(f'href="{URL}/b"') == 2
    assert "acme.none" in html
    assert html.count("<a ") == 2
