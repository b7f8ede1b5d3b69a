"""What the pages show: of whom, how much at once, and nothing that a title makes up."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import pytest

from syncd.decision import Freeze, TakeDown
from syncd.journal import Absent, Failed, Hold, Skipped
from syncd.model import Result, Unlisted
from syncd.state.browse import ROWS
from tests.syncd.web.place import VIEWER, Place, sent

HELD = Hold(kind="deletions", count=12, digest="of these", reason="12 of 20 pages are missing", since=0.0)

EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}",
    "</title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "\u202egpj.exe",
]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path)
    await place.sign_in()
    yield place
    await place.client.aclose()


async def text(place: Place, path: str) -> str:
    """What a reader sees of a page, on one line."""
    page = await place.client.get(path)
    assert page.status_code == 200, page.text
    body = page.text.partition("<main")[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


async def test_overview_tells_how_sources_stand(place: Place) -> None:
    """Counts, result and history of each; one that never ran is there, too."""
    place.run("handbook", sent("a.md"), sent("b.md"), created=2)
    place.run(
        "handbook", Failed(external_id="b.md", version="2", rules="r", error="no"), result=Result.PARTIAL
    )

    page = await place.client.get("/")
    told = await text(place, "/")

    assert "handbook partial" in told
    assert "wiki not run yet never 0 0 0" in told
    assert page.text.count("<rect") == 2
    assert "last 2 runs: 1 ok, 1 partial" in page.text
    assert "Waits for a decision" not in told


async def test_what_waits_stands_on_top(place: Place) -> None:
    """With the number, and since when; a hold of more than a day is an alarm."""
    place.run("wiki", sent("a.md"), holds=[HELD], result=Result.HELD, held=12)
    place.store.decide("handbook", Freeze(by="Ben", why="an audit"), at=place.clock.now())

    told = await text(place, "/")

    assert told.index("12 deletions held") < told.index("Next run")
    assert "more than a day" in told
    assert "on hold by Ben" in told


async def test_failed_run_says_why(place: Place) -> None:
    """On the overview, and in full on the source's page."""
    place.run("wiki", result=Result.FAILED, error="cannot open the root: " + "x" * 300)

    assert "failed cannot open the root" in await text(place, "/")
    assert "x" * 300 in await text(place, "/sources/wiki")


async def test_pages_come_in_pieces(place: Place) -> None:
    """Each begins where the one before ended; together they are all, each once."""
    names = [f"{number:04}.md" for number in range(2 * ROWS + 1)]
    place.run("handbook", *(sent(name) for name in names))
    place.run("wiki", sent("other.md"))

    seen: list[str] = []
    address: str | None = "/sources/handbook/pages?view=live"
    while address is not None:
        page = await place.client.get(address)
        seen += re.findall(r'class="dim">([^<]*\.md)</small>', page.text)
        found = re.search(r'<a rel="next" href="([^"]*)"', page.text)
        address = f"/sources/handbook/pages{unescape(found[1])}" if found else None

    assert seen == names


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("INSTALL", {"a.md", "b.md"}),
        ("b.md", {"b.md"}),
        ("example.com/c", {"c.md"}),
        ("%", set()),
        ("_", set()),
    ],
)
async def test_search(place: Place, search: str, found: set[str]) -> None:
    """In id, title and URL; what SQL takes for a pattern is none."""
    place.run(
        "handbook", sent("a.md", title="Install it"), sent("b.md", title="installed"), sent("c.md", title="C")
    )

    page = await place.client.get("/sources/handbook/pages", params={"q": search})

    assert set(re.findall(r'class="dim">([^<]*\.md)</small>', page.text)) == found


