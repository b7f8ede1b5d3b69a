"""The service at work for a long time: edits, faults and restarts, and what came of it."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.sandbox import Exchange, Running
from syncd.sandbox.exchange import ExchangeLog
from tests.soak.edits import Folder, Origin, Repository
from tests.soak.figures import Sample, look

FAULTS = (
    "503:p=0.004",
    "502-after:WRITE:p=0.004",
    "drop:p=0.004",
    "drop-after:WRITE:p=0.004",
    "truncate:WRITE:p=0.002",
    "429:p=0.002",
)
"""Two requests of a hundred go wrong, half of them after they took effect."""

LIMIT_S = 8.0
"""What SIGTERM may take (reliability: P16)."""

_COMMAND = [sys.executable, "-c", "from syncd.cli import main; main()"]
_TOKEN = "SYNCD_SOAK_TOKEN"  # the variable's name
_START_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast things happen; times in seconds.

    Attributes:
        whole_s: how long there are edits and faults.
        life_s: after which the service gets SIGTERM.
        edit_s: between two edits.
        settle_s: how long the service gets to make everything equal afterwards.
        doubt_s: how long a request without an answer may still take effect, and a page must be missed.
    """

    whole_s: float
    life_s: float = 300.0
    edit_s: float = 0.5
    sample_s: float = 5.0
    settle_s: float = 600.0
    doubt_s: float = 30.0
    pages: int = 400


@dataclass(kw_only=True)
class Result:
    """What came of it.

    Attributes:
        ends: seconds from SIGTERM to the end of the process, and its exit code, for each.
        differences: what Intercom held at the end that the documents do not say.
        errors: events of the log at level error, by name; faults may well end a run.
        broken: events with a traceback, by name; nothing may do that.
        verified: exit code of `syncd verify` at the end.
    """

    seconds: float = 0.0
    edits: int = 0
    samples: list[Sample] = field(default_factory=list)
    ends: list[tuple[float, int]] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    settled_s: float = 0.0
    verified: int = -1
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    runs: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    log_bytes: int = 0
    pages: int = 0

    @property
    def problems(self) -> list[str]:
        """What should not be."""
        found = [f"not equal: {each}" for each in self.differences[:20]]
        found += [
            f"SIGTERM: exit code {code} after {seconds:.1f} s"
            for seconds, code in self.ends
            if code != 0 or seconds > LIMIT_S
        ]
        if self.verified != 0:
            found.append(f"syncd verify ended with {self.verified}")
        return found + [f"{count} events {name} with a traceback" for name, count in self.broken.items()]


