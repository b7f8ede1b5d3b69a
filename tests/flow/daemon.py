"""The installed `syncd run` as a process, with what it logged and a way to ask it."""

from __future__ import annotations

import http.client
import json
import random
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from tests.conftest import Workplace

PATIENCE_S = 60
DOCKER_LIMIT_S = 10
SECRET = "canary-hook-secret-51c0"
TOKEN = "canary-control-token-77f2"


class Daemon:
    """A service on a workplace; its sources are those of the workplace, and what is given.

    Attributes:
        events: what it logged, in order.
    """

    def __init__(self, workplace: Workplace, *sources: dict[str, Any], **service: Any) -> None:
        self.workplace = workplace
        self.events: list[dict[str, Any]] = []
        self._sources = [workplace.settings, *sources]
        self._service = {
            "token": "${SYNCD_TEST_CONTROL}",
            "webhooks": {name: {"secret": "${SYNCD_TEST_HOOK}"} for name in ("github", "signed")},
        } | service
        self.port = _free_port()
        self._changed = threading.Condition()
        self.environment = {"SYNCD_TEST_CONTROL": TOKEN, "SYNCD_TEST_HOOK": SECRET}
        self.configure()

    def configure(self, *sources: dict[str, Any]) -> None:
        """Write the configuration, with these sources instead of those before."""
        self._sources = [*sources] or self._sources
        settings = {
            **self.workplace.top,
            "intercom": self.workplace.intercom,
            "service": {"listen": f"127.0.0.1:{self.port}", **self._service},
            "sources": self._sources,
        }
        # YAML, too, and without the anchors that PyYAML makes of what is there twice.
        self.workplace.config.write_text(json.dumps(settings), encoding="utf-8")

    def __enter__(self) -> Self:
        self.process = self.workplace.start("run", "--log-format", "json", env=self.environment)
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.event("service_started")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DOCKER_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise
        self._reader.join(PATIENCE_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def event(self, name: str, count: int = 1, **fields: object) -> dict[str, Any]:
        """Wait until an event with these fields was logged so many times; return the last."""

        def found() -> list[dict[str, Any]]:
            return [event for event in self.events if event.items() >= {"event": name, **fields}.items()]

        self.wait(lambda: len(found()) >= count, f"{count} times {name} {fields}")
        return found()[-1]

    def runs(self, **fields: object) -> list[dict[str, Any]]:
        """The runs that have ended so far."""
        wanted = {"event": "run_finished", **fields}
        return [event for event in self.events if event.items() >= wanted.items()]

    def wait(self, until: Callable[[], bool], what: str) -> None:
        with self._changed:
            assert self._changed.wait_for(until, PATIENCE_S), f"not met: {what}\n{self.events}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """One request; return status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait until it has ended, which may take no longer than Docker waits; return its exit code."""
        code = self.process.wait(DOCKER_LIMIT_S)
        self._reader.join(PATIENCE_S)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.events.append(json.loads(line))
                self._changed.notify_all()


def _free_port() -> int:
    """A port that is free, and is not one of those that the system gives to connections on their way out."""
    while True:
        port = random.randrange(10_000, 32_000)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
