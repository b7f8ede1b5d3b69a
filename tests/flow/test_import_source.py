"""Which Content Import Source the pages go to, and what is not ours there."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox import Writing
from tests.conftest import URL, Workplace

PAGES = {"a.md": "# A\n\nOne.\n", "b.md": "# B\n\nTwo.\n"}


@pytest.mark.parametrize("other", [{"url": "https://other.example.com"}, {"id": 17}])
@pytest.mark.parametrize("edited", [False, True])
def test_source_does_not_move_to_another_import_source_in_silence(
    workplace: Workplace, other: dict[str, Any], edited: bool
) -> None:
    """Its pages would be left behind, and only those that change would appear in the new place."""
    workplace.write(PAGES)
    workplace.sync()
    workplace.exchanges()
    workplace.configure(import_source=other)
    if edited:
        workplace.write({"a.md": "# A\n\nOne and a half.\n"})

    done = workplace.run("sync")

    assert done.code == 2
    assert (
        f"the pages of handbook are in the import source {URL}, and 'import_source' names another" in done.out
    )
    assert workplace.exchanges() == []
    assert workplace.run("plan").code == 2


def test_import_source_may_be_named_in_another_way(workplace: Workplace) -> None:
    """By its id, or with a slash at the end, it is still the same."""
    workplace.write(PAGES)
    workplace.sync()
    (source,) = workplace.running.workspace.sources
    for number, same in enumerate(({"url": URL + "/"}, {"id": source.id}, {"url": URL})):
        workplace.configure(import_source=same)
        workplace.write({"a.md": f"# A\n\nEdit {number}.\n"})

        assert workplace.sync()["updated"] == 1

    assert len(workplace.running.workspace.sources) == 1


def test_p10_pages_of_others_stay_as_they_are(workplace: Workplace) -> None:
    """In the same import source and in others, whatever happens to ours."""
    workspace = workplace.running.workspace
    other = workspace.add_source(url="https://other.example.com", sync_behavior="api", now=1.0)
    ours = workspace.add_source(url=URL, sync_behavior="api", now=1.0)
    for source, name in ((other, "a.md"), (ours, "foreign.md"), (ours, "guides/old.md")):
        workspace.upsert(
            Writing(
                source_id=source.id,
                external_id=name,
                title="Foreign",
                html="<p>Not ours.</p>",
                locale="en",
                url=None,
                flags={},
            ),
            now=1.0,
        )
    foreign = workspace.pages
    workplace.write(PAGES)
    workplace.sync()
    workplace.write({"a.md": "# A\n\nOne and a half.\n"})
    workplace.remove("b.md")
    workplace.sync("--full")
    workplace.sync()
    workplace.sync("--full")

    assert [page for page in workspace.pages if page.title == "Foreign"] == foreign
    assert sorted(workplace.pages()) == ["a.md", "foreign.md", "guides/old.md"]
    assert {one.request.method for one in workplace.exchanges() if "import_source" in one.request.path} <= {
        "GET",
        "POST",
    }
