"""The behaviours that a trustworthy stand-in must have, one by one, under the number of each."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from syncd.sandbox import Sandbox
from syncd.sandbox.bodies import is_public
from syncd.sandbox.exchange import Request
from tests.syncd.sandbox.client import PAGES, SOURCES, Client, page_body

RATE = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}


@pytest.mark.parametrize("token", [None, ""])
def test_row_01_without_a_token_401_and_no_rate_headers(token: str | None) -> None:
    """Who is not known is told nothing about an allowance."""
    reply = Client().call("GET", SOURCES, token=token)

    assert (reply.status, reply.code, reply.body["errors"][0]["message"]) == (
        401,
        "unauthorized",
        "Access Token Invalid",
    )
    assert not RATE & reply.headers.keys()


def test_row_01_a_token_that_is_not_given_out_is_refused() -> None:
    """With named tokens, no other one is taken."""
    client = Client(tokens={"right": "write"})

    assert client.call("GET", SOURCES, token="right").status == 200
    assert client.call("GET", SOURCES, token="wrong").status == 401


def test_row_02_an_error_is_an_error_list_with_a_uuid() -> None:
    """The envelope names the request, and so does the header."""
    reply = Client().call("GET", f"{PAGES}/1")

    assert reply.body["type"] == "error.list"
    assert str(uuid.UUID(reply.body["request_id"])) == reply.headers["X-Request-Id"]
    assert reply.body["errors"] == [{"code": "not_found", "message": "Resource Not Found"}]


def test_row_03_rate_headers_on_success_and_on_refusal() -> None:
    """Every answer to a known token tells the allowance."""
    client = Client()

    assert client.call("GET", SOURCES).headers.keys() >= RATE
    assert client.call("GET", f"{PAGES}/1").headers.keys() >= RATE


def test_row_04_a_window_counts_down_and_starts_again() -> None:
    """Windows are fixed: ten seconds from a multiple of ten."""
    client = Client()
    client.now = 1_700_000_003.2

    first, second = client.call("GET", SOURCES), client.call("GET", SOURCES)
    client.now = 1_700_000_010.0
    third = client.call("GET", SOURCES)

    assert [each.headers["X-RateLimit-Remaining"] for each in (first, second, third)] == [
        "1666",
        "1665",
        "1666",
    ]
    assert first.headers["X-RateLimit-Limit"] == "1667"
    assert first.headers["X-RateLimit-Reset"] == "1700000010"
    assert third.headers["X-RateLimit-Reset"] == "1700000020"


def test_row_04_windows_may_start_at_the_first_request() -> None:
    """The end is rounded up to a whole second, so that waiting until it is enough."""
    client = Client(rate_windows="first-request", rate_window_s=7)
    client.now = 1_700_000_003.2

    assert client.call("GET", SOURCES).headers["X-RateLimit-Reset"] == "1700000011"


@pytest.mark.parametrize("retry_after", [False, True])
def test_row_05_one_request_too_many_is_429_until_the_reset(retry_after: bool) -> None:
    """It is refused, nothing is applied, and after the window's end it goes on."""
    client = Client(rate_limit=2, retry_after=retry_after)
    client.source()
    client.page()

    refused = client.call("POST", PAGES, page_body(external_id="b.md"))
    held = len(client.sandbox.workspace.pages)
    client.now += 10

    assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
    assert refused.body["errors"][0]["message"] == "Exceeded rate limit of 2 in 10_seconds"
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    assert refused.headers.get("Retry-After") == ("10" if retry_after else None)
    assert held == 1
    assert client.call("GET", SOURCES).status == 200


def test_row_05_no_limit_sends_no_headers() -> None:
    """With a limit of 0 nothing is refused and nothing is told."""
    client = Client(rate_limit=0, workspace_rate_limit=0)

    replies = [client.call("GET", SOURCES) for _ in range(20)]

    assert {each.status for each in replies} == {200}
    assert not RATE & replies[-1].headers.keys()


def test_row_06_two_tokens_have_two_counters_and_share_the_workspace() -> None:
    """One app's requests leave the other's allowance alone, until the workspace's own is used up."""
    client = Client(rate_limit=3, workspace_rate_limit=4)

    first = [client.call("GET", SOURCES, token="one") for _ in range(4)]
    second = [client.call("GET", SOURCES, token="two") for _ in range(2)]

    assert [each.status for each in first] == [200, 200, 200, 429]
    assert [each.status for each in second] == [200, 429]
    assert second[0].headers["X-RateLimit-Remaining"] == "2"
    assert second[1].body["errors"][0]["message"] == "Exceeded rate limit of 4 in 10_seconds"


