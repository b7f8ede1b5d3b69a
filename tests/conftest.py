"""A place to try the installed command in: a folder of pages, a configuration, and a sandbox over HTTP."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import HealthCheck, settings

from syncd.cli import call
from syncd.sandbox import Exchange, Page, Running, Sandbox, serving
from tests import postgres
from tests.program import MAIN, Program, environment

# A machine that is busy is no mistake in the code, and speed is for the benchmarks.
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A push is judged by the same examples each time; to look for new ones: --hypothesis-profile searching
settings.register_profile("patient", settings.get_profile("searching"), derandomize=True)
settings.load_profile("patient")

TOKEN = "canary-token-8d41f0"
"""What the sandbox is told; it must never show up anywhere else."""

URL = "https://handbook.example.com"


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """What it printed, which is one JSON document."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    @property
    def source(self) -> dict[str, Any]:
        """The one source of a sync's or plan's document."""
        (source,) = self.document["sources"]
        assert isinstance(source, dict)
        return source


@dataclass
class Workplace:
    """A folder with `docs`, `syncd.yaml` and the state file, and the sandbox that it is synced to.

    Attributes:
        settings: of the one source, as in the configuration; a test changes what matters to it.
        top: other settings of the whole configuration, such as `state`.
    """

    home: Path
    running: Running
    settings: dict[str, Any] = field(default_factory=dict)
    intercom: dict[str, Any] = field(default_factory=dict)
    top: dict[str, Any] = field(default_factory=dict)
    _seen: int = 0

    def __post_init__(self) -> None:
        self.docs.mkdir()
        self.settings = {
            "name": "handbook",
            "connector": "filesystem",
            "root": "docs",
            "import_source": {"url": URL},
            "page_url": URL + "/{slug}",
            "deletions": {"confirm": 2, "min_absence": "0s"},
        }
        self.intercom = {"token": "${SYNCD_TEST_TOKEN}", "base_url": self.running.url}
        self.configure()

    @property
    def docs(self) -> Path:
        return self.home / "docs"

    @property
    def config(self) -> Path:
        return self.home / "syncd.yaml"

    @property
    def state(self) -> Path:
        return self.home / "syncd.db"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **environment(),
            "SYNCD_TEST_TOKEN": TOKEN,
            "CACHE_DIRECTORY": str(self.home / "cache"),
        }

    def configure(self, **settings: Any) -> None:
        """Write the configuration, with these settings of the source changed."""
        self.settings.update(settings)
        self.config.write_text(
            yaml.safe_dump(
                {"intercom": self.intercom, **self.top, "sources": [self.settings]}, allow_unicode=True
            ),
            encoding="utf-8",
        )

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files below the root, and wait until their times of change have passed."""
        for name, content in files.items():
            path = self.docs / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        time.sleep(0.02)

    def remove(self, *names: str) -> None:
        for name in names:
            (self.docs / name).unlink()

    def run(self, *arguments: str) -> Done:
        """Run a command in this process."""
        out, err = io.StringIO(), io.StringIO()
        with (
            _environment(self.environment),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = call([*arguments, "-c", str(self.config)])
        return Done(code, out.getvalue(), err.getvalue())

    def sync(self, *arguments: str) -> dict[str, Any]:
        """Sync, check that exit code and result agree, and return what is told of the source."""
        done = self.run("sync", "--json", *arguments)
        source = done.source
        expected = {"ok": {0}, "partial": {3}, "held": {7}, "failed": {2, 5, 6}}[source["result"]]
        assert done.code in expected, done
        return source

    def plan(self, *arguments: str) -> dict[str, Any]:
        return self.run("plan", "--json", *arguments).document

    def process(self, *arguments: str, **options: Any) -> Done:
        """Run a command as a process of its own."""
        env = {**self.environment, **options.pop("env", {})}
        if not options and _may_fork(env):
            program = Program(arguments, cwd=self.home, env=env)
            out, err = program.communicate(timeout=60)
            return Done(program.wait(), out, err)
        done = subprocess.run(
            [sys.executable, "-c", MAIN, *arguments],
            cwd=self.home,
            env=env,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
            **options,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> Program:
        """Start a command as a process of its own."""
        return Program(arguments, cwd=self.home, env={**self.environment, **(env or {})})

    def exchanges(self) -> list[Exchange]:
        """What was sent since the last call."""
        met = self.running.requests
        new, self._seen = met[self._seen :], len(met)
        return new

    def writes(self) -> list[tuple[str, str]]:
        """(method, external_id) of each write to a page since the last call, in order."""
        return [
            (exchange.request.method, external_id_of(exchange))
            for exchange in self.exchanges()
            if exchange.request.method != "GET" and exchange.request.path.startswith("/ai/external_pages")
        ]

    def pages(self) -> dict[str, Page]:
        """What the source's import source holds, by external id."""
        sources = {source.id for source in self.running.workspace.sources if source.url == URL}
        return {page.external_id: page for page in self.running.workspace.pages if page.source_id in sources}


