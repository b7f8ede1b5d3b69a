"""The token leaves this process in one header and nowhere else."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from syncd.clock import SystemClock
from syncd.errors import SyncdError
from syncd.intercom.http import HttpTransport, Timeouts
from syncd.intercom.pacing import Paced, Pacer
from syncd.intercom.pages import Pages
from syncd.intercom.retry import RetryBudget, Retrying
from syncd.intercom.sources import ImportSources
from syncd.intercom.transport import Counted
from syncd.model import Page
from tests.syncd.intercom.loopback import answering, reply

CANARY = "dG9rOmNhbmFyeS1kMm5lLTRm"
BODY_CANARY = "canary-of-a-private-page"


async def _break(writer: asyncio.StreamWriter) -> None:
    raise ConnectionError


async def _quiet(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize(
    "answer",
    [
        reply(
            b'{"type":"error.list","errors":[{"code":"unauthorized","message":"Bearer %s?"}]}'
            % CANARY.encode(),
            status=401,
        ),
        reply(CANARY.encode() * 3, status=422),
        reply(b"<html>", status=500),
        reply(b"<html>"),
        reply(status=302, headers=(f"Location: https://x.example/{CANARY}",)),
        b"HTTP/1.1 " + CANARY.encode() + b"\r\n\r\n",
        _break,
        _quiet,
    ],
    ids=["401-echo", "422-echo", "500", "portal", "redirect", "garbage", "broken", "silent"],
)
async def test_token_is_in_no_log_error_or_repr(
    answer: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the server does, and with every library at its most talkative."""
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    shown: list[object] = []

    async def nap(seconds: float) -> None:
        await asyncio.sleep(0)

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(answering(answer))
        http = await stack.enter_async_context(
            HttpTransport(server.url, lambda: CANARY, timeouts=Timeouts(read_s=0.05))
        )
        paced = Paced(Counted(http), Pacer(clock=SystemClock(), sleep=nap))
        transport = Retrying(paced, sleep=nap, random=lambda: 0.5, budget=RetryBudget())
        pages = Pages(transport, source_id=44)
        sources = ImportSources(transport)
        shown.extend([http, paced, transport, pages, sources, vars(http)])
        page = Page(external_id="a.md", title="A", html=BODY_CANARY)
        for call in (
            pages.upsert(page, create=True),
            pages.delete("21", "a.md"),
            sources.find_or_create("https://docs.example.com"),
            sources.get(44),
        ):
            try:
                await call
            except SyncdError as error:
                told.append("".join(traceback.format_exception(error)))
                shown.extend([error, error.__cause__, error.__context__])

    assert any(CANARY in head for head in server.heads)
    assert len(told) == 4
    everything = "\n".join([caplog.text, *told, *map(repr, shown)])
    assert CANARY not in everything
    assert BODY_CANARY not in everything
