"""Tests of the fake that stands for Intercom."""

from __future__ import annotations

import pytest

from syncd.errors import PageUncertain
from syncd.model import Availability, Page
from syncd.testing.target import FakeTarget, TargetContract


class TestFakeTarget(TargetContract):
    """The fake keeps the promises of the real thing."""

    @pytest.fixture
    def target(self) -> FakeTarget:
        return FakeTarget()


class TestRevivingTarget(TargetContract):
    """The promises hold whatever the real service does with ids and with HTML."""

    @pytest.fixture
    def target(self) -> FakeTarget:
        return FakeTarget(revives=True, normalises=True)


PAGE = Page(external_id="a.md", title="A", html="<p>a</p>")


@pytest.mark.parametrize("applied", [False, True])
async def test_failure_may_be_applied(applied: bool) -> None:
    """A lost answer is not a lost request."""
    target = FakeTarget()
    target.fail(PageUncertain("lost"), applied=applied)

    with pytest.raises(PageUncertain):
        await target.upsert(PAGE, create=True)

    assert ("a.md" in target.held) == applied
    await target.upsert(PAGE, create=True)
    assert target.calls == [("upsert", "a.md")] * 2


async def test_failure_of_one_page_leaves_the_others() -> None:
    """A failure can wait for one page, and come several times."""
    target = FakeTarget()
    target.fail(PageUncertain("lost"), external_id="b.md", times=2)

    await target.upsert(PAGE, create=True)
    for _ in range(2):
        with pytest.raises(PageUncertain):
            await target.delete("9", "b.md")
    await target.delete("9", "b.md")


async def test_creation_flags_are_set_once() -> None:
    """An update leaves the flags alone unless the page brings its own."""
    target = FakeTarget(creation=Availability(ai_agent=True))
    await target.upsert(PAGE, create=True)
    target.flags["a.md"] = Availability(ai_agent=False)

    await target.upsert(PAGE, create=False)

    assert target.flags["a.md"] == Availability(ai_agent=False)


@pytest.mark.parametrize("revives", [False, True])
async def test_page_that_is_made_again_may_get_its_old_id(revives: bool) -> None:
    """Nobody outside knows which of the two Intercom does."""
    target = FakeTarget(revives=revives)
    first = await target.upsert(PAGE, create=True)
    await target.delete(first.page_id, "a.md")

    again = await target.upsert(PAGE, create=True)

    assert (again.page_id == first.page_id) == revives
