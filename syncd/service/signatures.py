"""Whether a webhook is from whom it says: the signatures of the forges, over the body as it came.

GitHub, Bitbucket: X-Hub-Signature-256, X-Hub-Signature: "sha256=" and the HMAC in hex. Gitea, Forgejo:
X-Gitea-Signature, without the prefix. GitLab: the secret itself in X-Gitlab-Token. Anything else:
Standard Webhooks (standardwebhooks.com), whose signature covers an id and the time, too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from syncd.service.guard import Refused

TOLERANCE_S = 300.0
"""How far the time of a signed hook may be from ours."""

_STAMP = re.compile(r"\d{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request of a sender, with headers in lower case."""

    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header; raises Refused if it is not there."""
        if not (value := self.headers.get(name)):
            raise Refused(401, f"the header {name} is missing")
        return value


Check = Callable[[Delivery, str, float], str]
"""(delivery, secret, Unix seconds now) → the delivery's id. Raises Refused if it is not the sender's."""


def github(delivery: Delivery, secret: str, now: float) -> str:
    """GitHub signs the body."""
    _same(delivery.header("x-hub-signature-256"), "sha256=" + _hmac(delivery, secret))
    return _id(delivery, "x-github-delivery")


def gitea(delivery: Delivery, secret: str, now: float) -> str:
    """Gitea and Forgejo sign the body."""
    _same(delivery.header("x-gitea-signature"), _hmac(delivery, secret))
    return _id(delivery, "x-gitea-delivery")


def bitbucket(delivery: Delivery, secret: str, now: float) -> str:
    """Bitbucket signs the body."""
    _same(delivery.header("x-hub-signature"), "sha256=" + _hmac(delivery, secret))
    return _id(delivery, "x-request-uuid")


def gitlab(delivery: Delivery, secret: str, now: float) -> str:
    """GitLab signs nothing, and sends the secret itself."""
    _same(delivery.header("x-gitlab-token"), secret)
    return _id(delivery, "x-gitlab-event-uuid")


def signed(delivery: Delivery, secret: str, now: float) -> str:
    """Standard Webhooks: one of the signatures "v1,…" must fit id, time and body."""
    name, stamp = delivery.header("webhook-id"), delivery.header("webhook-timestamp")
    wanted = hmac.digest(_key(secret), f"{name}.{stamp}.".encode() + delivery.body, hashlib.sha256)
    expected = "v1," + base64.b64encode(wanted).decode("ascii")
    given = delivery.header("webhook-signature").split(" ")[:10]
    fits = [hmac.compare_digest(one.encode(), expected.encode()) for one in given]
    if not any(fits):
        raise Refused(401, "the signature does not fit")
    if not _STAMP.fullmatch(stamp) or abs(now - int(stamp)) > TOLERANCE_S:
        raise Refused(401, "the time of the signature is not now")
    return name


CHECKS: Mapping[str, Check] = {
    "github": github,
    "gitlab": gitlab,
    "gitea": gitea,
    "bitbucket": bitbucket,
    "signed": signed,
}
"""By the name that is in the URL and in the configuration."""


def _hmac(delivery: Delivery, secret: str) -> str:
    return hmac.new(secret.encode(), delivery.body, hashlib.sha256).hexdigest()


def _same(given: str, wanted: str) -> None:
    if not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Refused(401, "the signature does not fit")


def _id(delivery: Delivery, header: str) -> str:
    # A sender that gives none still cannot have the same thing done twice.
    return delivery.headers.get(header) or hashlib.sha256(delivery.body).hexdigest()


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