@pytest.mark.parametrize(
    ("view", "found"),
    [
        ("all", ["bad.md", "draft.md", "good.md", "lost.md"]),
        ("live", ["good.md", "lost.md"]),
        ("quarantined", ["bad.md"]),
        ("skipped", ["draft.md"]),
        ("missing", ["lost.md"]),
        ("deleted", []),
        ("nonsense", ["bad.md", "draft.md", "good.md", "lost.md"]),
        ("left-out", ["bad.md", "draft.md", "good.md", "good.md", "hidden/", "secret.md"]),
    ],
)
async def test_views_of_pages(place: Place, view: str, found: list[str]) -> None:
    """By state; and what is not published as the origin has it, whatever kept it out."""
    place.run(
        "handbook",
        sent("good.md", warnings=("it lost a picture",)),
        sent("lost.md"),
        Failed(external_id="bad.md", version="1", rules="r", error="not UTF-8"),
        Skipped(external_id="draft.md", version="1", rules="r", reason="a draft"),
        Absent(external_id="lost.md"),
    )
    place.store.unlisted(
        "handbook", [Unlisted("hidden/", "permission denied"), Unlisted("good.md", "a link", True)]
    )
    place.store.decide("handbook", TakeDown(external_id="secret.md", by="Ana", why="leaked"), at=1.0)

    page = await place.client.get("/sources/handbook/pages", params={"view": view})

    assert [unescape(name) for name in re.findall(r"page\?id=([^\"]*)\"", page.text)] == [
        name.replace("/", "%2F") for name in found
    ]
    if view == "left-out":
        told = await text(place, "/sources/handbook/pages?view=left-out")
        assert all(why in told for why in ("it lost a picture", "not UTF-8", "permission denied", "leaked"))


async def test_left_out_comes_in_pieces(place: Place) -> None:
    """What is told of one page is not torn apart."""
    names = [f"{number:04}.md" for number in range(ROWS + 10)]
    place.run("handbook", *(sent(name, warnings=("w",)) for name in names))
    place.store.unlisted("handbook", [Unlisted(name, "a link", True) for name in names])

    first = await place.client.get("/sources/handbook/pages?view=left-out")
    after = re.search(r'<a rel="next" href="([^"]*)"', first.text)
    assert after is not None
    second = await place.client.get(f"/sources/handbook/pages{unescape(after[1])}")
    seen = [re.findall(r"page\?id=([^\"]*)\"", page.text) for page in (first, second)]

    assert seen[0][-1] != seen[1][0]
    assert sorted(seen[0] + seen[1])[:4] == ["0000.md", "0000.md", "0001.md", "0001.md"]
    assert seen[0][-2] == seen[0][-1]


async def test_page_tells_all_that_is_known(place: Place) -> None:
    """Whether Fin knows it, the last error, what it links to, and its history."""
    link = ("path:b.md", "https://handbook.example.com/b")
    place.run("handbook", sent("a.md", title="Alpha", links=(link, ("path:c.md", None))))
    place.run("handbook", Failed(external_id="a.md", version="2", rules="r", error="a secret in it"))

    told = await text(place, "/sources/handbook/page?id=a.md")

    assert "Fin knows an older version of it." in told
    assert "a secret in it" in told
    assert "path:b.md → https://handbook.example.com/b" in told
    assert "path:c.md no published page" in told
    assert told.index("fail a secret in it") < told.index("create new")


async def test_part_leads_to_its_page(place: Place) -> None:
    """What is decided is decided about the whole."""
    place.run("handbook", sent("a.md"), sent("a.md#two", part_of="a.md"))

    assert "A part of a.md" in await text(place, "/sources/handbook/page?id=a.md%23two")
    assert "Intercom has 2 of it" in await text(place, "/sources/handbook/page?id=a.md")


async def test_run_tells_what_it_did(place: Place) -> None:
    """In pieces, and by action."""
    number = place.run(
        "handbook",
        *(sent(f"{one:03}.md") for one in range(ROWS + 1)),
        Failed(external_id="bad.md", version="1", rules="r", error="not UTF-8"),
    )

    assert "fail bad.md not UTF-8" in await text(place, f"/runs/{number}")
    assert "000.md" not in await text(place, f"/runs/{number}")
    assert "000.md" in await text(place, f"/runs/{number}?before=3")
    assert "create" not in (await text(place, f"/runs/{number}?action=fail")).partition("When")[2]


