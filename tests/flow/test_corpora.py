"""Real documentation: all of it arrives or is reported, and another state of it costs what differs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Done, Opened, Workplace
from tests.contract.openapi import described
from tests.samples import BUNDLES, clone, git

PAGE = (".md", ".mdx", ".markdown")
STEPS_BACK = 30
QUICK = ("myst-docs",)
"""The others walk the same way in the ring; tests/corpora looks at every page of all of them."""

Payload = tuple[str, str, str | None]


def payloads(workplace: Workplace) -> dict[str, Payload]:
    return {name: (page.title, page.html, page.url) for name, page in workplace.pages().items()}


def files(root: Path) -> list[str]:
    """The pages that lie below the root, found without the connector."""
    return [
        os.path.relpath(os.path.join(folder, name), root)
        for folder, folders, names in os.walk(root)
        if ".git" not in Path(folder).relative_to(root).parts
        for name in names
        if name.lower().endswith(PAGE)
    ]


def synced(workplace: Workplace) -> Done:
    done = workplace.run("sync", "--json")
    assert done.code in (0, 3), done
    return done


def told(workplace: Workplace) -> dict[str, str]:
    """What is not published, with the reason."""
    rows = workplace.run("pages", "--skipped", "--json").document["skipped"]
    return {row["external_id"]: row["reason"] for row in rows}


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.ring) for name in BUNDLES],
)
def test_repository(tmp_path: Path, workplace: Workplace, name: str) -> None:
    """Every page is published or reported, a second sync does nothing, a step back sends the least."""
    workplace.docs.rmdir()
    clone(name, workplace.docs)
    workplace.configure(
        deletions={"confirm": 1, "min_absence": "0s", "hold_above": {"pages": 100_000, "percent": 100}}
    )

    with Opened(*PAGE) as opened:
        synced(workplace)
    published, left_out = payloads(workplace), told(workplace)
    scopes = tuple(scope for scope in left_out if scope.endswith("/"))
    assert all(left_out.values())
    assert [
        path
        for path in files(workplace.docs)
        if path not in published and path not in left_out and not path.startswith(scopes)
    ] == []
    assert len(opened) >= len(published) > 20
    workplace.exchanges()

    with Opened(*PAGE) as opened:
        again = synced(workplace)
    assert (opened, workplace.exchanges(), again.source["created"]) == ([], [], 0)

    old = git("rev-list", "--first-parent", f"--max-count={STEPS_BACK}", "HEAD", at=workplace.docs).split()[
        -1
    ]
    git("checkout", "--quiet", old, at=workplace.docs)
    expected = least(published, rendered_anew(tmp_path, workplace), set(files(workplace.docs)))
    assert expected
    planned = workplace.plan()
    synced(workplace)

    sent = workplace.writes()
    assert len(sent) == len(set(sent))
    assert set(sent) == expected
    assert {
        ("DELETE" if one["action"] == "delete" else "POST", one["external_id"])
        for one in planned["operations"]
    } == expected
    assert described().violations(workplace.running.requests) == []


def rendered_anew(tmp_path: Path, workplace: Workplace) -> dict[str, Payload]:
    """What a first sync of the files as they are now publishes: without records, so nothing is skipped."""
    home = tmp_path / "anew"
    home.mkdir()
    anew = Workplace(home, workplace.running)
    anew.configure(**{**workplace.settings, "root": str(workplace.docs), "import_source": {"url": ANEW}})
    synced(anew)
    workplace.exchanges()
    source = next(source for source in workplace.running.workspace.sources if source.url == ANEW)
    return {
        page.external_id: (page.title, page.html, page.url)
        for page in workplace.running.workspace.pages_of(source.id)
    }


ANEW = "https://anew.example.com"


def least(before: dict[str, Payload], after: dict[str, Payload], there: set[str]) -> set[tuple[str, str]]:
    """The writes that turn one into the other; a page that is there and failed to render stays."""
    return {("POST", name) for name, payload in after.items() if before.get(name) != payload} | {
        ("DELETE", name) for name in before if name not in after and name not in there
    }