def test_row_06_headers_may_tell_the_tighter_counter() -> None:
    """The switch makes the workspace's counter visible as soon as it has least left."""
    client = Client(rate_limit=100, workspace_rate_limit=4, rate_headers="tightest")

    assert client.call("GET", SOURCES).headers["X-RateLimit-Limit"] == "4"


def test_row_07_without_a_version_the_apps_own_counts() -> None:
    """An app that never chose a version is on 1.0, which has no AI Content."""
    reply = Client(version=None, app_version="1.0").call("GET", PAGES)

    assert (reply.status, reply.code) == (400, "intercom_version_invalid")
    assert "not available in current API version" in reply.body["errors"][0]["message"]
    assert Client(version=None).call("GET", PAGES).status == 200


@pytest.mark.parametrize(
    ("version", "status"),
    [("2.11", 400), ("2.12", 200), ("2.9", 400), ("2.17", 200), ("Preview", 200)],
)
def test_row_07_ai_content_exists_since_2_12(version: str, status: int) -> None:
    """Versions are numbers and not text: 2.9 is older than 2.12."""
    assert Client().call("GET", PAGES, version=version).status == status


@pytest.mark.parametrize("version", ["3.0", "2.99", "latest"])
def test_row_08_an_unknown_version_is_400(version: str) -> None:
    """A version that does not exist is not taken for another."""
    reply = Client().call("GET", PAGES, version=version)

    assert (reply.status, reply.code) == (400, "intercom_version_invalid")
    assert reply.body["errors"][0]["message"] == "The requested version could not be found"


@pytest.mark.parametrize(("version", "shown"), [("2.14", False), ("2.15", True), ("Preview", True)])
def test_row_09_a_source_is_made_with_integer_id_and_defaults(version: str, shown: bool) -> None:
    """200 and not 201; audience_ids only since 2.15."""
    client = Client(version=version)

    reply = client.call("POST", SOURCES, {"sync_behavior": "api", "url": "https://docs.acme.com"})

    assert reply.status == 200
    at = 1_700_000_000
    assert reply.body == {
        "id": 1,
        "type": "content_import_source",
        "url": "https://docs.acme.com",
        "sync_behavior": "api",
        "status": "active",
        "last_synced_at": at,
        "created_at": at,
        "updated_at": at,
    } | ({"audience_ids": []} if shown else {})


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("behavior", ["automatic", "manual", "API", ""])
def test_row_10_only_api_sources_are_made(behavior: str, status: int) -> None:
    """Another sync_behavior is refused, under the status that the switch names."""
    client = Client(invalid_value_status=status)

    reply = client.call("POST", SOURCES, {"sync_behavior": behavior, "url": "https://docs.acme.com"})

    assert (reply.status, reply.code) == (status, "parameter_invalid")
    assert client.sandbox.workspace.sources == []


@pytest.mark.parametrize("body", [{"sync_behavior": "api"}, {"url": "https://docs.acme.com"}])
def test_row_10_both_fields_are_required(body: dict[str, str]) -> None:
    """A source without url or sync_behavior is refused."""
    reply = Client().call("POST", SOURCES, body)

    assert (reply.status, reply.code) == (400, "parameter_not_found")


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://127.0.0.1",
        "https://10.1.2.3/wiki",
        "https://[::1]/",
        "http://confluence/",
        "https://wiki.local",
        "https://wiki.corp.internal",
        "ftp://docs.acme.com",
        "docs.acme.com",
        "https://",
        "https://docs.acme.com:port",
        "https://a b.com",
    ],
)
def test_row_11_a_source_url_is_public(url: str) -> None:
    """2.17's documentation asks for http(s) and a public domain name; the switch gives that up."""
    body = {"sync_behavior": "api", "url": url}

    assert Client().call("POST", SOURCES, body).status == 422
    assert Client(source_url="any").call("POST", SOURCES, body).status == 200


@pytest.mark.parametrize(
    "url",
    ["https://docs.acme.com", "http://acme.co.uk:8080/a?b#c", "https://bücher.example", "HTTPS://A.B.COM"],
)
def test_row_11_public_urls_are_taken(url: str) -> None:
    """Ports, paths and international names are fine."""
    assert is_public(url)


def test_row_11_the_same_url_twice() -> None:
    """Whether urls are unique is unknown."""
    body = {"sync_behavior": "api", "url": "https://docs.acme.com"}
    lenient, strict = Client(), Client(duplicate_source_url="reject")

    assert [lenient.call("POST", SOURCES, body).status for _ in range(2)] == [200, 200]
    assert [strict.call("POST", SOURCES, body).status for _ in range(2)] == [200, 422]


