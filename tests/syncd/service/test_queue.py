"""Who runs, who waits, and who goes first."""

from __future__ import annotations

from syncd.service.queue import Queue


async def test_one_run_and_one_that_waits() -> None:
    """However many ask while a source runs, one run follows."""
    queue = Queue(4)
    queue.want("a", "schedule")
    running = queue.take()
    assert running is not None

    wants = {id(queue.want("a", "webhook")) for _ in range(1000)}

    assert len(wants) == 1
    assert queue.take() is None
    queue.ended(running)
    assert queue.take() is not None
    assert queue.take() is None
    assert not queue.waiting


async def test_one_who_wants_all_pages_gets_them() -> None:
    """A run that is shared does what most of them want; the first to ask gives it its name."""
    queue = Queue(4)

    queue.want("a", "schedule")
    want = queue.want("a", "manual", full=True)
    queue.want("a", "webhook")

    assert (want.why, want.full) == ("schedule", True)


async def test_longest_wait_goes_first() -> None:
    """A source that wants to run all the time does not keep others from it."""
    queue = Queue(1)
    order = []
    for name in ("busy", "b", "c"):
        queue.want(name, "schedule")
    for _ in range(5):
        want = queue.take()
        assert want is not None
        order.append(want.source)
        queue.want("busy", "webhook")
        queue.ended(want)

    assert order == ["busy", "b", "c", "busy", "busy"]


async def test_limit() -> None:
    """So many at once and no more; a source that runs takes one place, not all."""
    queue = Queue(2)
    for name in ("slow", "b", "c"):
        queue.want(name, "schedule")

    first, second = queue.take(), queue.take()

    assert queue.take() is None
    assert first is not None
    assert second is not None
    queue.ended(second)
    third = queue.take()
    assert third is not None
    assert third.source == "c"
    assert set(queue.running) == {"slow", "c"}


async def test_dropped_want_tells_those_who_wait() -> None:
    """Nobody waits for a run that never comes."""
    queue = Queue(1)
    want = queue.want("a", "manual")

    queue.drop_all()

    assert want.outcome.cancelled()
    assert queue.take() is None