def _may_fork(env: Mapping[str, str]) -> bool:
    """Whether nothing in it would have to be known when Python starts."""
    return not any(name == "TZ" or name.startswith(("PYTHON", "LC_", "LANG")) for name in env)


def external_id_of(exchange: Exchange) -> str:
    """The page that a write is about."""
    if exchange.request.body:
        return str(json.loads(exchange.request.body)["external_id"])
    assert exchange.answer is not None
    return str(json.loads(exchange.answer.body).get("external_id"))


class Opened:
    """Names of the files with one of the suffixes that this process opens while the context lasts."""

    def __init__(self, *suffixes: str) -> None:
        self.names: list[str] = []
        self._suffixes = suffixes

    def __enter__(self) -> list[str]:
        _watch()
        _watchers.append(self)
        return self.names

    def __exit__(self, *_: object) -> None:
        _watchers.remove(self)

    def hear(self, path: object) -> None:
        name = os.fsdecode(path) if isinstance(path, str | bytes) else ""
        if name.endswith(self._suffixes):
            self.names.append(name)


_watchers: list[Opened] = []


@functools.cache
def _watch() -> None:
    sys.addaudithook(_heard)  # once for all, since it cannot be taken away again


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        for watcher in _watchers.copy():
            watcher.hear(arguments[0])


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def without_privileges(folder: Path) -> Iterator[None]:
    """Be a user whom permissions bind while the context lasts, who owns all below the folder."""
    if os.geteuid() != 0:
        yield
        return
    nobody = 65534
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, nobody, nobody, follow_symlinks=False)
    os.seteuid(nobody)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a database for the tests of this process."""
    if named := os.environ.get(postgres.NAMED):
        yield named
    elif postgres.programs() is None:
        pytest.skip(postgres.MISSING)
    else:
        with postgres.serving() as server:
            yield server.url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty schema, for one test."""
    with postgres.schema(postgres_server, f"t_{os.getpid()}_{next(_schemas)}") as url:
        yield url


_schemas = itertools.count()


@pytest.fixture
def running() -> Iterator[Running]:
    """A sandbox that takes the one token."""
    with serving(Sandbox(tokens=[TOKEN])) as running:
        yield running


@pytest.fixture
def workplace(tmp_path: Path, running: Running) -> Workplace:
    """A place with an empty `docs` folder."""
    return Workplace(tmp_path, running)


@pytest.fixture
def open_workplace(running: Running) -> Iterator[Workplace]:
    """The same where a user without privileges gets to it, too."""
    with tempfile.TemporaryDirectory(prefix="syncd-test-") as folder:
        yield Workplace(Path(folder), running)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no process is still at it when the others are done."""
    items.sort(key=lambda item: "every_life" not in item.nodeid and "test_crash" not in item.nodeid)
