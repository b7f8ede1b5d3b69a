"""Tests of the Target that Intercom is."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from syncd.digest import remote_digest
from syncd.errors import (
    CredentialsRefused,
    PageRejected,
    PageUncertain,
    SourceError,
    SyncdError,
    TargetUnavailable,
)
from syncd.intercom.endpoint import PREVIEW
from syncd.intercom.pages import Pages
from syncd.intercom.retry import RetryBudget, Retrying
from syncd.intercom.transport import Answer, Counted, Request, TransportFailed
from syncd.model import Availability, Page
from syncd.testing.target import TargetContract
from tests.syncd.intercom.workspace import LOST, Workspace, answer, refusal


def a_page(**fields: Any) -> Page:
    return Page(
        **{"external_id": "a.md", "title": "A", "html": "<p>a</p>", "url": "https://docs.example.com/a"}
        | fields
    )


def a_row(**fields: object) -> dict[str, object]:
    return {
        "type": "external_page",
        "id": "21",
        "source_id": 44,
        "external_id": "a.md",
        "title": "A",
        "html": "<p>a</p>",
        "url": "https://docs.example.com/a",
    } | fields


async def upsert(workspace: Workspace, page: Page | None = None, **options: Any) -> Any:
    create = options.pop("create", False)
    return await Pages(workspace, source_id=44, **options).upsert(page or a_page(), create=create)


class TestPages(TargetContract):
    """The contract, against a workspace that forgets what was deleted."""

    @pytest.fixture
    def target(self) -> Pages:
        workspace = Workspace()
        workspace.page(source_id=45, external_id="guides/a.md")
        return Pages(workspace, source_id=44)


class TestPagesWithStubs(TargetContract):
    """The contract, against a workspace that shows what was deleted with an empty body."""

    @pytest.fixture
    def target(self) -> Pages:
        return Pages(Workspace(stub=True), source_id=44)


async def test_body_has_every_required_field_and_the_url() -> None:
    """What an upsert without url does is not documented, so it is always sent."""
    workspace = Workspace()

    await upsert(workspace)

    request = workspace.requests[0]
    assert (request.method, request.path) == ("POST", "/ai/external_pages")
    assert request.body == {
        "source_id": 44,
        "external_id": "a.md",
        "title": "A",
        "html": "<p>a</p>",
        "locale": "en",
        "url": "https://docs.example.com/a",
    }


@pytest.mark.parametrize(
    ("own", "create", "version", "flags"),
    [
        (None, True, "2.16", {"ai_agent_availability": True, "ai_copilot_availability": False}),
        (None, False, "2.16", {}),
        (Availability(ai_agent=False), False, "2.16", {"ai_agent_availability": False}),
        (Availability(ai_agent=False), True, "2.16", {"ai_agent_availability": False}),
        (Availability(ai_sales_agent=True), False, PREVIEW, {"ai_sales_agent_availability": True}),
        (Availability(ai_sales_agent=False), False, "2.17", {"ai_sales_agent_availability": False}),
        (Availability(ai_sales_agent=True), False, "2.16", {}),
    ],
)
async def test_flags_are_sent_on_create_or_when_managed(
    own: Availability | None, create: bool, version: str, flags: dict[str, bool]
) -> None:
    """A switch that a teammate set in Intercom is left alone, unless the configuration manages it."""
    workspace = Workspace()
    creation = Availability(ai_agent=True, ai_copilot=False, ai_sales_agent=True)

    await upsert(workspace, a_page(availability=own), create=create, creation=creation, version=version)

    body = workspace.requests[0].body or {}
    assert {name: flag for name, flag in body.items() if name.endswith("availability")} == flags


async def test_digest_is_of_what_the_answer_shows() -> None:
    """Intercom may normalise what it stores; a later listing shows the same."""
    workspace = Workspace()
    workspace.faults.append(answer(200, a_row(html="<p>a</p>\n", ignored={"new": 1})))

    receipt = await upsert(workspace)

    assert receipt.remote_digest == remote_digest(
        title="A", html="<p>a</p>\n", url="https://docs.example.com/a"
    )


@pytest.mark.parametrize("wrong", [{"external_id": "b.md"}, {"source_id": 45}, {"external_id": None}])
async def test_answer_for_another_page_stops_the_source(wrong: dict[str, object]) -> None:
    """If answers belong to other requests, nothing that Intercom says can be believed."""
    workspace = Workspace()
    workspace.faults.append(answer(200, a_row(**wrong)))

    with pytest.raises(TargetUnavailable, match="remote answered for a different page"):
        await upsert(workspace)


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Welcome to our hotel</html>",
        b"",
        b"{",
        b"[]",
        b"null",
        DEEP,
        json.dumps(a_row(score=float("nan"))).encode(),
        b"\xff\xfe\xfa",
        b'{"type": "list", "data": []}',
        b'{"type": "external_page"}',
    ],
    ids=["html", "empty", "cut", "array", "null", "deep", "nan", "charset", "list", "bare"],
)
async def test_success_that_is_no_page_leaves_it_uncertain(body: bytes) -> None:
    """A captive portal also answers 200."""
    workspace = Workspace()
    workspace.faults.append(Answer(status=200, headers={"content-type": "text/html"}, body=body))

    with pytest.raises(PageUncertain, match="unexpected answer from Intercom"):
        await upsert(workspace)


@pytest.mark.parametrize("wrong", [{"id": 21}, {"id": "../x"}, {"id": ""}, {"title": None}, {"url": 3}])
async def test_page_with_a_wrong_field_leaves_it_uncertain(wrong: dict[str, object]) -> None:
    """An id that cannot be one would later lead a delete astray."""
    workspace = Workspace()
    workspace.faults.append(answer(200, a_row(**wrong)))

    with pytest.raises(PageUncertain, match="unexpected answer from Intercom"):
        await upsert(workspace)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, PageRejected),
        (409, PageRejected),
        (413, PageRejected),
        (422, PageRejected),
        (401, CredentialsRefused),
        (403, CredentialsRefused),
        (404, TargetUnavailable),
        (406, TargetUnavailable),
        (429, TargetUnavailable),
        (408, PageUncertain),
        (500, PageUncertain),
        (503, PageUncertain),
    ],
)
async def test_status_decides_who_stops(status: int, error: type[SyncdError]) -> None:
    """Codes are many and new ones come; the status says what the run does."""
    workspace = Workspace()
    workspace.faults.append(refusal(status, "some_code", "html is too long"))

    with pytest.raises(error) as caught:
        await upsert(workspace)

    assert type(caught.value) is error
    assert f"html is too long [some_code] (status {status}, request req-1)" in str(caught.value)
    assert str(caught.value).count("\n") <= 2


async def test_refusal_in_full() -> None:
    """An operator reads Intercom's own reason, and the request id that its support asks for."""
    workspace = Workspace()
    workspace.faults.append(refusal(422, "parameter_invalid", "html is too long"))

    with pytest.raises(PageRejected) as caught:
        await upsert(workspace)

    assert str(caught.value) == (
        "Intercom refused page 'a.md': html is too long [parameter_invalid] (status 422, request req-1). "
        "What Intercom has stays until the document changes."
    )


