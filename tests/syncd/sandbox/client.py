"""A client of the sandbox without a network: what a request means, apart from how it travels."""

from __future__ import annotations

import json
from itertools import count
from typing import Any, NamedTuple

from syncd.sandbox import Request, Sandbox, Switches

SOURCES = "/ai/content_import_sources"
PAGES = "/ai/external_pages"


class Reply(NamedTuple):
    """An answer, read."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """The code of the first error."""
        return str(self.body["errors"][0]["code"])


class Client:
    """Talks to a sandbox whose clock stands until a test moves `now`."""

    def __init__(
        self, *, tokens: dict[str, str] | None = None, version: str | None = "2.16", **switches: Any
    ) -> None:
        self.now = 1_700_000_000.0
        self.version = version
        self.sandbox = Sandbox(switches=Switches(**switches), tokens=tokens, clock=lambda: self.now)
        self._numbers = count(1)

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = "token",
        version: str | None = "",
        raw: bytes | None = None,
        accept: str = "application/json",
    ) -> Reply:
        """Send one request; `version` None leaves the header out, "" takes the client's own."""
        path, _, query = path.partition("?")
        headers = {"host": "intercom.test:80", "accept": accept}
        named = self.version if version == "" else version
        if named is not None:
            headers["intercom-version"] = named
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        payload = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        answer = self.sandbox.answer(
            Request(
                number=next(self._numbers),
                method=method,
                path=path,
                query=query,
                headers=headers,
                body=payload,
            )
        )
        return Reply(answer.status, json.loads(answer.body or b"null"), dict(answer.headers))

    def source(self, url: str = "https://docs.acme.com", **fields: Any) -> dict[str, Any]:
        """Make an import source that is accepted."""
        reply = self.call("POST", SOURCES, {"sync_behavior": "api", "url": url} | fields)
        assert reply.status == 200, reply
        return dict(reply.body)

    def page(self, source_id: int = 1, external_id: str = "a.md", **fields: Any) -> dict[str, Any]:
        """Upsert a page that is accepted."""
        reply = self.call("POST", PAGES, page_body(source_id=source_id, external_id=external_id, **fields))
        assert reply.status == 200, reply
        return dict(reply.body)


def page_body(**fields: Any) -> dict[str, Any]:
    """The body of an upsert; a field set to None is left out."""
    body = {
        "source_id": 1,
        "external_id": "a.md",
        "title": "A",
        "html": "<p>a</p>",
        "locale": "en",
        "url": "https://docs.acme.com/a",
    } | fields
    return {name: value for name, value in body.items() if value is not None}
