"""One raw HTTP request to a served sandbox, as bare as possible."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Wired(NamedTuple):
    """What came back."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.text)


def ask(url: str, method: str, path: str, body: object = None, **headers: str) -> Wired:
    """Send one request on a connection of its own; dashes in header names are written as underscores."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    sent = {"Authorization": "Bearer t", "Intercom-Version": "2.16", "Accept": "application/json"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        text = answer.read().decode()
        return Wired(answer.status, text, dict(answer.getheaders()))
    finally:
        connection.close()