async def test_foreign_words_are_made_harmless() -> None:
    """A message goes to terminals and logs: one line, bounded, no control characters, no bidi tricks."""
    workspace = Workspace()
    workspace.faults.append(refusal(422, "x", "bad\x1b[2J\r\nline\u202e" + "y" * 10_000))

    with pytest.raises(PageRejected) as caught:
        await upsert(workspace)

    text = str(caught.value)
    assert text.isprintable()
    assert "bad\\x1b[2J line\\u202e" in text
    assert len(text) < 500


async def test_version_without_ai_content_stops_the_source() -> None:
    """A 400 that is about the version is about every page."""
    workspace = Workspace()
    workspace.faults.append(refusal(400, "intercom_version_invalid", "not available in current API version."))

    with pytest.raises(TargetUnavailable, match=r"Set intercom\.version"):
        await upsert(workspace)


async def test_redirect_names_the_host_only() -> None:
    """Addresses carry secrets in their paths and queries."""
    workspace = Workspace()
    workspace.faults.append(
        Answer(status=302, headers={"location": "https://me:pw@login.example.net/x?secret=1"})
    )

    with pytest.raises(TargetUnavailable, match=r"redirected page 'a.md' to login\.example\.net;") as caught:
        await upsert(workspace)

    assert "secret" not in str(caught.value)
    assert "pw" not in str(caught.value)


async def test_nothing_is_sent_after_a_refused_credential() -> None:
    """A refused token is not tried a thousand times."""
    workspace = Workspace()
    workspace.faults.append(refusal(401, "unauthorized", "Access Token Invalid"))
    pages = Pages(workspace, source_id=44)

    for number in range(5):
        with pytest.raises(CredentialsRefused, match="Access Token Invalid"):
            await pages.upsert(a_page(external_id=str(number)), create=True)

    assert len(workspace.requests) == 1


