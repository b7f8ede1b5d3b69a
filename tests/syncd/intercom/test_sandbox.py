"""The adapter against the sandbox, over real HTTP: the whole stack as the application builds it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from syncd.clock import SystemClock
from syncd.errors import CredentialsRefused, PageRejected, PageUncertain, TargetUnavailable
from syncd.intercom.http import HttpTransport
from syncd.intercom.pacing import Paced, Pacer
from syncd.intercom.pages import Pages
from syncd.intercom.retry import RetryBudget, Retrying
from syncd.intercom.sources import ImportSources
from syncd.intercom.transport import Counted, Transport
from syncd.model import Availability, Page
from syncd.sandbox import Running, Sandbox, Switches, serving
from syncd.testing.target import TargetContract
from tests.contract.openapi import described

URL = "https://docs.example.com"


def a_page(**fields: Any) -> Page:
    return Page(**({"external_id": "a.md", "title": "A", "html": "<p>a</p>", "url": f"{URL}/a"} | fields))


@asynccontextmanager
async def stack(running: Running, *, token: str = "tok", **options: Any) -> AsyncIterator[Counted]:
    """The connections of one run."""
    async with HttpTransport(running.url, lambda: token, **options) as http:
        yield Counted(http)


def retrying(counted: Counted) -> Transport:
    paced = Paced(counted, Pacer(clock=SystemClock(), sleep=SystemClock().sleep))
    return Retrying(paced, sleep=SystemClock().sleep, random=lambda: 0.01, budget=RetryBudget())


class TestPagesOverHttp(TargetContract):
    """The contract, under each reading of what Intercom does not document."""

    @pytest.fixture(
        params=[
            Switches(),
            Switches(delete_again="stub", get_deleted="stub", repost_after_delete="old-id"),
            Switches(html_returned="normalised", extra_fields=True, deleted_html="kept", per_page_max=1),
            Switches(identical_upsert="ignore", upsert_without_url="clear", page_order="oldest"),
        ],
        ids=["default", "stubs", "normalised", "other"],
    )
    async def target(self, request: pytest.FixtureRequest) -> AsyncIterator[Pages]:
        with serving(Sandbox(switches=request.param)) as running:
            async with stack(running) as counted:
                transport = retrying(counted)
                source = await ImportSources(transport).find_or_create(URL)
                yield Pages(transport, source_id=source.id)


async def test_source_is_made_once() -> None:
    """Whoever asks again gets the same one."""
    with serving(Sandbox()) as running:
        async with stack(running) as counted:
            sources = ImportSources(retrying(counted))
            made = await sources.find_or_create(URL, audience_ids=[5678])

            assert await sources.find_or_create(URL + "/") == made
            assert await sources.get(made.id) == made
            assert await sources.list() == [made]


@pytest.mark.parametrize("fault", ["drop-after:POST:1", "503-after:POST:1", "503:POST:1-2", "drop:POST:1"])
async def test_lost_answers_leave_one_page(fault: str) -> None:
    """Sent again until an answer comes, and there is one page."""
    with serving(Sandbox()) as running:
        async with stack(running) as counted:
            transport = retrying(counted)
            source = await ImportSources(transport).find_or_create(URL)
            running.faults.add(fault)

            receipt = await Pages(transport, source_id=source.id).upsert(a_page(), create=True)

        assert [str(page.id) for page in running.workspace.pages] == [receipt.page_id]


async def test_wrong_token_stops_the_source() -> None:
    """With the way out in the message."""
    with serving(Sandbox(tokens=["good"])) as running:
        async with stack(running, token="bad") as counted:
            with pytest.raises(CredentialsRefused, match="Access Token Invalid"):
                await ImportSources(retrying(counted)).find_or_create(URL)

    assert counted.requests == 1


async def test_version_without_ai_content_stops_the_source() -> None:
    """2.11 has no AI content."""
    with serving(Sandbox()) as running:
        async with stack(running, version="2.11") as counted:
            with pytest.raises(TargetUnavailable, match=r"Set intercom\.version"):
                await ImportSources(retrying(counted)).find_or_create(URL)


async def test_refused_page_names_the_reason() -> None:
    """The page is at fault, and the next one goes through."""
    with serving(Sandbox(switches=Switches(html_max_bytes=100))) as running:
        async with stack(running) as counted:
            transport = retrying(counted)
            source = await ImportSources(transport).find_or_create(URL)
            pages = Pages(transport, source_id=source.id)

            with pytest.raises(PageRejected, match=r"^Intercom refused page 'a\.md': "):
                await pages.upsert(a_page(html="<p>" + "x" * 200 + "</p>"), create=True)
            await pages.upsert(a_page(), create=True)


async def test_deleted_source_is_not_made_anew() -> None:
    """Somebody took it away on purpose."""
    with serving(Sandbox()) as running:
        async with stack(running) as counted:
            with pytest.raises(TargetUnavailable, match="import source 4711 is gone or deactivated"):
                await Pages(retrying(counted), source_id=4711).upsert(a_page(), create=True)


async def test_limit_is_kept_without_a_refusal() -> None:
    """Windows of two seconds with sixty requests, a hundred and thirty to send, sixteen at once."""
    with serving(Sandbox(switches=Switches(rate_limit=60, rate_window_s=2))) as running:
        async with stack(running) as counted:
            transport = retrying(counted)
            source = await ImportSources(transport).find_or_create(URL)
            pages = Pages(transport, source_id=source.id)
            numbers = iter(range(130))

            async def worker() -> None:
                for number in numbers:
                    await pages.upsert(a_page(external_id=str(number)), create=True)

            await asyncio.gather(*(worker() for _ in range(16)))

        statuses = [exchange.answer.status for exchange in running.requests if exchange.answer]
        assert statuses == [200] * 132


async def test_requests_match_the_description() -> None:
    """Every call that syncd makes is as Intercom's own OpenAPI description of 2.16 has it."""
    description = described()
    with serving(Sandbox()) as running:
        async with stack(running) as counted:
            transport = retrying(counted)
            sources = ImportSources(transport)
            source = await sources.find_or_create(URL, audience_ids=[5678])
            await sources.get(source.id)
            flags = Availability(ai_agent=True, ai_copilot=False, ai_sales_agent=True)
            pages = Pages(transport, source_id=source.id, creation=flags)
            receipt = await pages.upsert(a_page(), create=True)
            await pages.upsert(a_page(url=None, availability=flags), create=False)
            await pages.delete(receipt.page_id, "a.md")
            _ = [page async for page in pages.pages()]

        assert description.violations(running.requests) == []
        assert [exchange.request.method for exchange in running.requests] == [
            *("GET", "POST", "GET"),
            *("POST", "POST"),
            *("GET", "DELETE"),
            "GET",
        ]


async def test_uncertain_page_is_told_as_such() -> None:
    """After the last try nobody knows."""
    with serving(Sandbox()) as running:
        async with stack(running) as counted:
            transport = retrying(counted)
            source = await ImportSources(transport).find_or_create(URL)
            for _ in range(5):
                running.faults.add("drop-after:POST")
            with pytest.raises(
                PageUncertain, match=r"no valid answer for page 'a\.md': the connection broke"
            ):
                await Pages(transport, source_id=source.id).upsert(a_page(), create=True)
