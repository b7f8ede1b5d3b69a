"""Spans of runs for OpenTelemetry: the extra `syncd[otel]`, set up by the OTEL_ variables alone.

A span tells which source ran, why, how long, how it ended, and of how many pages: no id, title, text or URL,
and no message, since a message may quote one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncd import __version__
from syncd.log import get_logger, redact
from syncd.model import Result
from syncd.service.service import Ended, Service

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

log = get_logger(__name__)

CLOSE_S = 0.5
"""Seconds that the last spans get to be sent when the service ends."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
_COUNTS = ("listed", "created", "updated", "deleted", "held", "failed", "requests")


class Traces:
    """Makes a span of each run that ended."""

    def __init__(self, processor: SpanProcessor, environ: Mapping[str, str]) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        named = {} if "OTEL_SERVICE_NAME" in environ else {"service.name": "syncd"}
        resource = Resource.create({**named, "service.version": __version__})
        # At exit it would wait for a collector that is not there.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("syncd", __version__)

    def ran(self, ended: Ended) -> None:
        """Tell of a run."""
        from opentelemetry.trace import SpanKind, Status, StatusCode

        report = ended.outcome.report
        told: dict[str, str | int] = {
            "syncd.source": report.name,
            "syncd.trigger": ended.want.why,
            "syncd.result": report.result.value,
        }
        told |= {f"syncd.{name}": getattr(report, name) for name in _COUNTS}
        if ended.outcome.error is not None:
            told["error.type"] = type(ended.outcome.error).__name__
        span = self._tracer.start_span(
            "sync", kind=SpanKind.INTERNAL, attributes=told, start_time=_nanoseconds(ended.began)
        )
        if report.result is Result.FAILED:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanoseconds(ended.ended))

    def close(self) -> None:
        """Send what is left, in half a second or never: the service has seconds to end in."""
        ending = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(CLOSE_S)


@contextmanager
def traced(service: Service, environ: Mapping[str, str]) -> Iterator[None]:
    """Tell a collector of each run meanwhile, if the environment names one."""
    off = environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if off or not any(map(environ.get, _ENDPOINTS)) or environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        yield
        return
    redact.add(*_secrets(environ))
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("extra_missing", extra="otel", way_out="pip install 'syncd[otel]'")
        yield
        return
    traces = Traces(BatchSpanProcessor(OTLPSpanExporter()), environ)
    service.listeners.append(traces.ran)
    try:
        yield
    finally:
        service.listeners.remove(traces.ran)
        traces.close()


def _secrets(environ: Mapping[str, str]) -> Iterator[str]:
    for name in _HEADERS:
        for pair in environ.get(name, "").split(","):
            yield pair.partition("=")[2]


def _nanoseconds(moment: float) -> int:
    return int(moment * 1e9)
