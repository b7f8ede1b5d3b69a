"""What a command asks of a service that runs on its state. Blocking; on this machine only."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from syncd.errors import ConfigError, SourceBusy
from syncd.service.announce import Address

_CONNECT_S = 5.0
# The service tells how a run goes on as long as something happens; a source may hang as long as it may.
_ANSWER_S: float | None = None


class Unreachable(Exception):
    """No service answers there."""


class Client:
    """The control API of one service."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def sources(self) -> list[dict[str, Any]]:
        """How each source stands with the service. Raises Unreachable."""
        with self._asked("GET", "/api/sources") as answer:
            sources: list[dict[str, Any]] = json.loads(answer.read())["sources"]
            return sources

    def sign_in_link(self, name: str) -> str:
        """An address that signs its bearer in to the dashboard, once, within a minute. Raises Unreachable."""
        asked = {"name": name}
        with self._asked("POST", "/api/sign-in-links", asked) as answer:
            path: str = json.loads(answer.read())["path"]
            host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
            return f"http://{host}:{self._address.port}{path}"

    def run(
        self, names: Sequence[str], *, full: bool, repair: bool, trigger: str
    ) -> Iterator[dict[str, Any]]:
        """Ask for runs, and yield what is told of them to their end.

        Raises:
            Unreachable: no service answers.
            ConfigError: it knows no such source, or is about to stop.
            SourceBusy: it ended before the runs did.
        """
        asked = {"sources": list(names), "full": full, "repair": repair, "trigger": trigger}
        with self._asked("POST", "/api/runs", asked, answer_s=_ANSWER_S) as answer:
            try:
                while line := answer.readline():
                    told: dict[str, Any] = json.loads(line)
                    if told.get("end"):
                        return
                    yield told
            except (OSError, ValueError, http.client.HTTPException):
                pass
        raise SourceBusy(
            "the service that was asked to run ended before the run did: what it sent is recorded, and the "
            "next run goes on from there.\n'syncd status' tells how things stand."
        )

    @contextmanager
    def _asked(
        self, method: str, path: str, body: object = None, *, answer_s: float | None = _CONNECT_S
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection(self._address.host, self._address.port, timeout=_CONNECT_S)
        try:
            try:
                connection.connect()
                connection.sock.settimeout(answer_s)
                connection.request(
                    method,
                    path,
                    body=None if body is None else json.dumps(body),
                    headers={
                        "Authorization": f"Bearer {self._address.token}",
                        "Content-Type": "application/json",
                        "Host": "localhost",
                    },
                )
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise Unreachable(str(error)) from error
            if answer.status in (401, 404, 421):
                raise Unreachable("another program answers there")
            if answer.status >= 400:
                raise ConfigError(
                    f"the service that runs on this state says: {_why(answer)}\n"
                    "A configuration that was changed counts there once it is read again (SIGHUP)."
                )
            yield answer
        finally:
            connection.close()


def _why(answer: http.client.HTTPResponse) -> str:
    try:
        return str(json.loads(answer.read(10_000))["error"])
    except (OSError, ValueError, LookupError, TypeError):
        return f"status {answer.status}"
