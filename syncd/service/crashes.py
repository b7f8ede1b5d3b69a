"""Errors that nobody foresaw, for Sentry: the extra `syncd[sentry]`, set up by the SENTRY_ variables alone.

What is sent is made here from nothing, not cleaned of what must not be seen: the class of the error and where
it happened, the event of the log, and the source. No message, no variable, no line of code, since each of
them may hold a token or the text of a page.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from syncd import __version__
from syncd.errors import ConfigError
from syncd.log import get_logger, redact

if TYPE_CHECKING:
    from sentry_sdk.client import Client

log = get_logger(__name__)

CLOSE_S = 0.5
"""Seconds that the last errors get to be sent when the service ends."""

_MOST_CAUSES = 10


class Crashes(logging.Handler):
    """Hears what is logged with a traceback."""

    def __init__(self, client: Client) -> None:
        super().__init__(logging.ERROR)
        self._client = client

    def emit(self, record: logging.LogRecord) -> None:
        """Send it, if there is an exception; never fail, as a log must not."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return
        try:
            told: Any = event_of(record, error)
            self._client.capture_event(told)
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Say so without the record, which nobody has redacted."""
        log.warning("crash_not_sent", logger=record.name)


def event_of(record: logging.LogRecord, error: BaseException) -> dict[str, Any]:
    """Return what Sentry is told: the causes first, the error last."""
    chain: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in chain and len(chain) < _MOST_CAUSES:
        chain.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    fields: Mapping[str, object] = getattr(record, "syncd_fields", {})
    return {
        "level": "error",
        "logger": record.name,
        # Of our own loggers this is the name of an event; others put anything there.
        "message": record.getMessage() if fields else "",
        "tags": {"source": str(fields["source"])} if "source" in fields else {},
        "exception": {
            "values": [
                {
                    "type": type(one).__name__,
                    "module": type(one).__module__,
                    "stacktrace": {"frames": list(_frames(one.__traceback__))},
                }
                for one in reversed(chain)
            ]
        },
    }


def _frames(trace: TracebackType | None) -> Iterator[dict[str, Any]]:
    for frame, line in traceback.walk_tb(trace):
        module = frame.f_globals.get("__name__", "")
        yield {
            "module": module,
            "function": frame.f_code.co_name,
            "lineno": line,
            "in_app": module.partition(".")[0] in ("syncd", "connectors"),
        }


@contextmanager
def reported(environ: Mapping[str, str]) -> Iterator[None]:
    """Tell Sentry of errors meanwhile, if the environment says where it is.

    Raises:
        ConfigError: SENTRY_DSN is none.
    """
    if not (dsn := environ.get("SENTRY_DSN")):
        yield
        return
    redact.add(dsn)
    try:
        from sentry_sdk.client import Client
        from sentry_sdk.utils import BadDsn
    except ImportError:
        log.warning("extra_missing", extra="sentry", way_out="pip install 'syncd[sentry]'")
        yield
        return
    try:
        client = Client(dsn, **options(environ))
    except BadDsn:
        raise ConfigError(
            "SENTRY_DSN is not an address that Sentry gives: a URL with a key before the host and a number "
            "after it.\nCopy it from the settings of the project, or unset the variable."
        ) from None
    crashes = Crashes(client)
    logging.getLogger().addHandler(crashes)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(crashes)
        client.close(timeout=CLOSE_S)


def options(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return how the client is made: it adds nothing by itself but its own name and the time."""
    return {
        "default_integrations": False,
        "auto_enabling_integrations": False,
        "auto_session_tracking": False,
        "send_client_reports": False,
        "max_breadcrumbs": 0,
        "include_local_variables": False,
        "include_source_context": False,
        "server_name": "",
        "release": environ.get("SENTRY_RELEASE") or f"syncd@{__version__}",
        "shutdown_timeout": CLOSE_S,
    }
