"""The door of the dashboard: who may come in, and which requests are meant by who sends them."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from syncd.errors import ConfigError, StateStoreError
from syncd.log import get_logger
from syncd.service.guard import Refused, bearer_is, body_of, unauthorized
from syncd.web.access import TRIES_WINDOW_S, Access, TooManyTries, Visitor
from syncd.web.desk import HEADERS, Desk

log = get_logger(__name__)

Form = Mapping[str, str]
View = Callable[[Request, Visitor], Awaitable[Response]]
Act = Callable[[Request, Visitor, Form], Awaitable[str]]
"""Does what a form asks for, and returns the address of the page that shows it."""


SESSION = "syncd_session"
_FORM = "syncd_form"

_LIMIT_BYTES = 65_536
_LIMIT_S = 10.0
_FIELDS = 30


class Gate:
    """Wraps views and acts, and has the pages for signing in and out."""

    def __init__(self, desk: Desk, access: Access, *, own_token: str, secret: Callable[[], str]) -> None:
        """`own_token` is what this user's own commands ask for a link with."""
        self._desk = desk
        self._access = access
        self._own_token = own_token
        self._secret = secret

    def routes(self) -> list[Route]:
        """What is to be mounted besides the views."""
        return [
            Route("/sign-in", self._ask, methods=["GET"]),
            Route("/sign-in", self._sign_in, methods=["POST"]),
            Route("/sign-in/link", self._follow, methods=["GET"]),
            Route("/sign-out", self.act(self._sign_out, deciding=False), methods=["POST"]),
            Route("/api/sign-in-links", self._link, methods=["POST"]),
        ]

    def look(self, view: View) -> Callable[[Request], Awaitable[Response]]:
        """Let those see the view who are signed in."""

        async def looked(request: Request) -> Response:
            visitor = self._visitor(request)
            if visitor is None:
                return self._to_sign_in(request)
            return await self._answer(visitor, view(request, visitor))

        return looked

    def act(self, act: Act, *, deciding: bool = True) -> Callable[[Request], Awaitable[Response]]:
        """Let those do it who may, if their own page asks for it, and then show what came of it."""

        async def acted(request: Request) -> Response:
            visitor = self._visitor(request)

            async def done() -> Response:
                self._refuse_strangers(request)
                if visitor is None:
                    raise Refused(401, "You are not signed in any more: nothing was done. Sign in again.")
                form = await _form(request)
                self._refuse_forged(form, visitor.form_token)
                if deciding and not visitor.may_decide:
                    raise Refused(403, "You may look, and decide nothing: nothing was done.")
                return RedirectResponse(await act(request, visitor, form), 303)

            return await self._answer(visitor, done())

        return acted

    async def _answer(self, visitor: Visitor | None, work: Awaitable[Response]) -> Response:
        try:
            return await work
        except Refused as refused:
            return self._desk.refuse(refused.status, str(refused), visitor)
        except ConfigError as error:
            return self._desk.refuse(409, str(error), visitor)
        except StateStoreError as error:
            log.warning("state_unusable", error=str(error))
            why = "The state store cannot be used now; the log has more. Try again later."
            return self._desk.refuse(503, why, visitor)

    def _visitor(self, request: Request) -> Visitor | None:
        named = self._access.by_proxy(_peer(request), request.headers.getlist)
        if named is not None:
            return named
        session = request.cookies.get(SESSION)
        return None if session is None else self._access.by_session(session)

    # -- signing in and out -----------------------------------------------------------------------------

    def _to_sign_in(self, request: Request) -> Response:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if "hx-request" in request.headers:
            return Response(status_code=401, headers={"HX-Redirect": "/sign-in"})
        if request.headers.get("sec-fetch-site") == "cross-site" and SESSION not in request.cookies:
            # A strict cookie stays away when a link elsewhere, as in a chat, leads here. The second step is
            # the site's own, and brings it.
            return self._desk.show("onward.html", None, here=here)
        return RedirectResponse(f"/sign-in?{urlencode({'next': here})}", 303)

    async def _ask(self, request: Request) -> Response:
        return self._sign_in_page(request, next_=_inside(request.query_params.get("next", "/")))

    def _sign_in_page(
        self, request: Request, *, next_: str, error: str | None = None, status: int = 200
    ) -> Response:
        known = request.cookies.get(_FORM) or self._secret()
        page = self._desk.show(
            "sign_in.html",
            None,
            status=status,
            next=next_,
            error=error,
            form_token=self._access.form_token(f"form:{known}"),
            has_tokens=self._access.has_tokens,
        )
        self._set_cookie(request, page, _FORM, known, None)
        return page

    async def _sign_in(self, request: Request) -> Response:
        async def work() -> Response:
            self._refuse_strangers(request)
            form = await _form(request)
            known = request.cookies.get(_FORM, "")
            self._refuse_forged(form, self._access.form_token(f"form:{known}"))
            next_ = _inside(form.get("next", "/"))
            try:
                session = self._access.sign_in(
                    form.get("token", "").strip(), form.get("name", ""), _peer(request)
                )
            except TooManyTries:
                log.warning("sign_in_throttled", peer=_peer(request))
                why = "Too many wrong tokens came. Wait a quarter of an hour, or use `syncd dashboard`."
                page = self._sign_in_page(request, next_=next_, error=why, status=429)
                page.headers["Retry-After"] = str(int(TRIES_WINDOW_S))
                return page
            if session is None:
                log.warning("sign_in_refused", peer=_peer(request))
                why = "No such token is configured."
                return self._sign_in_page(request, next_=next_, error=why, status=403)
            return self._welcome(request, session, next_)

        return await self._answer(None, work())

    async def _follow(self, request: Request) -> Response:
        session = self._access.redeem(request.query_params.get("code", ""))
        if session is None:
            why = "The link was used already, or is older than a minute. Make another: syncd dashboard"
            return self._sign_in_page(request, next_="/", error=why, status=403)
        return self._welcome(request, session, "/")

    def _welcome(self, request: Request, session: str, next_: str) -> Response:
        visitor = self._access.by_session(session)
        assert visitor is not None
        log.info("signed_in", by=visitor.name, role=visitor.role.value, peer=_peer(request))
        answer = RedirectResponse(next_, 303, headers=HEADERS)
        self._set_cookie(request, answer, SESSION, session, int(self._access.session_s))
        return answer

    async def _sign_out(self, request: Request, visitor: Visitor, form: Form) -> str:
        self._access.sign_out(visitor)
        log.info("signed_out", by=visitor.name)
        return "/sign-in"

    async def _link(self, request: Request) -> Response:
        if not bearer_is(request, self._own_token):
            return unauthorized()
        try:
            asked = json.loads(await body_of(request, limit_bytes=1_000, limit_s=_LIMIT_S))
            name = str(asked["name"])
        except (ValueError, LookupError, TypeError):
            raise Refused(400, 'the body must be {"name": NAME}') from None
        code = self._access.link(name)
        return JSONResponse({"path": f"/sign-in/link?code={quote(code)}"})

    def _set_cookie(
        self, request: Request, answer: Response, name: str, value: str, max_age_s: int | None
    ) -> None:
        https = request.headers.get("x-forwarded-proto") == "https" and self._access.is_proxy(_peer(request))
        answer.set_cookie(
            name, value, max_age=max_age_s, path="/", secure=https, httponly=True, samesite="strict"
        )

    # -- whether a request is meant -----------------------------------------------------------------------

    def _refuse_strangers(self, request: Request) -> None:
        """Raise Refused for a form of another site, as the browser tells it."""
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        own = origin is not None and self._is_own(origin, request.headers.get("host", ""))
        if (site is None and origin is None) or site not in (None, "same-origin") or (origin and not own):
            log.warning("foreign_form_refused", site=site, peer=_peer(request))
            raise Refused(403, "The form is not one of this dashboard: nothing was done.")

    def _is_own(self, origin: str, host: str) -> bool:
        try:
            told = urlsplit(origin)
            name = told.hostname or ""
        except ValueError:
            return False
        if told.scheme not in ("http", "https"):
            return False
        return told.netloc.lower() == host.lower() or self._access.own_origin(name)

    def _refuse_forged(self, form: Form, expected: str) -> None:
        if not hmac.compare_digest(form.get("form_token", "").encode(), expected.encode()):
            raise Refused(403, "The page was too old: nothing was done. Load it again, and send it then.")


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise Refused(415, "This is no form: nothing was done.")
    body = await body_of(request, limit_bytes=_LIMIT_BYTES, limit_s=_LIMIT_S)
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        raise Refused(400, "The form cannot be read: nothing was done.") from None
    return dict(fields)


def _inside(address: str) -> str:
    """An address of this site, whatever was asked for: else a link could lead away after signing in."""
    if (
        not address.startswith("/")
        or address.startswith("//")
        or "\\" in address
        or not address.isprintable()
    ):
        return "/"
    return address


def _peer(request: Request) -> str:
    return request.client.host if request.client is not None else ""