def _crawled(client: Client) -> None:
    client.sandbox.workspace.add_source(url="https://docs.acme.com", now=0, sync_behavior="automatic")


def test_row_12_an_api_source_may_change_its_url() -> None:
    """The update answers with the whole source and leaves created_at."""
    client = Client()
    client.source()
    client.now += 5

    reply = client.call("PUT", f"{SOURCES}/1", {"sync_behavior": "api", "url": "https://new.acme.com"})

    assert reply.status == 200
    assert reply.body["url"] == "https://new.acme.com"
    assert reply.body["updated_at"] - reply.body["created_at"] == 5


def test_row_12_a_crawled_source_keeps_its_url_and_its_kind() -> None:
    """automatic and manual may be exchanged, but not with api; `automated` is the spec's other spelling."""
    client = Client()
    _crawled(client)

    def put(behavior: str, url: str = "https://docs.acme.com") -> int:
        return client.call("PUT", f"{SOURCES}/1", {"sync_behavior": behavior, "url": url}).status

    assert put("automated") == 200
    assert put("automatic", "https://new.acme.com") == 422
    assert put("api") == 422
    assert put("manual") == 200


def test_row_12_an_api_source_stays_one() -> None:
    """sync_behavior cannot leave api."""
    client = Client()
    client.source()

    reply = client.call("PUT", f"{SOURCES}/1", {"sync_behavior": "manual", "url": "https://docs.acme.com"})

    assert (reply.status, reply.code) == (422, "parameter_invalid")


@pytest.mark.parametrize(("switch", "expected"), [("active", "active"), ("keep", "deactivated")])
def test_row_12_an_update_without_status(switch: str, expected: str) -> None:
    """The schema's default may switch a deactivated source on again."""
    client = Client(put_source_without_status=switch)
    client.source(status="deactivated")

    reply = client.call("PUT", f"{SOURCES}/1", {"sync_behavior": "api", "url": "https://docs.acme.com"})

    assert reply.body["status"] == expected


@pytest.mark.parametrize(("switch", "status"), [("reject", 422), ("accept", 200)])
def test_row_12_pages_in_a_crawled_source(switch: str, status: int) -> None:
    """Whether the API may write into a source that Intercom crawls is unknown."""
    client = Client(crawled_source=switch)
    _crawled(client)

    assert client.call("POST", PAGES, page_body()).status == status


@pytest.mark.parametrize(("switch", "status"), [("reject", 422), ("accept", 200)])
def test_row_12_pages_in_a_deactivated_source(switch: str, status: int) -> None:
    """What deactivating does to writes is unknown."""
    client = Client(deactivated_source=switch)
    client.source(status="deactivated")

    assert client.call("POST", PAGES, page_body()).status == status


@pytest.mark.parametrize(
    ("sent", "held"), [(7, [7]), ([7, 8, 7], [7, 8]), (None, []), ([], []), ("absent", [5])]
)
def test_row_13_audiences_are_set_cleared_or_kept(sent: object, held: list[int]) -> None:
    """A number is taken for a list of one; null and [] clear; nothing said keeps."""
    client = Client(audiences=(5, 7, 8))
    client.source(audience_ids=[5])
    body: dict[str, Any] = {"sync_behavior": "api", "url": "https://docs.acme.com"}

    reply = client.call("PUT", f"{SOURCES}/1", body if sent == "absent" else body | {"audience_ids": sent})

    assert reply.body["audience_ids"] == held


@pytest.mark.parametrize(("applied", "old"), [(True, (7,)), (False, (5,))])
def test_row_14_a_change_of_audience_reaches_old_pages_only_when_asked(
    applied: bool, old: tuple[int, ...]
) -> None:
    """A page takes the audience of its source when it is made."""
    client = Client(audiences=(5, 7))
    client.source(audience_ids=5)
    client.page(external_id="old.md")
    body = {"sync_behavior": "api", "url": "https://docs.acme.com", "audience_ids": [7]}
    client.call("PUT", f"{SOURCES}/1", body | {"apply_audience_to_existing_content": applied})
    client.page(external_id="new.md")

    assert [page.audience_ids for page in client.sandbox.workspace.pages] == [old, (7,)]