@pytest.mark.parametrize(
    "path",
    [
        "/sources/nobody",
        "/sources/nobody/pages",
        "/sources/handbook/page",
        "/sources/handbook/page?id=never.md",
        "/runs/77",
        "/runs/x",
        "/runs/-1",
    ],
)
async def test_what_is_not_there(place: Place, path: str) -> None:
    """A page that says so, and no error."""
    assert (await place.client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "before=x",
        "before=-1",
        "before=99999999999999999999",
        "after=%00",
        "q=%00",
        "view=%00",
        "q=" + "x" * 5000,
    ],
)
async def test_nonsense_in_the_address(place: Place, query: str) -> None:
    """Counts as nothing."""
    place.run("handbook", sent("a.md"))

    for path in ("/sources/handbook", "/sources/handbook/pages", "/runs/1", "/audit"):
        assert (await place.client.get(f"{path}?{query}")).status_code == 200


@pytest.mark.parametrize("evil", EVIL)
async def test_nothing_from_a_source_is_markup(place: Place, evil: str) -> None:
    """Ids, titles, URLs, errors, reasons, names and revisions are text wherever they stand."""
    place.run(
        "handbook",
        sent(evil, title=evil, url=evil, warnings=(evil,), links=((evil, evil),), reason=evil),
        Failed(external_id="b" + evil, version="1", rules="r", error=evil),
        holds=[Hold(kind="rewrite", count=3, digest=evil, reason=evil, since=1.0)],
        result=Result.FAILED,
        error=evil,
    )
    place.store.unlisted("handbook", [Unlisted(evil, evil, True)])
    place.store.decide("handbook", Freeze(by=evil, why=evil), at=1.0)
    place.store.decide("handbook", TakeDown(external_id="c" + evil, by=evil, why=evil), at=1.0)

    for path, query in (
        ("/", {}),
        ("/sources/handbook", {}),
        ("/sources/handbook/pages", {"q": evil}),
        ("/sources/handbook/pages", {"view": "left-out"}),
        ("/sources/handbook/page", {"id": evil}),
        ("/decisions", {}),
        ("/audit", {"page": evil}),
        ("/audit", {}),
        ("/runs/1", {}),
    ):
        page = await place.client.get(path, params=query)
        for mark in ("<script>alert", "<img", "<svg onload", " onmouseover='", 'href="javascript:', ">49<"):
            assert mark not in page.text, (path, mark)


async def test_no_page_has_script_or_style_of_its_own(place: Place) -> None:
    """S35: the policy forbids them, so they would not work either."""
    place.run("handbook", sent("a.md"), holds=[HELD])

    for path in (
        "/",
        "/sources/handbook",
        "/decisions",
        "/audit",
        "/runs/1",
        "/sources/handbook/page?id=a.md",
    ):
        page = (await place.client.get(path)).text
        assert not re.search(
            r"<style|\sstyle=|<script>|\son[a-z]+=|javascript:|https?://(?!handbook\.)", page
        ), path


async def test_audit_as_csv(place: Place) -> None:
    """All of it, filtered as on the page, and no cell that a spreadsheet would calculate: S42."""
    place.run("handbook", *(sent(f"{one}.md") for one in range(3)), sent('=HYPERLINK("x")', reason="@new"))
    place.run("wiki", sent("w.md"))

    answer = await place.client.get("/audit.csv?source=handbook")
    rows = list(csv.DictReader(io.StringIO(answer.text)))

    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    assert [row["page"] for row in rows] == ['\'=HYPERLINK("x")', "2.md", "1.md", "0.md"]
    assert rows[0]["reason"] == "'@new"


async def test_viewer_is_offered_nothing(place: Place) -> None:
    """No form but the one to leave."""
    place.run("handbook", sent("a.md"), holds=[HELD])
    await place.sign_in(VIEWER)

    for path in ("/", "/sources/handbook", "/decisions", "/sources/handbook/page?id=a.md"):
        page = (await place.client.get(path)).text
        assert re.findall(r'method="post" action="([^"]*)"', page) == ["/sign-out"], path
