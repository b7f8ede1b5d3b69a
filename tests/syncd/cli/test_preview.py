"""`syncd preview`: a page as Fin would get it, and how much of its text arrived."""

from __future__ import annotations

from tests.conftest import Workplace

WHOLE = "# Refunds\n\nA refund takes *five* days.\n"


def test_page_of_a_source_is_shown_with_its_links(workplace: Workplace) -> None:
    """As a sync would send it."""
    workplace.write({"a.md": "# A\n\nSee [B](b.md).\n", "b.md": WHOLE})

    done = workplace.run("preview", "a.md", "--html")

    assert (done.code, done.out) == (0, '<p>See <a href="https://handbook.example.com/b">B</a>.</p>\n')


def test_coverage_of_a_whole_page(workplace: Workplace) -> None:
    """Nothing is missing, so no word is told."""
    workplace.write({"a.md": WHOLE})

    done = workplace.run("preview", "a.md", "--coverage")

    assert (done.code, done.out) == (0, "Refunds: 100.00% of 6 words\n")


def test_coverage_tells_missing_words(workplace: Workplace) -> None:
    """The first twenty, and how many more; a text that lost some never counts as whole."""
    words = [f"w{number:05}" for number in range(20_000)]
    gone = [f"gone{number:02}" for number in range(25)]
    lost = "![[" + " ".join(gone) + "\n]]\n"
    workplace.write({"a.md": "# Long\n\n" + " ".join(words) + "\n\n<svg>" + lost + "\n"})

    done = workplace.run("preview", "a.md", "--coverage")
    told = workplace.run("preview", "a.md", "--coverage", "--json").document["coverage"]

    head, missing = done.out.splitlines()
    assert head == "Long: 99.88% of 20,026 words"
    assert missing == f"missing: {' '.join(gone[:20])} and 5 more"
    assert told == {"share": 0.998752, "words": 20_026, "missing": 25, "missing_first": gone[:20]}


def test_coverage_of_a_file_of_no_source(workplace: Workplace) -> None:
    """Any file can be tried before it is published."""
    workplace.write({"b.md": WHOLE})
    file = workplace.home / "a.md"
    file.write_text(WHOLE)

    done = workplace.run("preview", str(file), "--coverage", "--json")

    assert done.document["coverage"] == {"share": 1.0, "words": 6, "missing": 0, "missing_first": []}


def test_html_and_coverage_are_two_questions(workplace: Workplace) -> None:
    """Asking both is refused and not answered by half."""
    workplace.write({"a.md": WHOLE})

    done = workplace.run("preview", "a.md", "--html", "--coverage")

    assert done.code == 2
    assert "--coverage" in done.err
