"""The dashboard as a whole: which address shows or does what."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from syncd.config.model import Config
from syncd.service.service import Service
from syncd.web.access import Access
from syncd.web.acts import Acts
from syncd.web.desk import STATIC, Desk, Read
from syncd.web.gate import Gate
from syncd.web.pages import Pages
from syncd.web.views import Views

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Dashboard:
    """All its routes, to be mounted beside the others of the service."""

    def __init__(self, service: Service, read: Read, *, own_token: str, secret: Callable[[], str]) -> None:
        """Read the tokens of the service's configuration.

        Args:
            read: asks the state, beside whatever runs.
            own_token: what this user's own commands ask for a link with.
            secret: makes a new text of 128 random bits or more, each time another one.

        Raises:
            ConfigError: a token cannot be read, is too short, or is given for two roles.
        """
        self._access = Access(service.config, clock=service.clock, secret=secret)
        self._desk = Desk(service, read)
        self._gate = Gate(self._desk, self._access, own_token=own_token, secret=secret)
        self._files = {
            path.name: (path.read_bytes(), _TYPES[path.suffix])
            for path in STATIC.iterdir()
            if path.suffix in _TYPES
        }

    def configure(self, config: Config) -> None:
        """Take over other tokens; sessions of those that are gone end. Raises ConfigError."""
        self._access.configure(config)

    def routes(self) -> list[Route]:
        """What is to be mounted."""
        views, acts, look, act = Views(self._desk), Acts(self._desk), self._gate.look, self._gate.act
        pages = Pages(self._desk)
        seen = {
            "/": views.overview,
            "/decisions": views.decisions,
            "/audit": views.audit,
            "/audit.csv": views.audit_csv,
            "/runs/{number:int}": views.run,
            "/sources/{name}": views.source,
            "/sources/{name}/pages": pages.pages,
            "/sources/{name}/page": pages.page,
            "/sources/{name}/page/preview": pages.preview,
        }
        done = {
            "sync": acts.sync,
            "pause": acts.pause,
            "resume": acts.resume,
            "hold": acts.hold,
            "release": acts.release,
            "approve": acts.approve,
            "reject": acts.reject,
            "takedown": acts.take_down,
            "restore": acts.restore,
            "retry": acts.retry,
        }
        return [
            Route("/static/{name}", self._file, methods=["GET"]),
            *self._gate.routes(),
            *(Route(path, look(view), methods=["GET"]) for path, view in seen.items()),
            *(Route(f"/sources/{{name}}/{verb}", act(do), methods=["POST"]) for verb, do in done.items()),
        ]

    async def _file(self, request: Request) -> Response:
        """Style and script: they tell nothing of anybody, and the sandboxed frame has no cookie to show."""
        found = self._files.get(request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        content, media_type = found
        return Response(
            content, media_type=media_type, headers={"Cache-Control": "public, max-age=31536000, immutable"}
        )