@pytest.mark.parametrize(("switch", "status"), [("reject", 404), ("accept", 200)])
def test_row_15_an_unknown_audience(switch: str, status: int) -> None:
    """It is refused as a whole, naming the ids: nothing is committed."""
    client = Client(audiences=(5,), unknown_audience=switch)
    body = {"sync_behavior": "api", "url": "https://docs.acme.com", "audience_ids": [5, 999]}

    reply = client.call("POST", SOURCES, body)

    assert reply.status == status
    if status == 404:
        assert reply.code == "parameter_invalid"
        assert "999" in reply.body["errors"][0]["message"]
        assert client.sandbox.workspace.sources == []


def test_row_16_a_deleted_source_takes_its_pages_along() -> None:
    """204 without a body; the pages of other sources stay."""
    client = Client()
    client.source()
    client.source("https://other.acme.com")
    gone, stays = client.page(1), client.page(2)

    reply = client.call("DELETE", f"{SOURCES}/1")

    assert (reply.status, reply.body) == (204, None)
    assert client.call("GET", f"{PAGES}/{gone['id']}").status == 404
    assert client.call("GET", f"{PAGES}/{stays['id']}").status == 200
    assert client.call("GET", PAGES).body["total_count"] == 1
    assert [each["id"] for each in client.call("GET", SOURCES).body["data"]] == [2]


def test_row_17_an_upsert_keeps_id_and_creation_and_renews_the_rest() -> None:
    """200 both times; one page."""
    client = Client()
    client.source()
    first = client.page(html="<p>one</p>")
    client.now += 60
    second = client.page(html="<p>two</p>", title="B", url="https://docs.acme.com/b")

    assert (second["id"], second["created_at"]) == (first["id"], first["created_at"])
    assert second["updated_at"] == first["updated_at"] + 60
    assert (second["html"], second["title"], second["url"]) == ("<p>two</p>", "B", "https://docs.acme.com/b")
    assert client.call("GET", PAGES).body["total_count"] == 1


@pytest.mark.parametrize(("switch", "moved_s"), [("touch", 60), ("ignore", 0)])
def test_row_17_an_upsert_that_changes_nothing(switch: str, moved_s: int) -> None:
    """Whether Intercom notices identical content is unknown."""
    client = Client(identical_upsert=switch)
    client.source()
    first = client.page()
    client.now += 60

    assert client.page()["updated_at"] - first["updated_at"] == moved_s


@pytest.mark.parametrize(
    ("switch", "expected"),
    [("verbatim", "<P CLASS=x>a<br>b"), ("normalised", '<p class="x">a<br>b</p>')],
)
def test_row_17_html_comes_back_as_the_switch_says(switch: str, expected: str) -> None:
    """A client that compares what it sent with what is held must bear both."""
    client = Client(html_returned=switch)
    client.source()

    assert client.page(html="<P CLASS=x>a<br>b")["html"] == expected


def test_row_18_one_external_id_in_two_sources_is_two_pages() -> None:
    """The key is the pair."""
    client = Client()
    client.source()
    client.source("https://other.acme.com")

    assert client.page(1)["id"] != client.page(2)["id"]
    assert client.call("GET", PAGES).body["total_count"] == 2


@pytest.mark.parametrize("default", [False, True])
def test_row_19_flags_have_a_default_on_create_and_none_on_update(default: bool) -> None:
    """An upsert that does not say a flag keeps it."""
    client = Client(create_flags_default=default)
    client.source()

    created = client.page()
    said = client.page(ai_agent_availability=not default)
    silent = client.page(title="B")

    flags = ("ai_agent_availability", "ai_copilot_availability", "ai_sales_agent_availability")
    assert [created[name] for name in flags] == [default] * 3
    assert [said[name] for name in flags] == [not default, default, default]
    assert [silent[name] for name in flags] == [not default, default, default]


@pytest.mark.parametrize(("version", "held"), [("2.16", False), ("2.17", True), ("Preview", True)])
def test_row_19_the_sales_flag_is_for_later_versions(version: str, held: bool) -> None:
    """2.16's description of POST does not have it: it is passed over."""
    client = Client(version=version)
    client.source()

    assert client.page(ai_sales_agent_availability=True)["ai_sales_agent_availability"] is held


@pytest.mark.parametrize(("switch", "expected"), [("keep", "https://docs.acme.com/a"), ("clear", None)])
def test_row_20_an_upsert_without_url(switch: str, expected: str | None) -> None:
    """Kept or cleared: a client that always sends url does not care."""
    client = Client(upsert_without_url=switch)
    client.source()
    client.page()

    assert client.page(url=None).get("url") == expected


