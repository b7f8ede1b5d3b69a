"""POST /hooks/SENDER: somebody tells that something was pushed, and the sources that it concerns look.

A delivery that is let in only wants runs; whoever sends a thousand gets the one that goes on and the one
that waits.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from syncd.config.model import Config, SourceConfig
from syncd.errors import ConfigError
from syncd.log import get_logger
from syncd.service.guard import Refused, body_of
from syncd.service.pushes import push
from syncd.service.service import Service
from syncd.service.signatures import CHECKS, Delivery

log = get_logger(__name__)

LIMIT_BYTES = 1_000_000
LIMIT_S = 10.0
REMEMBERED = 10_000
"""Ids of deliveries that are known again."""

ANSWERS = ("accepted", "ignored", "duplicate", "refused")

_EVENTS = {
    "github": ("x-github-event", "push"),
    "gitea": ("x-gitea-event", "push"),
    "gitlab": ("x-gitlab-event", "Push Hook"),
    "bitbucket": ("x-event-key", "repo:push"),
}


class Webhooks:
    """The endpoint of all senders that have a secret."""

    def __init__(self, service: Service, *, count: Callable[[str, str], None] = lambda sender, answer: None):
        """Count each delivery by sender and answer.

        Raises:
            ConfigError: a secret cannot be read, or is too short.
        """
        self._service = service
        self._count = count
        self._secrets = secrets_of(service.config)
        self._seen: OrderedDict[str, None] = OrderedDict()

    def configure(self, config: Config) -> None:
        """Take over other secrets. Raises ConfigError."""
        self._secrets = secrets_of(config)

    def routes(self) -> list[Route]:
        """What is to be mounted."""
        return [Route("/hooks/{sender}", self._receive, methods=["POST"])]

    async def _receive(self, request: Request) -> Response:
        sender = request.path_params["sender"]
        if (secret := self._secrets.get(sender)) is None:
            raise Refused(404, "nothing is received here; see 'webhooks' in the configuration")
        try:
            body = await body_of(request, limit_bytes=LIMIT_BYTES, limit_s=LIMIT_S)
            delivery = Delivery(headers={**request.headers}, body=body)
            name = CHECKS[sender](delivery, secret, self._service.clock.now())
            if not request.headers.get("content-type", "").lower().startswith("application/json"):
                raise Refused(415, "the body must be application/json")
            sources = list(self._concerned(sender, delivery))
        except Refused as refused:
            log.warning("webhook_refused", sender=sender, status=refused.status, why=str(refused))
            self._count(sender, "refused")
            raise
        if self._is_known(f"{sender}:{name}"):
            self._count(sender, "duplicate")
            return JSONResponse({"wanted": [], "duplicate": True}, 202)
        for source in sources:
            self._service.want_run(source, "webhook")
        self._count(sender, "accepted" if sources else "ignored")
        log.info("webhook_received", sender=sender, delivery=name, wanted=sources)
        return JSONResponse({"wanted": sources}, 202)

    def _concerned(self, sender: str, delivery: Delivery) -> Iterable[str]:
        if self._service.stopping.is_set():
            raise Refused(503, "the service is about to stop")
        payload = _payload(delivery.body)
        if sender == "signed":
            return self._named(payload)
        header, event = _EVENTS[sender]
        if delivery.headers.get(header) != event:
            return []  # a ping, or something else that the sender was set up to tell
        told = push(sender, payload)
        return [
            source.name
            for source in self._service.sources
            if (origin := _origin(source)) is not None and told.concerns(*origin)
        ]

    def _named(self, payload: Mapping[str, Any]) -> list[str]:
        name = payload.get("source")
        try:
            return [self._service.config.source(str(name)).name]
        except ConfigError:
            raise Refused(400, 'the body must be {"source": NAME}, with the name of a source') from None

    def _is_known(self, name: str) -> bool:
        known = name in self._seen
        self._seen[name] = None
        self._seen.move_to_end(name)
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return known


def secrets_of(config: Config) -> dict[str, str]:
    """Return the secret of each sender that has one. Raises ConfigError."""
    hooks = config.service.webhooks
    given = {sender: getattr(hooks, sender) for sender in CHECKS}
    return {
        sender: secret.value(config.base, f"service.webhooks.{sender}.secret")
        for sender, secret in given.items()
        if secret is not None
    }


def _payload(body: bytes) -> Mapping[str, Any]:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is no JSON") from None
    if not isinstance(payload, dict):
        raise Refused(400, "the body is no JSON object")
    return payload


def _origin(source: SourceConfig) -> tuple[str, str | None] | None:
    """URL and branch of a source that has such settings, whatever its connector."""
    url, branch = (getattr(source.settings, name, None) for name in ("url", "branch"))
    if not isinstance(url, str):
        return None
    return url, branch if isinstance(branch, str) else None
