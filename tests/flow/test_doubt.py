"""Requests without an answer: what they may do later, and how the state and Intercom come together again.

Every test runs against each reading of what the API leaves open: whether a page that is made again gets
its old id, and whether HTML comes back as it was sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from syncd.errors import PageUncertain
from syncd.guards import Policy
from syncd.lanes import ThreadLane
from syncd.model import Page, RecordState, Result
from syncd.testing.simulation.store import ObservedStore
from syncd.testing.target import FakeTarget
from tests.syncd.test_sync import Bench, some

WINDOW_S = 600.0

LOST = PageUncertain("the connection broke")


@pytest.fixture(
    params=[(False, False), (True, False), (False, True), (True, True)],
    ids=["new-id", "old-id", "new-id-normalised", "old-id-normalised"],
)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """Nine pages, published; a deletion needs no second run."""
    async with ThreadLane("keep") as keep, ThreadLane("crawl") as crawl:
        bench = Bench(keep, crawl)
        revives, normalises = request.param
        bench.target = FakeTarget(revives=revives, normalises=normalises)
        bench.policy = Policy(confirm=1, min_absence_s=0.0)
        bench.world.files = some(9)
        await bench.sync()
        yield bench


async def late(bench: Bench, text: str, external_id: str = "01") -> None:
    """A request that was given up long ago takes effect now."""
    page = Page(external_id=external_id, title=external_id, html=f"<p>{text}</p>")
    await bench.target.upsert(page, create=True)


def shown(bench: Bench) -> dict[str, str]:
    return {name: page.html for name, page in bench.target.held.items()}


def expected(bench: Bench) -> dict[str, str]:
    return {name: f"<p>{body}</p>" for name, body in bench.world.files.items()}


def restorable(bench: Bench) -> ObservedStore:
    """The same state in a store that an operator can replace by an older one."""
    store = ObservedStore(bench.clock.now)
    store.put_back(vars(bench.store))
    bench.store = store
    return store


async def settled(bench: Bench) -> None:
    """One more run after all doubts are over asks nothing and changes nothing."""
    bench.clock.at += 2 * WINDOW_S
    await bench.sync()
    bench.clock.at += 2 * WINDOW_S
    assert (await bench.sync()).report.result is Result.OK
    assert bench.target.calls == []
    assert bench.store.before("s").doubts == []
    assert shown(bench) == expected(bench)


async def test_p08_fifth_of_all_requests_may_be_lost(bench: Bench) -> None:
    """Creates, updates and deletes, some of them applied: a clean run and their time make all of it good."""
    names = list(some(60))
    bench.world.files = some(60)
    await bench.sync()
    bench.world.files |= {name: f"edited {name}" for name in names[:40]}
    bench.world.files |= {f"new-{number:02}": f"new {number}" for number in range(40)}
    for name in names[-10:]:
        del bench.world.files[name]
    touched = [*names[:40], *names[-10:], *(f"new-{number:02}" for number in range(40))]
    for place, name in enumerate(touched[::5]):
        bench.target.fail(LOST, external_id=name, applied=place % 2 == 0)

    assert (await bench.sync()).report.failed == 18
    await bench.sync()

    assert shown(bench) == expected(bench)
    await settled(bench)


@pytest.mark.parametrize("applied", [True, False])
async def test_p08_lost_answer_is_made_good_by_the_next_run(bench: Bench, applied: bool) -> None:
    """F31, F32: the page is upserted again, whether the first request was applied or not."""
    bench.world.files["01"] = "edited"
    bench.target.fail(LOST, external_id="01", applied=applied)
    assert (await bench.sync()).report.failed == 1

    await bench.sync()

    assert bench.target.calls == [("upsert", "01")]
    assert shown(bench) == expected(bench)
    await settled(bench)


async def test_p08_late_request_is_noticed_once_its_time_is_over(bench: Bench) -> None:
    """F33: the older text lands over the newer one, that was acknowledged; one look finds it."""
    bench.world.files["01"] = "one"
    bench.target.fail(LOST, external_id="01")
    await bench.sync()
    bench.world.files["01"] = "two"
    await bench.sync()
    await late(bench, "one")
    await bench.sync()
    assert bench.target.calls == []

    bench.clock.at += WINDOW_S
    outcome = await bench.sync()

    assert bench.target.calls == [("get", "01"), ("upsert", "01")]
    assert shown(bench) == expected(bench)
    assert "1 page(s) were not in Intercom as they were sent: sent again" in outcome.notices
    await settled(bench)


async def test_row_in_doubt_that_is_right_costs_one_look(bench: Bench) -> None:
    """Nothing is sent for it, and the doubt ends."""
    bench.world.files["01"] = "one"
    bench.target.fail(LOST, external_id="01")
    await bench.sync()
    await bench.sync()
    bench.clock.at += WINDOW_S

    await bench.sync()

    assert bench.target.calls == [("get", "01")]
    await settled(bench)


async def test_page_that_is_sent_again_after_the_time_needs_no_look(bench: Bench) -> None:
    """No older request can land any more, and this one was acknowledged."""
    bench.world.files["01"] = "one"
    bench.target.fail(LOST, external_id="01")
    await bench.sync()
    bench.clock.at += WINDOW_S
    await bench.sync()
    assert bench.target.calls == [("upsert", "01")]

    assert bench.store.before("s").doubts == []


async def test_look_without_an_answer_leaves_the_doubt(bench: Bench) -> None:
    """It is repeated by the next run."""
    bench.world.files["01"] = "one"
    bench.target.fail(LOST, external_id="01")
    await bench.sync()
    await bench.sync()
    bench.clock.at += WINDOW_S
    bench.target.fail(LOST, external_id="01")
    assert (await bench.sync()).report.result is Result.OK

    await bench.sync()

    assert bench.target.calls == [("get", "01")]
    await settled(bench)


async def test_equal_revision_does_not_hide_a_doubt(bench: Bench) -> None:
    """An origin that did not change says nothing about Intercom."""
    bench.world.revision = "abc"
    bench.world.files["01"] = "one"
    bench.target.fail(LOST, external_id="01")
    await bench.sync()
    await bench.sync()
    await bench.sync()
    assert bench.target.calls == []
    await late(bench, "zero")
    bench.clock.at += WINDOW_S

    await bench.sync()

    assert shown(bench) == expected(bench)
    await settled(bench)


async def test_later_start_does_not_renew_the_doubt(bench: Bench) -> None:
    """A page that is gone after a crash must go, however often the process starts meanwhile."""
    bench.world.files["new"] = "text"
    bench.target.fail(LOST, external_id="new")
    await bench.sync()
    stamp = bench.store.rows["s"]["new"].ambiguous_at
    bench.world.lost = None
    for _ in range(3):
        bench.world.broken_after = 0
        await bench.sync()
    assert bench.store.rows["s"]["new"].ambiguous_at == stamp


async def test_p08_late_request_for_a_deleted_page_leaves_no_orphan(bench: Bench) -> None:
    """F34: the tombstone stays until the time is over, and a listing finds what landed under any id."""
    bench.world.files["01"] = "one"
    bench.target.fail(LOST, external_id="01")
    await bench.sync()
    del bench.world.files["01"]
    await bench.sync()
    assert bench.deletes == ["01"]
    await bench.sync()
    assert bench.target.calls == []
    await late(bench, "one")

    bench.clock.at += WINDOW_S
    await bench.sync()

    assert bench.target.calls == [("list", ""), ("delete", "01")]
    assert shown(bench) == expected(bench)
    await settled(bench)
    assert "01" not in bench.store.rows["s"]


async def test_create_that_was_lost_leaves_no_orphan(bench: Bench) -> None:
    """It was given up, its item went, and a listing did not show it: all that proves nothing yet."""
    bench.world.files["new"] = "text"
    bench.target.fail(LOST, external_id="new")
    await bench.sync()
    del bench.world.files["new"]
    await bench.sync()
    assert bench.store.rows["s"]["new"].state == RecordState.TOMBSTONE
    await bench.sync(full=True)
    assert "new" in bench.store.rows["s"]
    await late(bench, "text", "new")

    bench.clock.at += WINDOW_S
    await bench.sync()

    assert shown(bench) == expected(bench)
    await settled(bench)


async def test_late_page_of_an_item_that_is_back_is_its_page(bench: Bench) -> None:
    """It was deleted, a late request published it again, and its item returned: one page, nothing deleted."""
    bench.world.files["01"] = "one"
    bench.target.fail(LOST, external_id="01")
    await bench.sync()
    del bench.world.files["01"]
    await bench.sync()
    await late(bench, "one")
    bench.world.files["01"] = "one"

    bench.clock.at += WINDOW_S
    await bench.sync()

    assert bench.deletes == []
    assert shown(bench) == expected(bench)
    await settled(bench)


async def test_late_page_of_an_item_that_is_back_without_text_stays(bench: Bench) -> None:
    """Nothing that is empty takes a page away, however it came to be there."""
    bench.world.files["01"] = "one"
    bench.target.fail(LOST, external_id="01")
    await bench.sync()
    del bench.world.files["01"]
    await bench.sync()
    assert bench.deletes == ["01"]
    bench.world.files["01"] = ""
    await bench.sync()
    await late(bench, "one")

    for _ in range(3):
        bench.clock.at += WINDOW_S
        await bench.sync()
        assert bench.deletes == []

    bench.world.files["01"] = "two"
    await bench.sync()
    await settled(bench)


async def test_late_page_in_a_folder_that_cannot_be_seen_stays(bench: Bench) -> None:
    """Whether its item is back cannot be told, so it is not deleted yet."""
    bench.world.files["01"] = "one"
    bench.target.fail(LOST, external_id="01")
    await bench.sync()
    del bench.world.files["01"]
    await bench.sync()
    await late(bench, "one")
    bench.clock.at += WINDOW_S
    bench.world.broken_after = 3
    await bench.sync()
    assert bench.deletes == []
    bench.world.broken_after = None

    await bench.sync()

    assert bench.deletes == ["01"]
    await settled(bench)


async def test_lost_delete_is_made_good(bench: Bench) -> None:
    """F50: a page that is gone already is as good as deleted."""
    del bench.world.files["01"]
    bench.target.fail(LOST, external_id="01", applied=True)
    await bench.sync()

    await bench.sync()

    assert bench.deletes == ["01"]
    assert shown(bench) == expected(bench)
    await settled(bench)


async def test_p20_page_that_was_published_since_the_backup_outlives_one_bad_listing(bench: Bench) -> None:
    """The old state calls it deleted, and a request for it lost; that is no proof that it came too late."""
    store = restorable(bench)
    text = bench.world.files.pop("01")
    bench.target.fail(LOST, external_id="01", applied=True)
    await bench.sync()
    await bench.sync()
    backup = store.image()
    bench.world.files["01"] = text
    await bench.sync()
    assert store.go_back(backup)
    del bench.world.files["01"]
    bench.clock.at += WINDOW_S

    await bench.sync()

    assert bench.deletes == []
    bench.world.files["01"] = text
    bench.clock.at += WINDOW_S
    await bench.sync()
    await settled(bench)


async def test_p20_page_that_was_made_anew_since_the_backup_goes_with_its_item(bench: Bench) -> None:
    """The old state has begun to delete the page that was there before."""
    store = restorable(bench)
    text = bench.world.files.pop("01")
    bench.target.fail(LOST, external_id="01")
    await bench.sync()
    backup = store.image()
    assert store.rows["s"]["01"].state == RecordState.DELETING
    await bench.sync()
    bench.world.files["01"] = text
    await bench.sync()
    assert store.go_back(backup)
    del bench.world.files["01"]

    await bench.sync()
    await bench.sync()

    assert shown(bench) == expected(bench)
    await settled(bench)


async def test_late_delete_of_a_page_that_is_back_is_noticed(bench: Bench) -> None:
    """F51: its item returned, it was acknowledged, and then the delete took it."""
    text = bench.world.files.pop("01")
    bench.target.fail(LOST, external_id="01")
    await bench.sync()
    bench.world.files["01"] = text
    await bench.sync()
    page_id = bench.store.rows["s"]["01"].page_id
    assert page_id is not None
    await bench.target.delete(page_id, "01")

    bench.clock.at += WINDOW_S
    await bench.sync()

    assert shown(bench) == expected(bench)
    await settled(bench)


async def test_page_that_somebody_removed_is_deleted_without_fuss(bench: Bench) -> None:
    """F52: what is gone is gone."""
    page_id = bench.store.rows["s"]["01"].page_id
    assert page_id is not None
    await bench.target.delete(page_id, "01")
    del bench.world.files["01"]

    assert (await bench.sync()).report.deleted == 1

    await settled(bench)


async def _come_and_go(bench: Bench, names: list[str]) -> None:
    bench.policy = Policy(confirm=2, min_absence_s=3600.0)
    away = {name: bench.world.files.pop(name) for name in names}
    await bench.sync()
    assert bench.target.calls == []
    bench.world.files |= away


@pytest.mark.parametrize("removed", [False, True])
async def test_item_that_was_absent_is_compared_when_it_is_back(bench: Bench, removed: bool) -> None:
    """F29: somebody may have removed its page meanwhile; if nobody did, nothing is sent."""
    page_id = bench.store.rows["s"]["01"].page_id
    assert page_id is not None
    await _come_and_go(bench, ["01"])
    if removed:
        await bench.target.delete(page_id, "01")

    await bench.sync()

    assert bench.target.calls == [
        ("get", page_id if removed else "01"),
        *([("upsert", "01")] if removed else []),
    ]
    assert shown(bench) == expected(bench)
    await settled(bench)


async def test_many_rows_in_doubt_cost_one_listing(bench: Bench) -> None:
    """Ten looks are few; more are a listing's work."""
    bench.world.files |= some(40)
    await bench.sync()
    await _come_and_go(bench, list(some(11)))

    await bench.sync()

    assert bench.target.calls == [("list", "")]
    await settled(bench)


async def test_plain_tombstone_is_forgotten_without_a_request(bench: Bench) -> None:
    """All its requests were answered, so time alone makes it useless."""
    del bench.world.files["01"]
    await bench.sync()
    assert bench.store.rows["s"]["01"].state == RecordState.TOMBSTONE
    bench.clock.at += WINDOW_S

    await bench.sync()

    assert bench.target.calls == []
    assert "01" not in bench.store.rows["s"]
