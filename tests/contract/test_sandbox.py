"""The sandbox's exchanges, good and bad, against Intercom's own description."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox import Sandbox, Switches, serving
from tests.contract.openapi import described
from tests.syncd.sandbox.client import PAGES, SOURCES, page_body
from tests.syncd.sandbox.wire import ask

JSON = {"Content_Type": "application/json"}
SOURCE = {"sync_behavior": "api", "url": "https://docs.acme.com"}


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {
            "delete_again": "stub",
            "get_deleted": "stub",
            "deleted_html": "kept",
            "upsert_without_url": "clear",
        },
        {"repost_after_delete": "old-id", "create_flags_default": True, "html_returned": "normalised"},
        {"missing_field_status": 422, "invalid_value_status": 400, "unknown_source_status": 422},
        {"page_order": "oldest", "per_page_max": 150, "ingest_delay_s": 60.0, "put_moves_page": "reject"},
    ],
)
def test_every_answer_is_as_described(switches: dict[str, Any]) -> None:
    """All ten operations, and every refusal, under several settings of the switches."""
    description = described()
    with serving(Sandbox(switches=Switches(**switches))) as running:
        url = running.url

        def send(method: str, path: str, body: object = None) -> int:
            return ask(url, method, path, body, **JSON).status

        assert send("POST", SOURCES, SOURCE | {"audience_ids": [5678], "status": "active"}) == 200
        assert send("POST", SOURCES, SOURCE | {"url": "https://other.acme.com", "audience_ids": None}) == 200
        assert send("PUT", f"{SOURCES}/1", SOURCE | {"apply_audience_to_existing_content": True}) == 200
        for number in range(60):
            assert send("POST", PAGES, page_body(external_id=f"{number}.md")) == 200
        assert send("POST", PAGES, page_body(external_id="0.md", url=None, ai_agent_availability=True)) == 200
        for path in (SOURCES, f"{SOURCES}/1", PAGES, f"{PAGES}?page=2&per_page=20", f"{PAGES}/1"):
            assert send("GET", path) == 200
        assert send("PUT", f"{PAGES}/1", page_body(external_id=None, fin_availability=True)) in (
            200,
            400,
            422,
        )
        assert send("DELETE", f"{PAGES}/1") == 200
        refused = [
            send("DELETE", f"{PAGES}/1"),
            send("GET", f"{PAGES}/1"),
            send("PUT", f"{PAGES}/1", page_body()),
            send("POST", PAGES, page_body(title=None)),
            send("POST", PAGES, page_body(locale="xx")),
            send("POST", PAGES, page_body(source_id=9)),
            send("POST", PAGES, [1]),
            send("POST", SOURCES, SOURCE | {"url": "http://localhost"}),
            send("GET", f"{PAGES}?page=0"),
            ask(url, "GET", PAGES, Authorization="").status,
        ]
        assert send("POST", PAGES, page_body(external_id="0.md")) == 200
        assert send("DELETE", f"{SOURCES}/1") == 204
        assert send("GET", PAGES) == 200

        assert set(refused) <= {200, 400, 401, 404, 422}
        assert description.violations(running.requests) == []


def test_the_429_is_an_error_as_described() -> None:
    """The description does not list it for AI Content; its body is an `error` all the same."""
    description = described()
    with serving(Sandbox(switches=Switches(rate_limit=1))) as running:
        statuses = [ask(running.url, "GET", PAGES).status for _ in range(3)]
        assert 429 in statuses
        assert description.violations(running.requests) == []
