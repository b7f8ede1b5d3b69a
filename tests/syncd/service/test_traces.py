"""Spans of runs, through OpenTelemetry's own SDK."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from syncd import log
from syncd.errors import SourceUnavailable
from syncd.model import Report, Result
from syncd.outcome import Outcome
from syncd.service.queue import Want
from syncd.service.service import Ended
from syncd.service.traces import Traces, traced
from tests.syncd.service.engine import configured, source, started

export = pytest.importorskip("opentelemetry.sdk.trace.export", reason="pip install 'syncd[otel]'")
memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")

SECRET = "canary-page-2b7d"


async def ended(result: Result) -> Ended:
    error = SourceUnavailable(f"cannot read {SECRET}.md") if result is Result.FAILED else None
    report = Report(name="handbook", result=result, error=str(error or ""), listed=7, created=2)
    outcome = Outcome(report=report, failures=((f"{SECRET}.md", SECRET),), notices=(SECRET,), error=error)
    return Ended(want=Want(source="handbook", why="watch"), outcome=outcome, began=100.0, ended=101.5)


async def spans(*runs: Ended) -> list[Any]:
    exporter = memory.InMemorySpanExporter()
    traces = Traces(export.SimpleSpanProcessor(exporter), {})
    for run in runs:
        traces.ran(run)
    traces.close()
    return list(exporter.get_finished_spans())


async def test_run_is_a_span() -> None:
    """With its times, why it ran, how it ended and the counts of its report."""
    [span] = await spans(await ended(Result.OK))

    assert (span.name, span.start_time, span.end_time) == ("sync", 100_000_000_000, 101_500_000_000)
    assert dict(span.attributes) == {
        "syncd.source": "handbook",
        "syncd.trigger": "watch",
        "syncd.result": "ok",
        "syncd.listed": 7,
        "syncd.created": 2,
        **{f"syncd.{name}": 0 for name in ("updated", "deleted", "held", "failed", "requests")},
    }
    assert span.resource.attributes["service.name"] == "syncd"
    assert span.status.is_ok


async def test_failed_run_tells_the_class_of_its_error_and_no_more() -> None:
    """Messages name documents and quote them."""
    [span] = await spans(await ended(Result.FAILED))

    assert span.attributes["error.type"] == "SourceUnavailable"
    assert not span.status.is_ok
    assert SECRET not in span.to_json()


async def test_service_sends_spans_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is there: the runs go on, the end hardly waits, and the header stays secret."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer {SECRET}",
        # So that it is over with the test.
        "OTEL_EXPORTER_OTLP_TIMEOUT": "0.2",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    async with started(configured(tmp_path, source("a"))) as bench:
        before = len(bench.service.listeners)
        with traced(bench.service, environ):
            log.configure(logging.INFO, "json")
            assert len(bench.service.listeners) == before + 1
            want = bench.service.want_run("a", "manual")
            await bench.settled()
        assert len(bench.service.listeners) == before
        logging.getLogger("syncd").error("Bearer %s", SECRET)

    assert want is not None
    assert want.outcome.done()
    err = capsys.readouterr().err
    assert "***" in err
    assert SECRET not in err


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
async def test_nothing_is_traced_unless_it_is_asked_for(tmp_path: Path, environ: dict[str, str]) -> None:
    """By a collector that is named and not switched off."""
    async with started(configured(tmp_path, source("a"))) as bench:
        before = list(bench.service.listeners)
        with traced(bench.service, environ):
            assert bench.service.listeners == before