class Tally(ExchangeLog):
    """Counts what the sandbox met, which is more than it keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0
        self.faults = Counter[str]()

    def add(self, exchange: Exchange) -> None:
        super().add(exchange)
        self.requests += 1
        if exchange.fault is not None:
            self.faults[exchange.fault] += 1


class Soak:
    """One soak in an empty folder, against a sandbox that takes any token."""

    def __init__(self, home: Path, running: Running, tally: Tally, pace: Pace, *, seed: int) -> None:
        self._home = home
        self._tally = tally
        self._running = running
        self._pace = pace
        self._chance = random.Random(seed)
        self._log = home / "log.jsonl"
        self._origins: dict[str, Origin] = {
            "handbook": Folder(home / "docs", pace.pages * 3 // 4, self._chance),
            "runbooks": Repository(home / "repository", pace.pages // 4, self._chance),
        }
        (home / "syncd.yaml").write_text(json.dumps(self._configuration()), encoding="utf-8")

    def run(self, tell: Callable[[str], None] = lambda text: None) -> Result:
        """Do all of it. `tell` gets a line now and then."""
        result = Result()
        self._running.faults.put(FAULTS)
        began = now = time.monotonic()
        while now - began < self._pace.whole_s:
            left = began + self._pace.whole_s - now
            with self._service() as service:
                self._live(service, min(left, self._pace.life_s), len(result.ends), result)
                result.ends.append(_ended(service))
            now = time.monotonic()
            memory = result.samples[-1].memory_bytes / 1e6 if result.samples else 0
            tell(
                f"{(now - began) / 60:.1f} min: {result.edits} edits, {memory:.0f} MB, "
                f"out {result.ends[-1][0]:.2f} s after SIGTERM"
            )
        result.seconds = now - began
        self._running.faults.clear()
        result.requests, result.faults = self._tally.requests, self._tally.faults
        self._settle(result)
        self._read_log(result)
        return result

    def _live(self, service: subprocess.Popen[bytes], for_s: float, life: int, result: Result) -> None:
        """Edit and look until the time has come."""
        began = time.monotonic()
        edit_at = sample_at = began
        while (now := time.monotonic()) - began < for_s:
            assert service.poll() is None, f"the service ended by itself; see {self._log}"
            if now >= edit_at:
                self._chance.choice(list(self._origins.values())).edit()
                result.edits += 1
                edit_at = now + self._chance.expovariate(1 / self._pace.edit_s)
            if now >= sample_at:
                sample = look(service.pid, self._home / "syncd.db", life=life, age_s=now - began)
                result.samples += [sample] if sample is not None else []
                sample_at = now + self._pace.sample_s
            time.sleep(max(0.0, min(edit_at, sample_at) - time.monotonic()))

    def _settle(self, result: Result) -> None:
        """Without further edits and faults, everything becomes equal."""
        began = time.monotonic()
        with self._service() as service:
            while time.monotonic() - began < self._pace.settle_s:
                result.differences = self._differences()
                if not result.differences:
                    break
                time.sleep(1)
            result.settled_s = time.monotonic() - began
            result.ends.append(_ended(service))
        # What took effect late shows itself once nothing is in doubt any more.
        time.sleep(self._pace.doubt_s)
        self._command("sync", "--quiet")
        result.differences = self._differences()
        result.verified = self._command("verify", "--json")
        result.pages = sum(len(origin.texts) for origin in self._origins.values())

    def _differences(self) -> list[str]:
        workspace = self._running.workspace
        sources = {source.url: source.id for source in workspace.sources}
        found = []
        for name, origin in self._origins.items():
            own = sources.get(_url(name))
            held = {
                page.external_id: (page.title, page.html) for page in workspace.pages if page.source_id == own
            }
            found += [f"{name}: {each}" for each in origin.differences(held)]
        return found

    def _read_log(self, result: Result) -> None:
        result.log_bytes = self._log.stat().st_size
        for line in self._log.read_text(encoding="utf-8").splitlines():
            event: dict[str, Any] = json.loads(line)
            if event["event"] == "run_finished":
                result.runs[event["result"]] += 1
            if event["level"] in ("error", "critical"):
                result.errors[event["event"]] += 1
            if "exception" in event:
                result.broken[event["event"]] += 1

    def _configuration(self) -> dict[str, Any]:
        deletions = {"confirm": 2, "min_absence": f"{self._pace.doubt_s:.0f}s"}
        return {
            "intercom": {
                "token": f"${{{_TOKEN}}}",
                "base_url": self._running.url,
                "ambiguity_window": f"{self._pace.doubt_s:.0f}s",
            },
            "service": {"listen": f"127.0.0.1:{_free_port()}"},
            "defaults": {"schedule": "every 10s", "deletions": deletions},
            "sources": [
                {
                    "name": "handbook",
                    "connector": "filesystem",
                    "root": "docs",
                    "import_source": {"url": _url("handbook")},
                    "page_url": _url("handbook") + "/{path}",
                },
                {
                    "name": "runbooks",
                    "connector": "git",
                    "url": str(self._home / "repository"),
                    "allow_local": True,
                    "branch": "main",
                    "import_source": {"url": _url("runbooks")},
                    "page_url": _url("runbooks") + "/{path}",
                },
            ],
        }

    @contextmanager
    def _service(self) -> Iterator[subprocess.Popen[bytes]]:
        """`syncd run`, once it is ready."""
        with open(self._log, "ab") as log:
            service = subprocess.Popen(
                [*_COMMAND, "run", "--log-format", "json"], stdout=log, **self._surroundings()
            )
            try:
                until = time.monotonic() + _START_S
                while self._command("health", "--ready") != 0:
                    assert service.poll() is None, f"the service did not start; see {self._log}"
                    assert time.monotonic() < until, "the service is not ready after a minute"
                    time.sleep(0.2)
                yield service
            finally:
                if service.poll() is None:
                    service.kill()
                    service.wait()

    def _command(self, *arguments: str) -> int:
        return subprocess.run(
            [*_COMMAND, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            **self._surroundings(),
        ).returncode

    def _surroundings(self) -> dict[str, Any]:
        environment = {
            **os.environ,
            "SYNCD_CONFIG": str(self._home / "syncd.yaml"),
            "CACHE_DIRECTORY": str(self._home / "cache"),
            _TOKEN: "soak",
        }
        return {"cwd": self._home, "env": environment, "stdin": subprocess.DEVNULL}


def _ended(service: subprocess.Popen[bytes]) -> tuple[float, int]:
    """Seconds from SIGTERM to the end of the process, and its exit code."""
    began = time.monotonic()
    service.send_signal(signal.SIGTERM)
    code = service.wait(60)
    return time.monotonic() - began, code


def _url(name: str) -> str:
    return f"https://{name}.example.com"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
