"""Signatures of the senders, by examples that they published themselves where there are any."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable

import pytest

from syncd.service.guard import Refused
from syncd.service.signatures import CHECKS, Delivery

SECRET = "It's a Secret to Everybody"
BODY = b"Hello, World!"
# docs.github.com, "Validating webhook deliveries"
DIGEST = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
NOW = 1_614_265_330.0

GOOD: dict[str, dict[str, str]] = {
    "github": {"x-hub-signature-256": f"sha256={DIGEST}", "x-github-delivery": "1"},
    "gitea": {"x-gitea-signature": DIGEST, "x-gitea-delivery": "1"},
    "bitbucket": {"x-hub-signature": f"sha256={DIGEST}", "x-request-uuid": "1"},
    "gitlab": {"x-gitlab-token": SECRET, "x-gitlab-event-uuid": "1"},
}

WRONG: dict[str, Callable[[str], str]] = {
    "none": lambda value: "",
    "cut": lambda value: value[:-1],
    "longer": lambda value: value + "0",
    "in capitals": lambda value: value.upper(),
    "with a prefix": lambda value: "sha256=" + value,
    "of another digest": lambda value: "sha1=" + value.removeprefix("sha256="),
    "not ASCII": lambda value: "é" + value[1:],
}


def check(sender: str, headers: dict[str, str], *, body: bytes = BODY, now: float = NOW) -> str:
    return CHECKS[sender](Delivery(headers=headers, body=body), SECRET, now)


@pytest.mark.parametrize("sender", list(GOOD))
def test_right_signature(sender: str) -> None:
    """The id of the delivery is what a second one is known by."""
    assert check(sender, GOOD[sender]) == "1"


@pytest.mark.parametrize("sender", list(GOOD))
@pytest.mark.parametrize("kind", list(WRONG))
def test_wrong_signature(sender: str, kind: str) -> None:
    """Missing, cut, longer, of another kind: all are refused alike."""
    name = next(iter(GOOD[sender]))

    with pytest.raises(Refused) as refused:
        check(sender, GOOD[sender] | {name: WRONG[kind](GOOD[sender][name])})

    assert refused.value.status == 401


@pytest.mark.parametrize("sender", ["github", "gitea", "bitbucket"])
def test_signature_of_another_body(sender: str) -> None:
    """It is over every byte as it came."""
    with pytest.raises(Refused):
        check(sender, GOOD[sender], body=BODY + b"\n")


@pytest.mark.parametrize("sender", list(GOOD))
def test_delivery_without_an_id(sender: str) -> None:
    """It is known by its body."""
    name, *_ = GOOD[sender]
    headers = {name: GOOD[sender][name]}

    assert check(sender, headers) == check(sender, headers) != "1"


def standard(*, secret: str, body: bytes = BODY, stamp: str = "1614265330") -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signature = hmac.digest(key, b"msg_1." + stamp.encode() + b"." + body, hashlib.sha256)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(signature).decode(),
    }


def test_standard_webhooks_by_their_own_example() -> None:
    """The vector of the reference libraries: github.com/standard-webhooks/standard-webhooks."""
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    delivery = Delivery(headers=headers, body=b'{"test": 2432232314}')

    name = CHECKS["signed"](delivery, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NOW)

    assert name == "msg_p5jXN8AQM9LWM0D4loKWxJek"


@pytest.mark.parametrize("apart_s", [-300, 0, 300])
def test_time_of_a_signed_hook_may_be_five_minutes_off(apart_s: float) -> None:
    """Clocks differ."""
    assert check("signed", standard(secret=SECRET), now=NOW + apart_s) == "msg_1"


@pytest.mark.parametrize(
    "headers",
    [
        standard(secret="another secret"),
        standard(secret=SECRET) | {"webhook-id": "msg_2"},
        standard(secret=SECRET) | {"webhook-timestamp": "1614265331"},
        standard(secret=SECRET) | {"webhook-signature": "v1"},
        standard(secret=SECRET, stamp="1614265029"),
        standard(secret=SECRET, stamp="1614265631"),
        standard(secret=SECRET, stamp="soon"),
        standard(secret=SECRET, stamp="9" * 5000),
        standard(secret=SECRET, stamp="-1614265330"),
        {name: value for name, value in standard(secret=SECRET).items() if name != "webhook-id"},
    ],
)
def test_signed_hook_that_is_not_right(headers: dict[str, str]) -> None:
    """Another key, id, or time, a time that is long ago, or none."""
    with pytest.raises(Refused) as refused:
        check("signed", headers)

    assert refused.value.status == 401


def test_one_of_several_signatures_is_enough() -> None:
    """While a secret is changed, a sender signs with both."""
    headers = standard(secret=SECRET)
    headers["webhook-signature"] = f"v1,AAAA v1a,BBBB {headers['webhook-signature']}"

    assert check("signed", headers) == "msg_1"