@pytest.mark.parametrize(("switch", "status"), [("clear", 200), ("reject", 400)])
def test_row_20_an_upsert_whose_url_is_null(switch: str, status: int) -> None:
    """The description does not allow null; what the server does is unknown."""
    client = Client(null_url=switch)
    client.source()
    client.page()

    reply = client.call("POST", PAGES, page_body() | {"url": None})

    assert reply.status == status
    assert ("url" in client.call("GET", f"{PAGES}/1").body) is (status == 400)


@pytest.mark.parametrize(
    ("version", "since", "status"),
    [
        ("2.16", "2.17", 400),
        ("Preview", "2.17", 400),
        ("2.17", "2.17", 200),
        ("2.16", "2.1", 200),
        ("2.17", "never", 400),
    ],
)
def test_row_21_a_page_update_without_url(version: str, since: str, status: int) -> None:
    """Up to 2.16 it is required; with 2.17's rules leaving it out removes the page's url."""
    client = Client(version=version, rules_2_17_since=since)
    client.source()
    client.page()

    reply = client.call("PUT", f"{PAGES}/1", page_body(url=None, title="B"))

    assert reply.status == status
    if status == 200:
        assert "url" not in reply.body
        assert reply.body["title"] == "B"


@pytest.mark.parametrize(("switch", "expected"), [("keep", True), ("clear", False)])
def test_row_21_a_page_update_without_flags(switch: str, expected: bool) -> None:
    """Where PUT may set flags, leaving them out may keep or clear them."""
    client = Client(version="2.17", put_without_flags=switch)
    client.source()
    client.page(ai_agent_availability=True)

    assert client.call("PUT", f"{PAGES}/1", page_body()).body["ai_agent_availability"] is expected


@pytest.mark.parametrize(("version", "held"), [("2.16", False), ("2.17", True)])
def test_row_21_a_page_update_sets_flags_since_2_17(version: str, held: bool) -> None:
    """2.16's description of PUT does not have them."""
    client = Client(version=version)
    client.source()
    client.page()

    reply = client.call("PUT", f"{PAGES}/1", page_body(ai_copilot_availability=True))

    assert reply.body["ai_copilot_availability"] is held


@pytest.mark.parametrize(("switch", "expected"), [("ignore", False), ("apply", True)])
def test_row_21_the_default_of_fin_availability(switch: str, expected: bool) -> None:
    """If the server applies the schema's default, an update may switch on a page that was off."""
    client = Client(put_fin_availability=switch)
    client.source()
    client.page(ai_agent_availability=False)

    reply = client.call("PUT", f"{PAGES}/1", page_body())

    assert reply.body["ai_agent_availability"] is reply.body["fin_availability"] is expected


@pytest.mark.parametrize(("switch", "status", "key"), [("move", 200, "b.md"), ("ignore", 200, "a.md")])
def test_row_21_a_page_update_with_another_external_id(switch: str, status: int, key: str) -> None:
    """Whether a page can move is unknown."""
    client = Client(put_moves_page=switch)
    client.source()
    client.page()

    reply = client.call("PUT", f"{PAGES}/1", page_body(external_id="b.md"))

    assert (reply.status, reply.body["external_id"]) == (status, key)


def test_row_21_a_page_update_that_moves_may_be_refused() -> None:
    """The third setting; and a key that another page has is a conflict."""
    refusing, moving = Client(put_moves_page="reject"), Client()
    for client in (refusing, moving):
        client.source()
        client.page()
        client.page(external_id="b.md")

    assert refusing.call("PUT", f"{PAGES}/1", page_body(external_id="c.md")).status == 422
    assert moving.call("PUT", f"{PAGES}/1", page_body(external_id="b.md")).status == 409
    assert moving.call("PUT", f"{PAGES}/1", page_body(external_id=None)).body["external_id"] == "a.md"


@pytest.mark.parametrize(
    ("version", "locale", "status"),
    [
        ("2.16", "en", 200),
        ("2.16", "fr", 422),
        ("2.17", "fr", 200),
        ("2.17", "xx", 422),
        ("Preview", "fr", 422),
    ],
)
def test_row_22_locales(version: str, locale: str, status: int) -> None:
    """Always en up to 2.16; a language of the workspace with 2.17's rules."""
    client = Client(version=version, locales=("en", "fr"))
    client.source()

    assert client.call("POST", PAGES, page_body(locale=locale)).status == status


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("field", ["title", "html", "locale", "source_id", "external_id"])
def test_row_23_a_missing_field(field: str, status: int) -> None:
    """Each required field is asked for by name, and nothing is held."""
    client = Client(missing_field_status=status)
    client.source()

    reply = client.call("POST", PAGES, page_body(**{field: None}))

    assert (reply.status, reply.code) == (status, "parameter_not_found")
    assert reply.body["errors"][0]["field"] == field
    assert client.sandbox.workspace.pages == []


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "fields", [{"title": 7}, {"source_id": "1"}, {"source_id": True}, {"ai_agent_availability": "yes"}]
)
def test_row_23_a_field_of_another_type(fields: dict[str, object], status: int) -> None:
    """Types are as described."""
    client = Client(mistyped_field_status=status)
    client.source()

    assert client.call("POST", PAGES, page_body(**fields)).status == status


