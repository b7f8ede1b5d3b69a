"""The control API, health and names, as a stranger and as a friend would use them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncd.errors import ConfigError, CredentialsRefused
from syncd.journal import Hold
from syncd.model import Report, Result
from syncd.outcome import Outcome
from syncd.service.guard import guarded
from syncd.service.health import STILL_S
from syncd.service.wire import decode, encode
from tests.syncd.service.engine import TOKEN, Bench, configured, source, started

LET_IN = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with started(configured(tmp_path, source("a"), source("b"))) as bench:
        yield bench


async def run(bench: Bench, body: object = None) -> httpx.Response:
    return await bench.client.post("/api/runs", json=body or {"sources": []}, headers=LET_IN)


@pytest.mark.parametrize(
    "given", ["", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ", f"bearer x{TOKEN}"]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/sources"),
        ("POST", "/api/runs"),
        ("POST", "/api/sources/a/pause"),
        ("POST", "/api/sources/a/resume"),
        ("POST", "/api/reload"),
    ],
)
async def test_nobody_is_let_in_without_the_token(bench: Bench, method: str, path: str, given: str) -> None:
    """And nothing is done."""
    answer = await bench.client.request(method, path, headers={"authorization": given})

    assert answer.status_code == 401
    assert (bench.engine.begun, bench.reloaded, bench.service.is_paused("a")) == ([], 0, False)


async def test_run_is_told_to_its_end(bench: Bench) -> None:
    """The last line of each source is its outcome, and the last of all says that it is all."""
    answer = await run(bench, {"sources": ["b", "a", "b"], "full": True})

    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.status_code == 202
    assert [line["source"] for line in lines if "outcome" in line] == ["b", "a"]
    assert lines[-1] == {"end": True}
    assert sorted(bench.engine.begun) == [("a", "control", True), ("b", "control", True)]


async def test_all_sources_run_if_none_is_named(bench: Bench) -> None:
    """As `syncd sync` does."""
    await run(bench)

    assert {name for name, _, _ in bench.engine.begun} == {"a", "b"}


async def test_reader_that_goes_away_takes_the_run_from_nobody(bench: Bench) -> None:
    """Two follow one run; one of them is stopped with Ctrl-C."""
    bench.engine.gate.clear()
    first, second = (asyncio.create_task(run(bench, {"sources": ["a"]})) for _ in range(2))
    await bench.turns()
    first.cancel()
    await bench.turns()
    bench.engine.gate.set()

    async with asyncio.timeout(30):
        assert '"outcome"' in (await second).text


@pytest.mark.parametrize(
    "body",
    [
        {"sources": "a"},
        {"sources": ["a"], "full": "yes"},
        {"sources": ["a"], "trigger": "schedule"},
        {"sources": ["nobody"]},
        {"sources": [["a"]]},
        {"full": True},
    ],
)
async def test_wrong_question_is_refused(bench: Bench, body: object) -> None:
    """With what it should have been."""
    answer = await run(bench, body)

    assert answer.status_code == 400
    assert bench.engine.begun == []


async def test_pause_and_resume(bench: Bench) -> None:
    """What is paused is told, and runs when it is asked for."""
    assert (await bench.client.post("/api/sources/a/pause", headers=LET_IN)).status_code == 204
    told = (await bench.client.get("/api/sources", headers=LET_IN)).json()["sources"]

    assert [(one["name"], one["paused"], one["next_run"] is None) for one in told] == [
        ("a", True, True),
        ("b", False, False),
    ]
    assert (await bench.client.post("/api/sources/a/resume", headers=LET_IN)).status_code == 204
    assert not bench.service.is_paused("a")
    assert (await bench.client.post("/api/sources/nobody/pause", headers=LET_IN)).status_code == 400


async def test_reload(bench: Bench) -> None:
    """As SIGHUP does."""
    assert (await bench.client.post("/api/reload", headers=LET_IN)).status_code == 204
    assert bench.reloaded == 1


async def test_stopping_service_is_not_ready_and_lives(bench: Bench) -> None:
    """A balancer sends no more, and nobody kills it."""
    assert (await bench.client.get("/readyz")).status_code == 200
    bench.service.stop()

    ready, lives = [await bench.client.get(path) for path in ("/readyz", "/livez")]

    assert (ready.status_code, ready.text) == (503, "stopping\n")
    assert lives.status_code == 200
    assert (await run(bench)).status_code == 409


async def test_p18_store_that_hangs_is_no_life(bench: Bench) -> None:
    """A service whose thread for the state no longer answers can do nothing any more."""
    bench.clock.pass_(STILL_S - 1)
    assert (await bench.client.get("/livez")).status_code == 200
    bench.clock.pass_(2)

    assert (await bench.client.get("/livez")).status_code == 503


async def test_error_that_nobody_foresaw_tells_nothing() -> None:
    """What went wrong is in the log; the answer has no path, no line, no value."""

    async def broken(request: Request) -> Response:
        raise RuntimeError("secret value")

    site = guarded([Route("/", broken)], hosts=())
    transport = httpx.ASGITransport(site)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/")

    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[::2]"]
)
async def test_other_names_are_refused(bench: Bench, host: str) -> None:
    """A website cannot have its own name point here."""
    assert (await bench.client.get("/livez", headers={"host": host})).status_code == 421


@pytest.mark.parametrize(
    ("host", "status"), [("10.1.2.3:8321", 200), ("10.1.2.4:8321", 421), ("[fd00::7]", 421), ("", 421)]
)
async def test_own_address_is_no_other_name(bench: Bench, host: str, status: int) -> None:
    """Prometheus and supervisors know a container by its address, which no website can have."""
    transport = httpx.ASGITransport(bench.site)
    async with httpx.AsyncClient(transport=transport, base_url="http://10.1.2.3:8321") as client:
        assert (await client.get("/livez", headers={"host": host})).status_code == status


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(report=Report(name="a", result=Result.OK, created=3, seconds=1.25)),
        Outcome(
            report=Report(name="a", result=Result.HELD, held=12),
            failures=(("b.md", "why"),),
            notices=("left out",),
            holds=(Hold(kind="deletions", count=12, digest="d", reason="12 of 20", since=1.5),),
        ),
        Outcome(report=Report(name="a", result=Result.FAILED), error=CredentialsRefused("no")),
        Outcome(report=Report(name="a", result=Result.FAILED), error=ConfigError("wrong")),
    ],
)
def test_outcome_arrives_as_it_was(outcome: Outcome) -> None:
    """The exit code of `syncd sync` follows from it, so the class of its error counts."""
    arrived = decode(json.loads(json.dumps(encode(outcome))))

    assert (type(arrived.error), str(arrived.error)) == (type(outcome.error), str(outcome.error))
    assert (arrived.report, arrived.failures, arrived.notices, arrived.holds) == (
        outcome.report,
        outcome.failures,
        outcome.notices,
        outcome.holds,
    )


def test_error_of_an_unknown_class_arrives_as_one_that_nobody_foresaw() -> None:
    """So its exit code is 1, as in the service."""
    document = encode(Outcome(report=Report(name="a", result=Result.FAILED), error=ZeroDivisionError("x")))

    assert isinstance(decode(document).error, RuntimeError)
