"""Who is let in, as what, and for how long. No I/O: time and chance are handed in."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from syncd.clock import Clock
from syncd.config.model import Config
from syncd.config.service import DashboardConfig
from syncd.errors import ConfigError

TRIES = 10
TRIES_OF_ALL = 200
TRIES_WINDOW_S = 900.0
"""So many wrong tokens from one address, and from everywhere, within so many seconds."""

SESSIONS = 1_000
"""Of more, those that began first end."""

LINK_LIFE_S = 60.0

_MAX_NAME = 80


class Role(StrEnum):
    """What somebody may do: look, or look and decide."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody who is signed in.

    Attributes:
        name: for the audit trail.
        form_token: what each form of theirs has to bring back.
        session: its key; None for one that a proxy vouches for.
    """

    name: str
    role: Role
    form_token: str
    session: bytes | None = None

    @property
    def may_decide(self) -> bool:
        """Whether what they ask for is done."""
        return self.role is Role.OPERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    name: str
    role: Role
    ends: float
    token: bytes | None  # digest of the token it was opened with; None for one of a link


class TooManyTries(Exception):
    """So many wrong tokens came that no token is looked at for a while."""


class Access:
    """Tokens, sessions and the proxy, as the configuration has them.

    Tokens and session ids are kept as digests only.
    """

    def __init__(self, config: Config, *, clock: Clock, secret: Callable[[], str]) -> None:
        """`secret` makes a new text of 128 random bits or more, each time another one.

        Raises:
            ConfigError: a token cannot be read, is too short, or is given for two roles.
        """
        self._clock = clock
        self._secret = secret
        self._key = secret().encode()
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._links: dict[bytes, tuple[str, float]] = {}
        self._tries: OrderedDict[str, list[float]] = OrderedDict()
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take over other tokens: sessions that were opened with one that is no longer there end."""
        tokens, settings = tokens_of(config), config.service.dashboard
        self._settings: DashboardConfig = settings
        self._tokens = tokens
        self._hosts = frozenset(host.lower() for host in config.service.hosts)
        proxy = settings.proxy
        self._networks = [ipaddress.ip_network(one) for one in (proxy.addresses if proxy is not None else ())]
        for key in [key for key, one in self._sessions.items() if one.token not in {None, *tokens}]:
            del self._sessions[key]

    @property
    def has_tokens(self) -> bool:
        """Whether somebody can sign in with a token."""
        return bool(self._tokens)

    # -- tokens and links -------------------------------------------------------------------------------

    def sign_in(self, token: str, name: str, peer: str) -> str | None:
        """Return the id of a new session, or None for a wrong token.

        Raises:
            TooManyTries: nothing was looked at.
        """
        now = self._clock.monotonic()
        self._forget_tries(now)
        if (
            len(self._tries.get(peer, ())) >= TRIES
            or sum(len(times) for times in self._tries.values()) >= TRIES_OF_ALL
        ):
            raise TooManyTries
        given = _digest(token)
        # All of them, whichever fits, so that the time tells nothing.
        fits = [role for digest, role in self._tokens.items() if hmac.compare_digest(digest, given)]
        if not fits:
            self._tries.setdefault(peer, []).append(now)
            return None
        return self._open(named(name) or fits[0].value, fits[0], given)

    def link(self, name: str) -> str:
        """Return a code that signs its bearer in once, as an operator, within a minute."""
        now, code = self._clock.monotonic(), self._secret()
        self._links = {key: link for key, link in self._links.items() if link[1] > now}
        self._links[_digest(code)] = (named(name) or Role.OPERATOR.value, now + LINK_LIFE_S)
        return code

    def redeem(self, code: str) -> str | None:
        """Return the id of a new session for a link's code; None for one that is unknown, used or old."""
        name, ends = self._links.pop(_digest(code), ("", 0.0))
        if ends <= self._clock.monotonic():
            return None
        return self._open(name, Role.OPERATOR, None)

    def sign_out(self, visitor: Visitor) -> None:
        """End the session."""
        if visitor.session is not None:
            self._sessions.pop(visitor.session, None)

    @property
    def session_s(self) -> float:
        """Seconds that a session lasts."""
        return self._settings.session

    # -- requests ---------------------------------------------------------------------------------------

    def by_session(self, session: str) -> Visitor | None:
        """Return whose session it is; None if it is none, or is over."""
        key = _digest(session)
        found = self._sessions.get(key)
        if found is None:
            return None
        if found.ends <= self._clock.monotonic():
            del self._sessions[key]
            return None
        return Visitor(name=found.name, role=found.role, form_token=self.form_token(session), session=key)

    def by_proxy(self, peer: str, header: Callable[[str], list[str]]) -> Visitor | None:
        """Return whom the proxy names, if it is the proxy who asks and it names one."""
        proxy = self._settings.proxy
        if proxy is None or proxy.user_header is None or not self.is_proxy(peer):
            return None
        given = header(proxy.user_header)
        # Of two, one may be the browser's own.
        name = named(given[0]) if len(given) == 1 else ""
        if not name:
            return None
        role = Role.OPERATOR if name in proxy.operators else Role.VIEWER
        return Visitor(name=name, role=role, form_token=self.form_token(f"proxy:{name}"))

    def is_proxy(self, peer: str) -> bool:
        """Whether the configured proxy has this address."""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def form_token(self, of: str) -> str:
        """Return what forms have to bring back that were shown to this session, or under this cookie."""
        return hmac.new(self._key, of.encode(), hashlib.sha256).hexdigest()

    def own_origin(self, name: str) -> bool:
        """Whether an origin with this host name is this dashboard, seen through a proxy."""
        return name in self._hosts

    def _open(self, name: str, role: Role, token: bytes | None) -> str:
        session = self._secret()
        ends = self._clock.monotonic() + self._settings.session
        self._sessions[_digest(session)] = _Session(name=name, role=role, ends=ends, token=token)
        while len(self._sessions) > SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def _forget_tries(self, now: float) -> None:
        for peer, times in list(self._tries.items()):
            left = [time for time in times if time > now - TRIES_WINDOW_S]
            if left:
                self._tries[peer] = left
            else:
                del self._tries[peer]


def tokens_of(config: Config) -> dict[bytes, Role]:
    """Return the digests of the configured tokens, and what each lets its bearer do.

    Raises:
        ConfigError: one cannot be read, is too short, or is given for two roles.
    """
    tokens: dict[bytes, Role] = {}
    for role in Role:
        given = getattr(config.service.dashboard, role.value)
        if given is not None:
            digest = _digest(given.value(config.base, f"service.dashboard.{role.value}.secret"))
            if digest in tokens:
                raise ConfigError(
                    "service.dashboard: viewer and operator have the same token; give each its own"
                )
            tokens[digest] = role
    return tokens


def named(name: str) -> str:
    """Return a person's name as one printable line; "" for none."""
    return "".join(char for char in name if char.isprintable()).strip()[:_MAX_NAME]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
