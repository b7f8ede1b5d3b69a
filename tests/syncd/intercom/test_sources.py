"""Tests of finding and making import sources."""

from __future__ import annotations

import inspect

import pytest

from syncd.errors import ConfigError, CredentialsRefused, SyncdError, TargetUnavailable
from syncd.intercom import pages, sources
from syncd.intercom.sources import ImportSource, ImportSources
from syncd.intercom.transport import Answer
from tests.syncd.intercom.workspace import LOST, Workspace, answer, refusal

URL = "https://docs.example.com"


def posts(workspace: Workspace) -> int:
    return sum(request.method == "POST" for request in workspace.requests)


async def test_source_is_found_by_its_url() -> None:
    """The second run uses what the first one made."""
    workspace = Workspace()
    workspace.source(url="https://other.example.com")

    made = await ImportSources(workspace).find_or_create(URL)
    found = await ImportSources(workspace).find_or_create(URL)

    assert made == found
    assert made == ImportSource(id=22, url=URL, sync_behavior="api", status="active")
    assert posts(workspace) == 1


async def test_find_changes_nothing() -> None:
    """A plan only looks."""
    workspace = Workspace()

    assert await ImportSources(workspace).find(URL) is None
    assert posts(workspace) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://docs.example.com/", "https://docs.example.com", True),
        ("https://DOCS.Example.com", "https://docs.example.com", True),
        ("HTTPS://docs.example.com:443/", "https://docs.example.com", True),
        ("https://docs.example.com/Guide/", "https://docs.example.com/Guide", True),
        ("https://docs.example.com/Guide", "https://docs.example.com/guide", False),
        ("https://docs.example.com/?a=1", "https://docs.example.com", False),
        ("http://docs.example.com", "https://docs.example.com", False),
        ("https://docs.example.com:8443", "https://docs.example.com", False),
        ("https://docs.example.com:no", "https://docs.example.com", False),
    ],
)
async def test_urls_are_compared_by_what_they_mean(one: str, other: str, same: bool) -> None:
    """People write a slash or a capital more."""
    workspace = Workspace()
    workspace.source(url=one)

    assert (await ImportSources(workspace).find(other) is not None) == same


async def test_several_matches_are_refused() -> None:
    """Nobody but a person knows which one is meant."""
    workspace = Workspace()
    workspace.source(id=7)
    workspace.source(id=9, url=URL + "/")

    with pytest.raises(ConfigError, match=r"several import sources have the URL .*: 7, 9\. Name one"):
        await ImportSources(workspace).find_or_create(URL)

    assert posts(workspace) == 0


async def test_source_that_intercom_fills_is_refused() -> None:
    """Pages sent into a website sync would be fought over."""
    workspace = Workspace()
    workspace.source(id=7, sync_behavior="automatic")

    with pytest.raises(ConfigError, match=r"import source 7 \(.*\) has sync_behavior 'automatic'"):
        await ImportSources(workspace).get(7)
    with pytest.raises(ConfigError, match="import source 7"):
        await ImportSources(workspace).find_or_create(URL)


async def test_own_source_beside_a_website_sync_is_found() -> None:
    """Intercom may crawl the same address itself."""
    workspace = Workspace()
    workspace.source(id=7, sync_behavior="automatic")
    workspace.source(id=8)

    assert (await ImportSources(workspace).find_or_create(URL)).id == 8


async def test_deactivated_source_is_not_used() -> None:
    """Somebody switched it off in Intercom."""
    workspace = Workspace()
    workspace.source(id=7, status="deactivated")

    with pytest.raises(TargetUnavailable, match=r"import source 7 \(.*\) is deactivated in Intercom"):
        await ImportSources(workspace).find_or_create(URL)

    assert posts(workspace) == 0


async def test_unknown_id_is_named() -> None:
    """An id of another workspace, mostly."""
    with pytest.raises(TargetUnavailable, match="import source 5 is not in this Intercom workspace"):
        await ImportSources(Workspace()).get(5)


async def test_created_source_is_active_and_has_its_audiences() -> None:
    """The documented fields, and no more."""
    workspace = Workspace()

    made = await ImportSources(workspace).find_or_create(URL, audience_ids=[5678])

    assert workspace.requests[-1].body == {
        "sync_behavior": "api",
        "url": URL,
        "status": "active",
        "audience_ids": [5678],
    }
    assert made.audience_ids == (5678,)
    assert not workspace.requests[-1].repeatable


async def test_lost_creation_is_followed_by_a_look() -> None:
    """A second creation might make a second source."""
    workspace = Workspace()
    workspace.after.extend([None, LOST])

    made = await ImportSources(workspace).find_or_create(URL)

    assert made.id == workspace.sources[0]["id"]
    assert (len(workspace.sources), posts(workspace)) == (1, 1)


@pytest.mark.parametrize("lost", [LOST, refusal(502, "x", "bad gateway"), answer(200, b"<html>")])
async def test_creation_in_doubt_ends_the_run(lost: Answer | Exception) -> None:
    """If it is not there at once, it may still come."""
    workspace = Workspace()
    first = answer(200, {"type": "list", "data": [], "pages": {"page": 1, "total_pages": 1}})
    workspace.faults.extend([first, lost])

    with pytest.raises(TargetUnavailable, match="not known whether a new import source"):
        await ImportSources(workspace).find_or_create(URL)

    assert posts(workspace) == 1


async def test_refused_url_says_what_intercom_wants() -> None:
    """Internal addresses are the usual mistake."""
    workspace = Workspace()
    first = answer(200, {"type": "list", "data": []})
    workspace.faults.extend([first, refusal(422, "parameter_invalid", "url is not a valid domain")])

    with pytest.raises(ConfigError, match=r"url is not a valid domain[\s\S]*public address"):
        await ImportSources(workspace).find_or_create("http://confluence")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (refusal(401, "unauthorized", "Access Token Invalid"), CredentialsRefused),
        (refusal(403, "forbidden", "no scope"), CredentialsRefused),
        (refusal(500, "server_error", "oops"), TargetUnavailable),
        (answer(200, b"<html>"), TargetUnavailable),
        (answer(200, {"type": "content_import_source", "id": "44"}), TargetUnavailable),
        (LOST, TargetUnavailable),
    ],
)
async def test_faults_end_the_source(fault: Answer | Exception, error: type[SyncdError]) -> None:
    """No page is at fault here."""
    for call in ("get", "list"):
        workspace = Workspace()
        workspace.faults.append(fault)
        with pytest.raises(error):
            await (ImportSources(workspace).get(7) if call == "get" else ImportSources(workspace).list())


async def test_list_shows_all_of_them() -> None:
    """Also those that Intercom fills, over several answers."""
    workspace = Workspace(most_per_page=2)
    for behavior in ("api", "automatic", "manual", "api", "api"):
        workspace.source(sync_behavior=behavior)

    assert len(await ImportSources(workspace).list()) == 5


def test_no_code_deletes_a_source() -> None:
    """One such call would delete all pages of a source."""
    assert "DELETE" not in inspect.getsource(sources)
    assert "content_import_sources" not in inspect.getsource(pages)