@pytest.mark.parametrize(("switch", "status"), [("reject", 422), ("accept", 200)])
@pytest.mark.parametrize("field", ["title", "html", "external_id"])
def test_row_23_a_blank_field(field: str, switch: str, status: int) -> None:
    """Whether an empty text counts is unknown."""
    client = Client(blank_text=switch)
    client.source()

    assert client.call("POST", PAGES, page_body(**{field: " "})).status == status


@pytest.mark.parametrize("status", [404, 422])
def test_row_24_an_unknown_source(status: int) -> None:
    """A page needs a source."""
    reply = Client(unknown_source_status=status).call("POST", PAGES, page_body(source_id=9))

    assert reply.status == status
    assert reply.code == ("not_found" if status == 404 else "parameter_invalid")


@pytest.mark.parametrize(("switch", "html"), [("empty", ""), ("kept", "<p>a</p>")])
def test_row_25_a_delete_answers_with_the_page(switch: str, html: str) -> None:
    """The whole object, as the example shows without its html."""
    client = Client(deleted_html=switch)
    client.source()
    page = client.page()

    reply = client.call("DELETE", f"{PAGES}/1")

    assert reply.status == 200
    assert reply.body == page | {"html": html}


@pytest.mark.parametrize(("switch", "status"), [("404", 404), ("stub", 200)])
def test_row_26_deleting_twice(switch: str, status: int) -> None:
    """For a page and for a source."""
    client = Client(delete_again=switch)
    client.source()
    client.page()
    first = client.call("DELETE", f"{PAGES}/1")
    second = client.call("DELETE", f"{PAGES}/1")
    client.call("DELETE", f"{SOURCES}/1")

    assert (first.status, second.status) == (200, status)
    assert client.call("DELETE", f"{SOURCES}/1").status == (404 if status == 404 else 204)
    assert client.call("DELETE", f"{PAGES}/77").status == 404


@pytest.mark.parametrize(("switch", "status"), [("404", 404), ("stub", 200)])
def test_row_26_reading_a_deleted_page(switch: str, status: int) -> None:
    """A read may still show the page, without html; an update never finds it."""
    client = Client(get_deleted=switch)
    client.source()
    client.page()
    client.call("DELETE", f"{PAGES}/1")

    reply = client.call("GET", f"{PAGES}/1")

    assert reply.status == status
    assert reply.body.get("html", "") == ""
    assert client.call("PUT", f"{PAGES}/1", page_body()).status == 404
    assert client.call("GET", PAGES).body["data"] == []


@pytest.mark.parametrize("item", ["7", "x", "", "01", "-1", "1/2", "٣"])
def test_row_26_an_id_that_names_nothing(item: str) -> None:
    """Whatever stands in the path, the answer is 404."""
    client = Client()
    client.source()
    client.page()

    for method in ("GET", "PUT", "DELETE"):
        assert client.call(method, f"{PAGES}/{item}", page_body()).status == 404
        assert client.call(method, f"{SOURCES}/{item}", page_body()).status == 404


@pytest.mark.parametrize(("switch", "expected"), [("new-id", ["2", "1"]), ("old-id", ["1", "2"])])
def test_row_27_a_page_made_again(switch: str, expected: list[str]) -> None:
    """Under a new id, or under its old one, in whose place it is then listed."""
    client = Client(repost_after_delete=switch)
    client.source()
    client.page()
    client.call("DELETE", f"{PAGES}/1")
    if switch == "old-id":
        client.page(external_id="b.md")
    again = client.page()["id"]
    if switch == "new-id":
        assert again == "2"
        assert client.call("GET", f"{PAGES}/1").status == 404
        return
    assert again == "1"
    assert [each["id"] for each in client.call("GET", PAGES).body["data"]] == expected[::-1]


def _filled(pages: int, **switches: Any) -> Client:
    client = Client(**switches)
    client.source()
    for number in range(pages):
        client.page(external_id=f"{number}.md")
    return client


