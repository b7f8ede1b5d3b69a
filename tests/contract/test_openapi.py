"""The judge of exchanges must itself be able to say no."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from syncd.sandbox import Answer, Exchange, Request
from tests.contract.openapi import Description, described

_PAGE = {
    "id": "1",
    "type": "external_page",
    "title": "A",
    "html": "<p>a</p>",
    "ai_agent_availability": True,
    "ai_copilot_availability": False,
    "locale": "en",
    "source_id": 1,
    "external_id": "a",
    "created_at": 1,
    "updated_at": 1,
    "last_ingested_at": 1,
}
_BODY = {"title": "A", "html": "<p>a</p>", "locale": "en", "source_id": 1, "external_id": "a"}


def _exchange(
    *,
    method: str = "POST",
    path: str = "/ai/external_pages",
    body: object = _BODY,
    status: int = 200,
    answer: object = _PAGE,
    headers: dict[str, str] | None = None,
    query: str = "",
) -> Exchange:
    return Exchange(
        at=0.0,
        request=Request(
            number=1,
            method=method,
            path=path,
            query=query,
            headers={"content-type": "application/json", "intercom-version": "2.16"} | (headers or {}),
            body=b"" if body is None else json.dumps(body).encode(),
        ),
        answer=Answer(status=status, body=b"" if answer is None else json.dumps(answer).encode()),
        applied=True,
        fault=None,
    )


@pytest.fixture(scope="module")
def description() -> Description:
    """The vendor's own."""
    return described()


def test_an_exchange_as_described(description: Description) -> None:
    """Nothing to say."""
    assert description.violations([_exchange()]) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"body": {**_BODY, "title": 7}}, "request $.title"),
        (
            {"body": {name: value for name, value in _BODY.items() if name != "locale"}},
            "'locale' is a required",
        ),
        ({"body": {**_BODY, "locale": "fr"}}, "'fr' is not one of"),
        ({"body": {**_BODY, "colour": "red"}}, "$.colour: no such field"),
        ({"answer": {**_PAGE, "id": 1}}, "answer 200 $.id"),
        ({"answer": {**_PAGE, "url": None}}, "answer 200 $.url"),
        ({"answer": {**_PAGE, "colour": "red"}}, "$.colour: no such field"),
        ({"headers": {"intercom-version": "2.99"}}, "Intercom-Version"),
        ({"headers": {"content-type": "text/plain"}}, "application/json"),
        ({"status": 418}, "418 is neither described nor known"),
        ({"status": 404, "answer": {"error": "gone"}}, "answer 404 $: 'type' is a required"),
        ({"status": 401, "answer": {"type": "error.list", "errors": [{}]}}, "'code' is a required"),
        ({"path": "/ai/external_page"}, "no such operation"),
        ({"method": "GET", "path": "/ai/external_pages", "answer": {"type": "list"}}, "none is described"),
        (
            {"method": "GET", "body": None, "answer": {"type": "list"}, "query": "limit=3"},
            "limit is not described",
        ),
        (
            {"method": "DELETE", "path": "/ai/content_import_sources/1", "body": None, "status": 204},
            "204 has a body",
        ),
    ],
)
def test_what_is_not_as_described_is_said(
    description: Description, change: dict[str, Any], said: str
) -> None:
    """One sentence, which names the place."""
    found = description.violations([_exchange(**change)])

    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    ("status", "answer"),
    [(404, {"type": "error.list", "request_id": None, "errors": [{"code": "not_found"}]})],
)
def test_null_where_it_may_be_null(description: Description, status: int, answer: object) -> None:
    """`nullable` of OpenAPI 3.0 allows null, and nothing else does."""
    assert description.violations([_exchange(status=status, answer=answer)]) == []


def test_a_refused_request_and_a_fault_are_not_judged(description: Description) -> None:
    """The server has judged the one; nobody promised the other."""
    refused = _exchange(
        body={"title": 7},
        status=422,
        answer={"type": "error.list", "errors": [{"code": "parameter_invalid"}]},
    )
    faulty = replace(
        _exchange(), answer=Answer(status=502, body=b"<html>", media_type="text/html"), fault="502"
    )

    assert description.violations([refused, faulty]) == []
    assert description.violations([replace(faulty, fault=None)]) != []


def test_the_shortest_template_wins_and_ids_are_one_segment(description: Description) -> None:
    """A path with an id is another operation than the list."""
    found = [
        description.operation("GET", path)
        for path in ("/ai/external_pages", "/ai/external_pages/7", "/ai/external_pages/7/x")
    ]

    assert [each and each[0] for each in found] == [
        "/ai/external_pages",
        "/ai/external_pages/{page_id}",
        None,
    ]
