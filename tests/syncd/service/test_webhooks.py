"""What is let in at /hooks, and what it does."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from syncd.errors import ConfigError
from syncd.service.signatures import CHECKS
from tests.syncd.service.engine import SECRET, Bench, configured, repository, source, started
from tests.syncd.service.test_pushes import GITHUB
from tests.syncd.service.test_signatures import standard

URL = "https://github.com/acme/handbook.git"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    config = configured(
        tmp_path,
        repository("handbook", URL),
        repository("release", URL, branch="release"),
        repository("other", "https://github.com/acme/other.git"),
        source("folder"),
        webhooks={sender: {"secret": "${SECRET}"} for sender in CHECKS},
    )
    async with started(config) as bench:
        yield bench


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def deliver(
    bench: Bench, payload: Any = GITHUB, *, name: str = "1", event: str = "push", **headers: str
) -> httpx.Response:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    sent = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": name,
        "x-hub-signature-256": signature(body),
    } | {key.replace("_", "-"): value for key, value in headers.items()}
    return await bench.client.post("/hooks/github", content=body, headers=sent)


async def test_push_wants_the_sources_that_it_concerns(bench: Bench) -> None:
    """Those of that repository and branch, and no others."""
    answer = await deliver(bench)
    await bench.settled()

    assert (answer.status_code, answer.json()) == (202, {"wanted": ["handbook"]})
    assert bench.engine.begun == [("handbook", "webhook", False)]


async def test_ping_wants_nothing(bench: Bench) -> None:
    """A forge sends it when the hook is set up, and shows whether it was let in."""
    answer = await deliver(bench, {"zen": "Keep it logically awesome."}, event="ping")

    assert (answer.status_code, answer.json()) == (202, {"wanted": []})
    assert bench.engine.begun == []


async def test_replayed_delivery_wants_nothing(bench: Bench) -> None:
    """An id is good for once."""
    await deliver(bench)
    await bench.settled()

    again = await deliver(bench)
    await bench.settled()

    assert (again.status_code, again.json()) == (202, {"wanted": [], "duplicate": True})
    assert len(bench.engine.begun) == 1


async def test_refused_delivery_does_not_use_up_its_id(bench: Bench) -> None:
    """Nobody can keep a delivery out by sending its id before."""
    await deliver(bench, x_hub_signature_256="sha256=0")

    assert (await deliver(bench)).json() == {"wanted": ["handbook"]}


async def test_storm_makes_two_runs(bench: Bench) -> None:
    """The one that goes on, and the one that follows."""
    bench.engine.gate.clear()
    answers = await asyncio.gather(*(deliver(bench, name=str(number)) for number in range(500)))
    bench.engine.gate.set()
    await bench.settled()

    assert {answer.status_code for answer in answers} == {202}
    assert len(bench.engine.begun) <= 2


BAD: dict[str, tuple[int, dict[str, Any]]] = {
    "no signature": (401, {"x_hub_signature_256": ""}),
    "wrong signature": (401, {"x_hub_signature_256": "sha256=" + "0" * 64}),
    "signature of another body": (401, {"x_hub_signature_256": signature(b"{}")}),
    "signature by another secret": (401, {"x_hub_signature_256": signature(b"x", "no secret at all")}),
    "other type": (415, {"content_type": "application/x-www-form-urlencoded"}),
    "packed": (415, {"content_encoding": "gzip"}),
    "no JSON": (400, {"payload": b"\xff{"}),
    "deep JSON": (400, {"payload": b"[" * 500_000}),
    "no object": (400, {"payload": b"[]"}),
    "no push": (400, {"payload": {"hello": "world"}}),
    "too long": (413, {"payload": b" " * 1_000_001}),
    "said to be too long": (413, {"content_length": "100000000"}),
    "odd length": (413, {"content_length": "-1"}),
}


@pytest.mark.parametrize("kind", list(BAD))
async def test_bad_delivery_is_refused(bench: Bench, kind: str) -> None:
    """With the status that says why, and nothing is begun."""
    status, how = BAD[kind]

    answer = await deliver(bench, **how)
    await bench.settled()

    assert answer.status_code == status
    assert bench.engine.begun == []
    assert SECRET not in answer.text


async def test_body_without_end_is_cut_off(bench: Bench) -> None:
    """Whatever its header says, no more than the limit is read."""
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 100_000
            yield b" " * 100_000

    answer = await bench.client.post("/hooks/github", content=endless())

    assert answer.status_code == 413
    assert read < 2_000_000


async def test_other_methods_are_refused(bench: Bench) -> None:
    """A hook is posted."""
    for method in ("GET", "PUT", "DELETE"):
        assert (await bench.client.request(method, "/hooks/github")).status_code == 405


async def test_sender_without_a_secret_is_refused(tmp_path: Path) -> None:
    """There is no such thing as a hook that lets everybody in."""
    async with started(configured(tmp_path, source("a"))) as bench:
        assert (await deliver(bench)).status_code == 404


async def signed(bench: Bench, body: bytes, **headers: str) -> httpx.Response:
    stamp = str(int(bench.clock.now()))
    sent = standard(secret=SECRET, body=body, stamp=stamp) | {"content-type": "application/json"} | headers
    return await bench.client.post("/hooks/signed", content=body, headers=sent)


async def test_signed_hook_names_its_source(bench: Bench) -> None:
    """Whatever builds the pages can tell that they are there."""
    assert (await signed(bench, b'{"source": "folder"}')).json() == {"wanted": ["folder"]}
    assert (await signed(bench, b'{"source": "folder"}')).json() == {"wanted": [], "duplicate": True}
    await bench.settled()

    assert bench.engine.begun == [("folder", "webhook", False)]


@pytest.mark.parametrize("body", [b"{}", b'{"source": "nobody"}', b'{"source": ["folder"]}'])
async def test_signed_hook_that_names_no_source(bench: Bench, body: bytes) -> None:
    """It is told what it should have said, and not which sources there are."""
    answer = await signed(bench, body)

    assert answer.status_code == 400
    assert "folder" not in answer.text


async def test_old_signed_hook_is_refused(bench: Bench) -> None:
    """What somebody wrote down an hour ago is no news."""
    bench.clock.pass_(-3600)
    stamp = str(int(bench.clock.now()))
    bench.clock.pass_(3600)
    body = b'{"source": "folder"}'
    sent = standard(secret=SECRET, body=body, stamp=stamp) | {"content-type": "application/json"}

    answer = await bench.client.post("/hooks/signed", content=body, headers=sent)

    assert answer.status_code == 401
    assert bench.engine.begun == []


@pytest.mark.parametrize("secret", ["", "short"])
def test_secret_that_is_none_is_refused(tmp_path: Path, secret: str) -> None:
    """An empty secret would let in whoever signs with nothing."""
    (tmp_path / "hook").write_text(secret)
    config = configured(tmp_path, source("a"), webhooks={"github": {"secret_file": "hook"}})

    with pytest.raises(ConfigError, match=r"service\.webhooks\.github\.secret has \d characters"):
        Bench(config)


async def test_deliveries_are_counted(bench: Bench) -> None:
    """By sender and by what became of them."""
    await deliver(bench)
    await deliver(bench)
    await deliver(bench, name="2", event="ping")
    await deliver(bench, x_hub_signature_256="")

    text = bench.metrics.text().decode()

    for answer in ("accepted", "duplicate", "ignored", "refused"):
        assert f'syncd_webhooks_total{{answer="{answer}",sender="github"}} 1.0' in text
    assert 'syncd_webhooks_total{answer="accepted",sender="gitlab"} 0.0' in text
