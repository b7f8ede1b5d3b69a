"""What all peers share: the renderer, and the way to Intercom. What differs is how they find changes."""

from __future__ import annotations

import http.client
import json
from functools import cache

from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark").enable("table")


@cache
def _connection(url: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(url.removeprefix("http://"))


def send(url: str, name: str, text: str) -> None:
    """Render one page and write it."""
    page = {"source_id": 1, "external_id": name, "title": name, "html": _MARKDOWN.render(text)}
    _request(url, "POST", "/ai/external_pages", json.dumps(page))


def delete(url: str, name: str) -> None:
    """Take one page away."""
    _request(url, "DELETE", f"/ai/external_pages/{abs(hash(name))}", None)


def _request(url: str, method: str, path: str, body: str | None) -> None:
    connection = _connection(url)
    connection.request(method, path, body, {"Authorization": "Bearer bench"})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise SystemExit(f"{method} {path} was answered {answer.status}")
