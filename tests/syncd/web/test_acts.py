"""What operators do: it is done, told, and on record; and what does not fit is not done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncd.journal import Failed, Hold
from syncd.model import Result
from syncd.state.queries import audit
from tests.syncd.web.place import Place, sent

DELETES = Hold(kind="deletions", count=12, digest="of these", reason="12 of 20 pages", since=0.0)
UPDATES = Hold(kind="rewrite", count=40, digest="of those", reason="most shrink", since=0.0)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = Place(tmp_path)
    place.run("handbook", sent("a.md"), holds=[DELETES, UPDATES], result=Result.HELD)
    await place.sign_in(name="Ana")
    yield place
    await place.client.aclose()


def decided(place: Place) -> list[tuple[str, str | None, str]]:
    """(action, who, why) of each decision, the newest first."""
    return [(line.action, line.by, line.reason) for line in audit(place.store, decisions=True)]


async def test_run_is_asked_for(place: Place) -> None:
    """At once, and the page that comes says so."""
    answer = await place.post("/sources/handbook/sync", **{"from": "overview"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/?said=asked")
    assert "handbook" in place.service.running()
    assert "A run was asked for" in (await place.client.get("/?said=asked")).text


async def test_pause_and_resume(place: Place) -> None:
    """It is shown, with the button to take it back."""
    await place.post("/sources/handbook/pause")
    assert place.service.is_paused("handbook")
    assert "/sources/handbook/resume" in (await place.client.get("/")).text

    await place.post("/sources/handbook/resume")
    assert not place.service.is_paused("handbook")


@pytest.mark.parametrize(
    ("hold", "question"), [(DELETES, "deletes"), (UPDATES, "updates")], ids=["deletes", "updates"]
)
async def test_approve_with_the_right_count(place: Place, hold: Hold, question: str) -> None:
    """The approval is for this question alone, in the name of whoever signed in, and a run follows."""
    answer = await place.post(
        "/sources/handbook/approve", question=question, digest=hold.digest, count=str(hold.count), why="seen"
    )

    given = {one.question.value: one.approved for one in place.store.before("handbook").holds.values()}
    assert answer.headers["location"] == "/sources/handbook?said=approved"
    assert given == {"deletes": None, "updates": None} | {question: hold.count}
    assert decided(place) == [("approve", "Ana", "seen")]
    assert "handbook" in place.service.running()


@pytest.mark.parametrize("count", ["", "11", "13", "-12", "12.0", "1e1", "١٢", "twelve", "9" * 400])
async def test_approve_with_a_wrong_count(place: Place, count: str) -> None:
    """Nothing is approved, and it says what is held: S37."""
    answer = await place.post(
        "/sources/handbook/approve", question="deletes", digest=DELETES.digest, count=count
    )

    assert answer.status_code == 409
    assert "12 pages are held: nothing was approved" in answer.text
    assert [one.approved for one in place.store.before("handbook").holds.values()] == [None, None]
    assert (decided(place), dict(place.service.running())) == ([], {})


async def test_approve_what_changed_meanwhile(place: Place) -> None:
    """The number may be the same and the pages others."""
    answer = await place.post("/sources/handbook/approve", question="deletes", digest="others", count="12")

    assert answer.status_code == 409
    assert "Other pages are held now" in answer.text
    assert decided(place) == []


@pytest.mark.parametrize(
    ("name", "question", "status"),
    [("wiki", "deletes", 409), ("handbook", "", 400), ("nobody", "deletes", 409)],
)
async def test_approve_nothing(place: Place, name: str, question: str, status: int) -> None:
    """What is not asked cannot be answered."""
    answer = await place.post(f"/sources/{name}/approve", question=question, digest="of these", count="12")

    assert answer.status_code == status
    assert decided(place) == []


async def test_reject(place: Place) -> None:
    """An approval is void, on record."""
    await place.post("/sources/handbook/approve", question="deletes", digest=DELETES.digest, count="12")
    await place.post("/sources/handbook/reject", question="deletes", why="not these")

    assert [one.approved for one in place.store.before("handbook").holds.values()] == [None, None]
    assert decided(place)[0] == ("reject", "Ana", "not these")


async def test_hold_and_release(place: Place) -> None:
    """With a reason; a source that is on hold already is not held again."""
    assert (await place.post("/sources/handbook/hold", why="  ")).status_code == 400
    await place.post("/sources/handbook/hold", why="an audit")
    again = await place.post("/sources/handbook/hold", why="another")

    frozen = place.store.before("handbook").orders.frozen
    assert frozen is not None
    assert (frozen.by, frozen.why, again.status_code) == ("Ana", "an audit", 409)

    await place.post("/sources/handbook/release")
    assert place.store.before("handbook").orders.frozen is None


async def test_take_down_and_restore(place: Place) -> None:
    """The page goes at once; its own page then offers to bring it back."""
    answer = await place.post("/sources/handbook/takedown", id="a.md", count="1", why="leaked")

    assert answer.headers["location"] == "/sources/handbook/page?id=a.md&said=taken-down"
    assert [(name, one.external_id, one.by) for name, one in place.engine.taken_down] == [
        ("handbook", "a.md", "Ana")
    ]
    assert "/sources/handbook/restore" in (await place.client.get("/sources/handbook/page?id=a.md")).text

    await place.post("/sources/handbook/restore", id="a.md")
    assert place.store.before("handbook").orders.taken_down == {}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"id": "a.md", "why": "leaked"}, 409),
        ({"id": "a.md", "why": "leaked", "count": "2"}, 409),
        ({"id": "a.md", "why": "", "count": "1"}, 400),
        ({"id": "", "why": "leaked", "count": "0"}, 400),
    ],
)
async def test_take_down_by_mistake(place: Place, fields: dict[str, str], status: int) -> None:
    """Without the number, a reason and a page nothing goes."""
    answer = await place.post("/sources/handbook/takedown", **fields)

    assert (answer.status_code, place.engine.taken_down) == (status, [])


@pytest.mark.parametrize("fields", [{}, {"id": "b.md"}], ids=["all", "one"])
async def test_retry(place: Place, fields: dict[str, str]) -> None:
    """What is in quarantine counts as changed for the next run, which is asked for."""
    place.run("handbook", Failed(external_id="b.md", version="1", rules="r", error="no"))

    await place.post("/sources/handbook/retry", **fields)

    assert place.store.records("handbook")["b.md"].version == ""
    assert place.store.records("handbook")["a.md"].version == "1"
    assert decided(place)[0][:2] == ("retry", "Ana")
    assert "handbook" in place.service.running()


async def test_source_that_is_not_configured(place: Place) -> None:
    """Nothing is asked of it, and the answer says which there are."""
    for verb in ("sync", "pause", "resume", "hold", "release", "retry"):
        answer = await place.post(f"/sources/nobody/{verb}", why="because")
        assert answer.status_code == 409
        assert "no source is called" in answer.text


async def test_preview_is_a_frame_in_which_nothing_runs(place: Place) -> None:
    """An origin of its own, no script, no form, nothing from elsewhere; its HTML is as it would be sent."""
    answer = await place.client.get("/sources/handbook/page/preview?id=a.md")

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "<p>a.md as it would be sent</p>" in answer.text
    assert "&lt;b&gt;Title" in answer.text


async def test_preview_of_what_cannot_be_rendered(place: Place) -> None:
    """The frame says why, as text."""
    answer = await place.client.get("/sources/handbook/page/preview?id=bad.md")

    assert "No page comes of it: &lt;b&gt; is not UTF-8" in answer.text
