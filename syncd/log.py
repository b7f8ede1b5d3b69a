"""Logs: one event a line, to stderr, without secrets.

Events of syncd and of its libraries go one way: stdlib handlers, formatted by structlog. structlog
costs a tenth of a second to import, so it is imported with the first line that is written, and a quiet
command never pays for it.

    log = get_logger(__name__)
    with bound(source="handbook", run=12):
        log.info("page_upserted", external_id="a.md", page_id="21")
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from queue import Full, Queue
from typing import IO, TYPE_CHECKING, Any, Literal
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from structlog.stdlib import ProcessorFormatter

Format = Literal["auto", "console", "json"]

HIDDEN = "***"

# A shorter one would blacken ordinary words, and protects nothing.
_MIN_SECRET = 4
_MIN_DERIVED = 6
_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@\"'<>\\]+@")
_SECRET_NAMES = re.compile(r"(?i)(^|[_-])(token|secret|password|passwd|authorization|cookie|api[_-]?key)$")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

# structlog.dev.ConsoleRenderer shows a text with any of these by its repr.
_SHOWN_BY_REPR = set(" \t=\r\n\"'")

# They log every request, every change of a file, every step of theirs, and httpcore its headers.
_CHATTY = (
    *("httpcore", "httpx", "hpack", "asyncio", "alembic", "apscheduler", "uvicorn", "watchfiles"),
    *("opentelemetry", "sentry_sdk", "urllib3"),
)

_KEPT_LINES = 10_000
FLUSH_S = 1.0
"""Seconds that the last lines get to be written."""

_bound: ContextVar[Mapping[str, object] | None] = ContextVar("syncd_log_fields", default=None)


class Redactor:
    """Replaces secrets by `***`, also in their base64, URL-encoded, JSON and Basic forms."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Hide these from now on too."""
        known = len(self._forms)
        for secret in secrets:
            self._forms.update(_forms(secret.strip()))
        if len(self._forms) > known:
            # The longest first: a secret that is the beginning of another must not leave its end.
            longest_first = sorted(self._forms, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def clear(self) -> None:
        """Hide nothing any more, as in a new process."""
        self._forms.clear()
        self._pattern = None

    def __call__(self, text: str) -> str:
        """Return the text without secrets, and without the user part of URLs."""
        if self._pattern is not None:
            text = self._pattern.sub(HIDDEN, text)
        return _USERINFO.sub(rf"\1{HIDDEN}@", text)


redact = Redactor()
"""The redactor of this process: `configure` and `redact.add` tell it the secrets."""


class Logger:
    """Writes events: a name, and fields. Values are anything; what is not text is shown by its repr."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: object) -> None:
        """What only a developer wants to know."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """What happened, as planned."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """What an operator should look at some time."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """What failed."""
        self._write(logging.ERROR, event, fields)

    def exception(self, event: str, **fields: object) -> None:
        """What failed, with the exception that is being handled."""
        self._write(logging.ERROR, event, fields, traceback=True)

    def _write(
        self, level: int, event: str, fields: Mapping[str, object], *, traceback: bool = False
    ) -> None:
        if self._logger.isEnabledFor(level):
            extra = {"syncd_fields": {**(_bound.get() or {}), **fields}}
            # "%s", since an event with a per cent sign is no format.
            self._logger.log(level, "%s", event, exc_info=traceback, extra=extra)


def get_logger(name: str) -> Logger:
    """Return the logger of a module; cheap, and fine before `configure`."""
    return Logger(name)


@contextmanager
def bound(**fields: object) -> Iterator[None]:
    """Add fields to every event of syncd inside, in this task or thread."""
    token = _bound.set({**(_bound.get() or {}), **fields})
    try:
        yield
    finally:
        _bound.reset(token)


def bind(**fields: object) -> None:
    """Add fields to every event from here to the end of the `bound` around."""
    _bound.set({**(_bound.get() or {}), **fields})


def level_of(verbose: int, quiet: bool) -> int:
    """Return the level for -v and -q: warnings, -v what happens, -vv everything, -q errors only."""
    if quiet:
        return logging.ERROR
    return {0: logging.WARNING, 1: logging.INFO}.get(verbose, logging.DEBUG)


def configure(
    level: int = logging.WARNING,
    format: Format = "auto",
    secrets: Iterable[str] = (),
    *,
    stream: IO[str] | None = None,
    waiting: bool = True,
) -> None:
    """Send all logs of this process to stderr; called again, replace what was set up before.

    Args:
        format: "auto" is for people on a terminal and JSON lines elsewhere.
        secrets: values that must not appear; `redact.add` adds more later.
        stream: written to instead of stderr.
        waiting: False lets a thread write, so that a reader who does not read holds up nobody; what it
            cannot take is dropped and counted.
    """
    redact.add(*secrets)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(handler)
    root.addHandler(_Handler(format, stream) if waiting else _Background(format, stream))
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


class _Handler(logging.Handler):
    """Writes to the stderr of the moment, and imports structlog with the first record."""

    def __init__(self, format: Format, stream: IO[str] | None) -> None:
        super().__init__()
        self._format = format
        self._stream = stream
        self._built: ProcessorFormatter | None = None

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stream = self._stream or sys.stderr
            if self._built is None:
                self._built = _formatter(self._format, stream)
            self.put(stream, self._built.format(record) + "\n")
        except Exception:
            self.handleError(record)

    def put(self, stream: IO[str], line: str) -> None:
        stream.write(line)
        stream.flush()

    def handleError(self, record: logging.LogRecord) -> None:
        # logging would print the record with its arguments, which nobody has redacted.
        try:
            sys.stderr.write(f'{{"event": "log_failed", "logger": {json.dumps(record.name)}}}\n')
        except (OSError, ValueError):
            return


class _Background(_Handler):
    """Writes in a thread of its own, which may be left behind."""

    def __init__(self, format: Format, stream: IO[str] | None) -> None:
        super().__init__(format, stream)
        self.dropped = 0
        self._lines: Queue[tuple[IO[str], str]] = Queue(_KEPT_LINES)
        threading.Thread(target=self._work, name="log", daemon=True).start()

    def put(self, stream: IO[str], line: str) -> None:
        try:
            self._lines.put_nowait((stream, line))
        except Full:
            self.dropped += 1

    def flush(self) -> None:
        pause = threading.Event()
        for _ in range(100):
            if not self._lines.unfinished_tasks:
                return
            pause.wait(FLUSH_S / 100)

    def _work(self) -> None:
        while True:
            stream, line = self._lines.get()
            try:
                _write(stream, line)
            except (OSError, ValueError):
                self.dropped += 1
            finally:
                self._lines.task_done()


def _write(stream: IO[str], line: str) -> None:
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError):
        stream.write(line)
        return
    # Not by the stream: Python does not end while a thread that is left behind holds the lock of one.
    rest = line.encode("utf-8", "backslashreplace")
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def dropped() -> int:
    """Log events of this process that nobody took in time."""
    return sum(
        handler.dropped for handler in logging.getLogger().handlers if isinstance(handler, _Background)
    )


def flush() -> None:
    """Give what was logged up to a second to be written."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def _formatter(format: Format, stream: IO[str]) -> ProcessorFormatter:
    import structlog

    terminal = stream.isatty()
    shared: list[Any] = [
        _add_fields,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _hide_by_name,
    ]
    if format == "console" or (format == "auto" and terminal):
        colors = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        renderer: list[Any] = [
            _escape,
            structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_indented_traceback),
        ]
    else:
        renderer = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=repr, ensure_ascii=True),
        ]
    processors = [*shared, *renderer, _redact]
    return structlog.stdlib.ProcessorFormatter(processors=processors)