def test_row_28_a_list_is_walked_by_next() -> None:
    """Each page once; next is absolute, on the host that was asked; the last page has none."""
    client = _filled(7)
    url, seen = f"{PAGES}?per_page=3", []
    for _ in range(3):
        body = client.call("GET", url).body
        seen += [row["external_id"] for row in body["data"]]
        url = body["pages"].get("next", "")
        assert body["total_count"] == 7
        assert url == "" or url.startswith(f"http://intercom.test:80{PAGES}?page=")
        url = url.removeprefix("http://intercom.test:80")

    assert url == ""
    assert sorted(seen) == [f"{number}.md" for number in range(7)]


@pytest.mark.parametrize(
    ("query", "most", "rows", "per_page"),
    [
        ("", 50, 50, 50),
        ("?per_page=150", 50, 50, 50),
        ("?per_page=150", 150, 60, 150),
        ("?per_page=7", 50, 7, 7),
    ],
)
def test_row_28_per_page(query: str, most: int, rows: int, per_page: int) -> None:
    """50 by default; above the most it is clamped, and the answer says so."""
    body = _filled(60, per_page_max=most).call("GET", PAGES + query).body

    assert (len(body["data"]), body["pages"]["per_page"]) == (rows, per_page)
    assert body["pages"]["total_pages"] == -(-60 // per_page)


def test_row_28_per_page_by_default_and_above_the_most() -> None:
    """The two other switches of lists."""
    assert len(_filled(5, per_page_default=2).call("GET", PAGES).body["data"]) == 2
    client = Client(per_page_above_max="reject")
    assert [client.call("GET", f"{PAGES}?per_page={size}").status for size in (50, 51)] == [200, 400]


@pytest.mark.parametrize(("switch", "status"), [("reject", 400), ("first", 200)])
@pytest.mark.parametrize("query", ["page=0", "page=x", "per_page=-1", "page="])
def test_row_28_a_page_number_that_is_none(query: str, switch: str, status: int) -> None:
    """Refused, or read as if it were absent."""
    assert Client(bad_page_number=switch).call("GET", f"{PAGES}?{query}").status == status


def test_row_28_beyond_the_end_and_of_nothing() -> None:
    """A page after the last one is empty; an empty list has one page."""
    body = _filled(1).call("GET", f"{PAGES}?page=9").body

    assert body["data"] == []
    assert "next" not in body["pages"]
    assert Client().call("GET", PAGES).body["pages"]["total_pages"] == 1


def test_row_29_the_order_of_lists() -> None:
    """Pages newest first, sources oldest first, unless switched."""
    for switches, pages, sources in (
        ({}, ["2", "1"], [1, 2]),
        ({"page_order": "oldest", "source_order": "newest"}, ["1", "2"], [2, 1]),
    ):
        client = _filled(2, **switches)
        client.source("https://other.acme.com")
        assert [row["id"] for row in client.call("GET", PAGES).body["data"]] == pages
        assert [row["id"] for row in client.call("GET", SOURCES).body["data"]] == sources


def test_row_30_types_of_ids_and_times() -> None:
    """A page's id is text, a source's is a number, times are whole seconds."""
    client = Client()
    client.now += 0.9
    source = client.source()
    page = client.page()

    assert isinstance(page["id"], str)
    assert isinstance(source["id"], int)
    assert isinstance(page["source_id"], int)
    assert {type(page[name]) for name in ("created_at", "updated_at", "last_ingested_at")} == {int}


@pytest.mark.parametrize("version", ["2.12", "2.16", "2.17", "Preview"])
def test_row_31_every_version_shows_all_flags(version: str) -> None:
    """Fields were added to versions that were out already."""
    client = Client(version=version)
    client.source()

    assert {"ai_sales_agent_availability", "fin_availability"} <= client.page().keys()


def test_row_32_ingestion_lags_behind() -> None:
    """last_ingested_at tells of the content before, until the delay is over."""
    client = Client(ingest_delay_s=600.0)
    client.source()
    created = client.page()
    client.now += 700
    client.page(title="B")
    client.now += 599
    waiting = client.call("GET", f"{PAGES}/1").body
    client.now += 1
    done = client.call("GET", f"{PAGES}/1").body

    assert waiting["last_ingested_at"] == created["created_at"] + 600
    assert done["last_ingested_at"] == done["updated_at"] + 600


def test_row_32_without_a_delay_ingestion_is_at_once() -> None:
    """The default."""
    client = Client()
    client.source()
    page = client.page()

    assert page["last_ingested_at"] == page["updated_at"]


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff\xfe", b"[]", b'"a"', b"null", b"[" * 100_000],
)
def test_row_33_a_body_that_is_no_json_object(raw: bytes) -> None:
    """400, and the sandbox lives on."""
    client = Client()
    client.source()

    reply = client.call("POST", PAGES, raw=raw)

    assert (reply.status, reply.code) == (400, "parameter_invalid")


@pytest.mark.parametrize("path", ["/ai", "/ai/other", "/ai/other/1", "/ai/external_pages/1/html"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
def test_row_33_a_path_that_does_not_exist(method: str, path: str) -> None:
    """404, whatever its last part names elsewhere."""
    client = Client()
    client.source()
    client.page()

    assert client.call(method, path, page_body()).status == 404
    assert len(client.sandbox.workspace.pages) == 1


def test_row_33_half_a_character_is_refused() -> None:
    """JSON can name half of a surrogate pair, which no page can show."""
    client = Client()
    client.source()

    assert client.call("POST", PAGES, page_body(title="\ud800")).status == 400


@pytest.mark.parametrize(
    ("accept", "status"), [("application/json", 404), ("*/*", 404), ("", 406), ("text/html", 406)]
)
def test_row_33_a_method_that_does_not_exist(accept: str, status: int) -> None:
    """404, or 406 for one who does not take JSON."""
    assert Client().call("PATCH", PAGES, accept=accept).status == status
    assert Client().call("POST", f"{PAGES}/1", {}, accept=accept).status == status


@pytest.mark.parametrize(
    ("scope", "read", "write"), [("write", 200, 200), ("read", 200, 403), ("none", 403, 403)]
)
def test_row_34_a_token_without_the_scope(scope: str, read: int, write: int) -> None:
    """By switch for any token, or for a named one."""
    body = {"sync_behavior": "api", "url": "https://docs.acme.com"}
    for client in (Client(token_scope=scope), Client(tokens={"token": scope})):
        assert client.call("GET", SOURCES).status == read
        reply = client.call("POST", SOURCES, body)
        assert reply.status == write
        assert write == 200 or reply.code == "forbidden"


@pytest.mark.parametrize(
    ("spec", "status", "applied", "html"),
    [
        ("408", 408, False, False),
        ("500", 500, False, False),
        ("502", 502, False, True),
        ("503", 503, False, False),
        ("503-after", 503, True, False),
        ("drop", None, False, False),
        ("drop-after", None, True, False),
        ("slow=1ms", 200, True, False),
    ],
)
def test_row_35_faults(spec: str, status: int | None, applied: bool, html: bool) -> None:
    """A fault comes before or after the change, and says nothing of which."""
    sandbox = Sandbox(faults=[f"{spec}:POST:2"])

    async def post(number: int, path: str, body: bytes) -> Any:
        headers = {"authorization": "Bearer t", "intercom-version": "2.16"}
        answer, _ = await sandbox.exchange(
            Request(number=number, method="POST", path=path, headers=headers, body=body)
        )
        return answer

    asyncio.run(post(1, SOURCES, b'{"sync_behavior":"api","url":"https://docs.acme.com"}'))
    page = b'{"source_id":1,"external_id":"a","title":"A","html":"<p>","locale":"en"}'
    answer = asyncio.run(post(2, PAGES, page))

    assert (None if answer is None else answer.status) == status
    assert len(sandbox.workspace.pages) == applied
    assert html == (answer is not None and b"<html" in answer.body)


@pytest.mark.parametrize("status", [413, 422])
def test_row_36_what_is_too_long(status: int) -> None:
    """Sizes are of UTF-8 bytes; at the limit it is still taken."""
    client = Client(html_max_bytes=12, title_max_chars=3, oversized_status=status)
    client.source()

    assert client.page(html="<p>éé</p>x", title="abc")["html"] == "<p>éé</p>x"
    assert client.call("POST", PAGES, page_body(html="<p>ééé</p>x")).status == status
    assert client.call("POST", PAGES, page_body(title="abcd")).status == status
    lenient = Client()
    lenient.source()
    assert len(lenient.page(html="x" * 3_000_000, title="t" * 3000)["html"]) == 3_000_000


@pytest.mark.parametrize("extra", [False, True])
def test_row_37_fields_that_nobody_described(extra: bool) -> None:
    """A client must pass over what it does not know."""
    client = Client(extra_fields=extra)

    assert ("sandbox_extra" in client.source()) is extra
    assert ("sandbox_extra" in client.page()) is extra


def test_date_is_of_the_sandboxs_own_clock() -> None:
    """Reset is read against Date, so both come from one clock."""
    client = Client()
    reply = client.call("GET", SOURCES)

    assert reply.headers["Date"] == "Tue, 14 Nov 2023 22:13:20 GMT"