async def test_dead_server_gets_few_requests() -> None:
    """Five hundred pages against a server that only fails cost at most sixty requests."""
    workspace = Workspace()
    workspace.faults.extend(refusal(503, "service_unavailable", "down") for _ in range(3_000))

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    counted = Counted(workspace)
    retrying = Retrying(counted, sleep=sleep, random=lambda: 0.5, budget=RetryBudget())
    pages = Pages(retrying, source_id=44)
    names = iter(range(500))
    ends: list[SyncdError] = []

    async def worker() -> None:
        for name in names:
            try:
                await pages.upsert(a_page(external_id=str(name)), create=True)
            except PageUncertain as error:
                ends.append(error)
            except SourceError as error:
                ends.append(error)
                return

    await asyncio.gather(*(worker() for _ in range(16)))

    assert counted.requests <= 60
    assert "gave no valid answer" in str(ends[-1])


async def test_one_good_answer_starts_the_count_again() -> None:
    """Failures that are spread out do not stop the run."""
    workspace = Workspace()
    pages = Pages(workspace, source_id=44)

    for number in range(40):
        if number % 8:
            workspace.faults.append(LOST)
            with pytest.raises(PageUncertain):
                await pages.upsert(a_page(), create=True)
        else:
            await pages.upsert(a_page(), create=True)

    assert len(workspace.requests) == 40


async def test_lost_answer_is_uncertain() -> None:
    """The request may have been applied."""
    workspace = Workspace()
    workspace.after.append(TransportFailed("the connection broke: reset by peer"))

    with pytest.raises(PageUncertain, match=r"no valid answer for page 'a\.md': the connection broke"):
        await upsert(workspace)

    assert len(workspace.pages) == 1


@pytest.mark.parametrize("stub", [False, True])
async def test_delete_after_a_lost_answer_is_done(stub: bool) -> None:
    """404 and an emptied page both mean that it is gone."""
    workspace = Workspace(stub=stub)
    pages = Pages(workspace, source_id=44)
    receipt = await pages.upsert(a_page(), create=True)
    workspace.after.extend([None, LOST])
    with pytest.raises(PageUncertain):
        await pages.delete(receipt.page_id, "a.md")

    await pages.delete(receipt.page_id, "a.md")

    assert workspace.pages == []


async def test_not_found_of_something_else_is_no_proof() -> None:
    """A proxy's 404 does not mean that the page is gone."""
    workspace = Workspace()
    workspace.page(id="21", external_id="a.md")
    workspace.faults.append(Answer(status=404, headers={"content-type": "text/html"}, body=b"<h1>404</h1>"))

    with pytest.raises(TargetUnavailable):
        await Pages(workspace, source_id=44).delete("21", "a.md")


async def test_empty_success_is_no_proof() -> None:
    """Networks answer 204 to test whether somebody is there."""
    workspace = Workspace()
    workspace.page(id="21", external_id="a.md")
    workspace.faults.append(Answer(status=204))

    with pytest.raises(PageUncertain):
        await Pages(workspace, source_id=44).delete("21", "a.md")


@pytest.mark.parametrize("foreign", [{"source_id": 45}, {"external_id": "b.md"}, {"external_id": None}])
async def test_foreign_page_is_never_deleted(foreign: dict[str, object]) -> None:
    """A state that was edited or restored may name any id."""
    workspace = Workspace()
    row = workspace.page(**({"id": "21", "external_id": "a.md"} | foreign))

    with pytest.raises(PageRejected, match="another page in Intercom, so it was not deleted"):
        await Pages(workspace, source_id=44).delete("21", "a.md")

    assert workspace.pages == [row]
    assert [request.method for request in workspace.requests] == ["GET"]


@pytest.mark.parametrize("page_id", ["", "..", "../content_import_sources/44", "21?x", "a/b", "21\n"])
async def test_id_that_is_no_id_sends_nothing(page_id: str) -> None:
    """An id must not lead to another path of the API."""
    workspace = Workspace()

    with pytest.raises(PageRejected, match="not an id that Intercom gives"):
        await Pages(workspace, source_id=44).delete(page_id, "a.md")

    assert workspace.requests == []


@pytest.mark.parametrize("most_per_page", [1, 7, 50, 150])
async def test_listing_reads_to_the_end_whatever_the_server_clamps(most_per_page: int) -> None:
    """A page that is shorter than asked for does not mean the end."""
    workspace = Workspace(most_per_page=most_per_page)
    for number in range(120):
        workspace.page(source_id=44 if number % 3 else 45)

    listed = [page.external_id async for page in Pages(workspace, source_id=44).pages()]

    assert sorted(listed) == sorted(
        str(row["external_id"]) for row in workspace.pages if row["source_id"] == 44
    )