def _add_fields(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    record: logging.LogRecord = event["_record"]
    for name, value in getattr(record, "syncd_fields", {}).items():
        event.setdefault(name, value)
    # Under this key the formatter hands the exception to the renderers.
    if record.exc_info:
        event["exc_info"] = record.exc_info
    return event


def _hide_by_name(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: HIDDEN if _SECRET_NAMES.search(name) else value for name, value in event.items()}


def _escape(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep one event on one line, and the terminal's colours ours."""
    return {_escaped(name): _printable(name, value) for name, value in event.items()}


def _printable(name: str, value: object) -> object:
    if name == "exc_info":
        return value
    if name in ("event", "logger"):
        return _escaped(str(value))
    # The renderer shows most texts, and all that is no text, by their repr, which escapes by itself.
    if isinstance(value, str):
        return value if _SHOWN_BY_REPR & set(value) else _escaped(value)
    return _escaped(repr(value)) if _UNPRINTABLE.search(repr(value)) else value


def _escaped(text: str) -> str:
    return _UNPRINTABLE.sub(lambda match: repr(match[0])[1:-1], text)


def _indented_traceback(stream: Any, exc_info: Any) -> None:
    """Print a traceback below its event, indented: no line of it can be taken for an event."""
    import traceback

    text = "".join(traceback.format_exception(*exc_info))
    stream.write("".join(f"\n    {_escaped(line)}" for line in text.rstrip("\n").split("\n")))


def _redact(_logger: object, _name: str, line: str) -> str:
    # Last, on what is written: whatever a value or an exception held is in here.
    return redact(line)


def _forms(secret: str) -> Iterator[str]:
    if len(secret) < _MIN_SECRET:
        return
    yield secret
    raw = secret.encode("utf-8", "surrogateescape")
    derived = {quote(raw, safe=""), quote(raw), quote_plus(raw), quote(raw, safe="").lower()}
    # A body in JSON, in the repr of an exception, in a line of JSON: escaped up to three times.
    escaped = {secret}
    for _ in range(3):
        escaped |= {form for text in escaped for form in _escapes(text)}
    derived |= escaped
    # In base64 (and in Basic, behind a user name) the secret begins at any of three places in a group;
    # what is left after cutting the characters that its neighbours share is always the same.
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(offset) + raw).decode("ascii")
            derived.add(text[(0, 2, 3)[offset] : (offset + len(raw)) * 8 // 6])
    yield from (form for form in derived if len(form) >= _MIN_DERIVED)


def _escapes(text: str) -> Iterator[str]:
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    # repr escapes an apostrophe only if the text around it also has a quotation mark.
    python = repr(text + '"')[1:-2]
    yield python
    yield python.replace("\\'", "'")
