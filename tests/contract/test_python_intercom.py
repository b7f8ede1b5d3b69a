"""Intercom's own Python SDK against the sandbox, over real HTTP: it is what other code of a customer uses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from intercom import AsyncIntercom, Intercom
from intercom.core.api_error import ApiError
from intercom.errors import UnauthorizedError

from syncd.sandbox import Running, Sandbox, serving
from tests.contract.openapi import described

VERSION = {"Intercom-Version": "2.16"}


@pytest.fixture
def running() -> Iterator[Running]:
    """A sandbox whose exchanges must all have been as described."""
    with serving(Sandbox(tokens=["secret"])) as running:
        yield running
        assert described().violations(running.requests) == []


@pytest.fixture
def client(running: Running) -> Iterator[Intercom]:
    """The blocking client."""
    with httpx.Client() as transport:
        yield Intercom(token="secret", base_url=running.url, headers=VERSION, httpx_client=transport)


@pytest.fixture
async def async_client(running: Running) -> AsyncIterator[AsyncIntercom]:
    """The client for coroutines."""
    async with httpx.AsyncClient() as transport:
        yield AsyncIntercom(token="secret", base_url=running.url, headers=VERSION, httpx_client=transport)


def test_the_life_of_sources_and_pages(client: Intercom, running: Running) -> None:
    """List, create, read, update and delete, with the blocking client."""
    ai = client.ai_content
    source = ai.create_content_import_source(url="https://docs.acme.com")
    assert (source.id, source.status, source.sync_behavior) == (1, "active", "api")
    listed = ai.list_content_import_sources()
    assert [each.url for each in listed.data or []] == ["https://docs.acme.com"]
    assert ai.get_content_import_source(str(source.id)).url == "https://docs.acme.com"
    changed = ai.update_content_import_source(
        str(source.id), sync_behavior="api", url="https://new.acme.com", status="deactivated"
    )
    assert (changed.url, changed.status) == ("https://new.acme.com", "deactivated")

    page = ai.create_external_page(
        title="A",
        html="<p>a</p>",
        source_id=source.id,
        external_id="a.md",
        url="https://docs.acme.com/a",
        ai_agent_availability=True,
        ai_copilot_availability=False,
    )
    assert (page.id, page.external_id, page.ai_agent_availability) == ("1", "a.md", True)
    again = ai.create_external_page(title="B", html="<p>b</p>", source_id=source.id, external_id="a.md")
    assert (again.id, again.title, again.ai_agent_availability) == ("1", "B", True)
    updated = ai.update_external_page(
        page.id, title="C", html="<p>c</p>", url="https://docs.acme.com/c", source_id=source.id
    )
    assert (updated.title, updated.url) == ("C", "https://docs.acme.com/c")
    assert ai.get_external_page(page.id).html == "<p>c</p>"
    pages = ai.list_external_pages()
    assert (pages.total_count, [each.id for each in pages.data or []]) == (1, ["1"])
    assert ai.delete_external_page(page.id).html == ""
    ai.delete_content_import_source(str(source.id))
    assert running.workspace.sources == []


async def test_the_life_of_pages_with_the_client_for_coroutines(
    async_client: AsyncIntercom, running: Running
) -> None:
    """The same trip, and the paging that the SDK leaves to its caller."""
    ai = async_client.ai_content
    source = await ai.create_content_import_source(url="https://docs.acme.com")
    for number in range(120):
        await ai.create_external_page(
            title=f"Page {number}", html="<p>a</p>", source_id=source.id, external_id=f"{number}.md"
        )
    seen: set[str] = set()
    for number in (1, 2, 3):
        listed = await ai.list_external_pages(
            request_options={"additional_query_parameters": {"page": number}}
        )
        seen |= {each.external_id for each in listed.data or []}
        assert listed.total_count == 120
        assert listed.pages is not None
        assert (listed.pages.next is None) is (number == 3)
    assert len(seen) == 120
    page = await ai.update_external_page(
        "120", title="Z", html="<p>z</p>", url="https://docs.acme.com/z", source_id=source.id
    )
    assert page.title == "Z"
    assert (await ai.get_external_page("120")).title == "Z"
    assert (await ai.delete_external_page("120")).html == ""
    assert (await ai.list_content_import_sources()).total_count == 1
    assert (await ai.get_content_import_source(str(source.id))).id == source.id
    await ai.update_content_import_source(str(source.id), sync_behavior="api", url="https://b.acme.com")
    await ai.delete_content_import_source(str(source.id))
    assert running.workspace.pages == []


def test_refusals_are_the_sdks_own_errors(client: Intercom, running: Running) -> None:
    """Status and body arrive as the SDK's users know them."""
    with pytest.raises(ApiError) as missing:
        client.ai_content.get_external_page("77")
    assert missing.value.status_code == 404
    assert missing.value.body["errors"][0]["code"] == "not_found"
    with httpx.Client() as transport, pytest.raises(UnauthorizedError):
        Intercom(
            token="wrong", base_url=running.url, headers=VERSION, httpx_client=transport
        ).ai_content.list_external_pages()


def test_the_sdk_as_it_comes_sends_no_version(running: Running) -> None:
    """The version of the app then counts, and the SDK works out of the box."""
    with httpx.Client() as transport:
        plain = Intercom(token="secret", base_url=running.url, httpx_client=transport)
        assert plain.ai_content.list_external_pages().total_count == 0

    assert "intercom-version" not in running.requests[-1].request.headers
