"""What every view works with: the service, a look into the state, and the templates."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from syncd.guards import ALARM_AFTER_S
from syncd.service.service import Service
from syncd.state.store import SqlStateStore
from syncd.verdict import VERDICTS
from syncd.web.access import Visitor
from syncd.web.history import picture

T = TypeVar("T")

_HERE = Path(__file__).parent
STATIC = _HERE / "static"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    # Without a referrer a browser would tell forms of this site as coming from nowhere.
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie, HX-Request",
}


# A document of its own origin, so that even HTML that should never have come so far can do nothing here.
_FRAME = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}


class Read(Protocol):
    """Asks the state something, off the event loop, beside whatever runs."""

    async def __call__(self, question: Callable[[SqlStateStore], T], /) -> T:
        """Raises StateStoreError."""
        ...


class Desk:
    """Hands views what they need, and turns what they found into HTML."""

    def __init__(self, service: Service, read: Read) -> None:
        self.service = service
        self.read = read
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"number": _number, "moment": moment, "age": age, "iso": _iso}
        self._templates.tests["linkable"] = _linkable
        self._templates.globals |= {"static": _static, "picture": picture, "query": urlencode}
        self._templates.globals |= {"verdicts": VERDICTS, "alarm_after_s": ALARM_AFTER_S}

    def show(
        self, template: str, visitor: Visitor | None, *, status: int = 200, **values: object
    ) -> HTMLResponse:
        """Render a template; every value is escaped in it."""
        now = self.service.clock.now()
        html = self._templates.get_template(template).render(
            values | {"visitor": visitor, "now": now, "stopping": self.service.stopping.is_set()}
        )
        return HTMLResponse(html, status, headers=HEADERS)

    def frame(self, **values: object) -> HTMLResponse:
        """What a page of a source says, apart from everything else of the dashboard."""
        html = self._templates.get_template("frame.html").render(values)
        return HTMLResponse(html, headers=HEADERS | _FRAME)

    def refuse(self, status: int, why: str, visitor: Visitor | None) -> HTMLResponse:
        """A page that says why not."""
        return self.show("refused.html", visitor, status=status, why=why)


def age(seconds: float) -> str:
    """A duration in the largest unit that fits: 5 s, 12 min, 3 h, 2 d."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def moment(seconds: float) -> str:
    """A time as people and the audit trail write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(value: float) -> str:
    return f"{value:,}"


def _linkable(url: str | None) -> bool:
    return url is not None and url.lower().startswith(("http://", "https://"))


@cache
def _static(name: str) -> str:
    """The address of a file that browsers may keep, since another version has another address."""
    return f"/static/{name}?v={hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"