async def test_rows_that_move_while_listing_are_named_once() -> None:
    """Others add pages meanwhile, and rows move to the next answer."""
    workspace = Workspace(most_per_page=2)
    for _ in range(4):
        workspace.page()

    listed: list[str] = []
    async for page in Pages(workspace, source_id=44).pages():
        if not listed:
            workspace.page()
        listed.append(page.page_id)

    assert len(listed) == len(set(listed)) == 4


async def test_page_without_external_id_is_listed_with_an_empty_one() -> None:
    """Pages that people made are shown, and match nothing of ours."""
    workspace = Workspace()
    workspace.page(external_id=None)

    listed = [page async for page in Pages(workspace, source_id=44).pages()]

    assert [page.external_id for page in listed] == [""]


@pytest.mark.parametrize(
    "body",
    [
        {"type": "list", "data": [], "pages": {"page": 1, "next": "https://api.intercom.io/again"}},
        {"type": "list", "data": [], "total_count": 9},
        {"type": "list", "data": [], "pages": {"page": 7, "total_pages": 1}},
        {"type": "list", "data": ["x"], "pages": {"page": 1, "total_pages": 1}},
        {"type": "list"},
        {"data": []},
    ],
    ids=["endless", "rest-missing", "other-page", "no-object", "no-data", "no-list"],
)
async def test_listing_that_cannot_be_whole_is_an_error(body: dict[str, object]) -> None:
    """A listing that ends early would make pages look missing."""
    workspace = Workspace()
    workspace.faults.append(answer(200, body))

    with pytest.raises(TargetUnavailable, match="the list of external pages cannot be read"):
        _ = [page async for page in Pages(workspace, source_id=44).pages()]


async def test_listing_never_ends_quietly_on_a_fault() -> None:
    """A fault on a later answer is an error, not the end."""
    workspace = Workspace(most_per_page=1)
    workspace.page()
    workspace.page()
    workspace.after.extend([None, refusal(500, "server_error", "oops")])
    listed = []

    async def walk() -> None:
        async for page in Pages(workspace, source_id=44).pages():
            listed.append(page)

    with pytest.raises(TargetUnavailable, match="oops"):
        await walk()

    assert len(listed) == 1


async def test_import_sources_are_never_written() -> None:
    """Filling a source touches its pages only."""
    workspace = Workspace()
    pages = Pages(workspace, source_id=44)
    receipt = await pages.upsert(a_page(), create=True)
    await pages.delete(receipt.page_id, "a.md")
    _ = [page async for page in pages.pages()]

    assert all(request.path.startswith("/ai/external_pages") for request in workspace.requests)


def test_requests_do_not_show_bodies() -> None:
    """The pages are private: a request in a log names no text of them."""
    assert "secret" not in repr(Request(method="POST", path="/x", body={"html": "secret"}))


async def test_refusal_after_a_lost_answer_leaves_the_page_uncertain() -> None:
    """The first try may have been applied, so the page is not simply as it was."""
    workspace = Workspace()
    workspace.after.append(LOST)

    class Refusing:
        """Refuses all but the first request."""

        async def send(self, request: Request) -> Answer:
            if workspace.requests:
                workspace.faults.append(refusal(422, "parameter_invalid", "html is too long"))
            return await workspace.send(request)

    async def sleep(seconds: float) -> None:
        pass

    transport = Retrying(Refusing(), sleep=sleep, random=lambda: 0.5, budget=RetryBudget())

    with pytest.raises(PageUncertain, match="html is too long"):
        await Pages(transport, source_id=44).upsert(a_page(), create=True)


async def test_refused_listing_is_no_error_of_a_page() -> None:
    """Whatever Intercom dislikes about the list, the source's run ends orderly."""
    workspace = Workspace()
    workspace.faults.append(refusal(422, "parameter_invalid", "per_page"))

    with pytest.raises(TargetUnavailable, match="the list of external pages"):
        [page async for page in Pages(workspace, source_id=44).pages()]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_answer_to_a_second_try_leaves_the_first_in_doubt(method: str) -> None:
    """The write is confirmed, and the try that was lost may still take effect after a newer one."""
    workspace = Workspace()
    receipt = await upsert(workspace)
    lost: list[str] = []

    class Losing:
        """Loses the first request of that method."""

        async def send(self, request: Request) -> Answer:
            if request.method == method and not lost:
                lost.append(method)
                raise LOST
            return await workspace.send(request)

    async def sleep(seconds: float) -> None:
        pass

    transport = Retrying(Losing(), sleep=sleep, random=lambda: 0.5, budget=RetryBudget())
    pages = Pages(transport, source_id=44)

    if method == "POST":
        assert not receipt.unsure
        assert (await pages.upsert(a_page(), create=False)).unsure
    else:
        assert await pages.delete(receipt.page_id, "a.md")
