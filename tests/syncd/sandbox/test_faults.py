"""Fault rules: how they are written, which request they strike, and what a client then sees."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator

import pytest

from syncd.errors import ConfigError
from syncd.sandbox import Request, Running, Sandbox, serving
from syncd.sandbox.faults import Fault, Faults, delay
from tests.syncd.sandbox.client import PAGES, SOURCES, page_body
from tests.syncd.sandbox.wire import ask


def _request(method: str = "POST", path: str = PAGES, body: bytes = b"") -> Request:
    return Request(number=1, method=method, path=path, body=body)


@pytest.fixture(scope="module")
def served() -> Iterator[Running]:
    """One sandbox with a source for the whole module; each test sets its own faults."""
    with serving() as running:
        running.workspace.add_source(url="https://docs.acme.com", now=0)
        yield running


@pytest.fixture
def running(served: Running) -> Iterator[Running]:
    """The sandbox without the faults and pages of the test before."""
    yield served
    served.faults.clear()
    for page in served.workspace.pages:
        served.workspace.delete_page(page.id)


@pytest.mark.parametrize(
    ("spec", "struck"),
    [
        ("500:2", [2]),
        ("500:2-4", [2, 3, 4]),
        ("500:every=3", [3, 6]),
        ("500:p=0", []),
        ("500:p=1", [1, 2, 3, 4, 5, 6]),
        ("500", [1, 2, 3, 4, 5, 6]),
        ("500:GET", []),
        ("500:WRITE:pages:1", [1]),
        ("500:sources", []),
    ],
)
def test_which_requests_a_rule_strikes(spec: str, struck: list[int]) -> None:
    """Counting is of matching requests and starts at one."""
    faults = Faults([spec])

    assert [number for number in range(1, 7) if faults.draw(_request())] == struck


def test_counting_is_for_each_rule_and_of_what_it_matches() -> None:
    """A GET in between does not move a rule for POST on."""
    faults = Faults(["503:POST:2", "drop:3"])

    drawn = [faults.draw(_request(method)) for method in ("POST", "GET", "POST", "POST")]

    assert [each.spec if each else None for each in drawn] == [None, None, "503:POST:2", None]


@pytest.mark.parametrize(
    ("glob", "external_id", "strikes"),
    [
        ("guide-*", "guide-1", True),
        ("guide-*", "api", False),
        ("a:b/*.md", "a:b/c.md", True),
        ("A", "a", False),
        ("[en]/?.md", "[en]/a.md", True),
    ],
)
def test_a_rule_for_an_external_id(glob: str, external_id: str, strikes: bool) -> None:
    """The pattern may hold colons, and case counts."""
    body = f'{{"external_id": "{external_id}"}}'.encode()

    assert (Faults([f"422:POST:id={glob}"]).draw(_request(body=body)) is not None) is strikes
    assert Faults([f"422:id={glob}"]).draw(_request(body=b"{")) is None


def test_one_seed_gives_one_sequence() -> None:
    """A run with chance in it can be repeated."""

    def struck(seed: int) -> list[bool]:
        faults = Faults(["503:p=0.3"], seed=seed)
        return [faults.draw(_request()) is not None for _ in range(200)]

    assert struck(1) == struck(1) != struck(2)
    assert 30 < sum(struck(1)) < 90


@pytest.mark.parametrize(
    "spec",
    ["", "boom", "200", "600", "slow", "slow=fast", "slow=3s-1s", "drop=1s", "503:p=2", "503:p=x", "503:0",
     "503:every=0", "503:reset=5", "429:reset=x", "429:reset=inf", "503:post", "503:3-x"],
)  # fmt: skip
def test_a_rule_that_says_nothing_is_refused(spec: str) -> None:
    """The message shows the rule, in three lines or fewer."""
    with pytest.raises(ConfigError) as caught:
        Fault.parse(spec)

    assert spec.removeprefix("slow=") in str(caught.value)
    assert str(caught.value).count("\n") < 3


def test_putting_bad_rules_keeps_the_old_ones() -> None:
    """All or none."""
    faults = Faults(["503:2"])
    with pytest.raises(ConfigError):
        faults.put(["500", "boom"])

    assert faults.specs == ["503:2"]


@pytest.mark.parametrize(
    ("text", "value"), [("100ms", (0.1, 0.1)), ("1.5s", (1.5, 1.5)), ("100ms-2s", (0.1, 2.0))]
)
def test_delays(text: str, value: tuple[float, float]) -> None:
    """A time or a range of times."""
    assert delay(text) == value


@pytest.mark.parametrize(("spec", "held"), [("drop:POST", 0), ("drop-after:POST", 1)])
def test_a_dropped_connection_before_and_after(running: Running, spec: str, held: int) -> None:
    """The client sees the same: no answer. Only the workspace knows."""
    running.faults.add(spec)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        ask(running.url, "POST", PAGES, page_body())

    assert len(running.workspace.pages) == held
    last = running.requests[-1]
    assert (last.answer, last.applied, last.fault) == (None, bool(held), spec)


def test_a_truncated_answer(running: Running) -> None:
    """The headers promise more than comes; the page is held."""
    running.faults.add("truncate:POST")
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(running.url, "POST", PAGES, page_body())

    assert caught.value.partial.startswith(b'{"id":')
    assert len(running.workspace.pages) == 1


@pytest.mark.parametrize(
    ("spec", "status", "held", "kind"),
    [
        ("502", 502, 0, "text/html"),
        ("502-after", 502, 1, "text/html"),
        ("500-after", 500, 1, "application/json"),
        ("401", 401, 0, "application/json"),
        ("422:id=a.*", 422, 0, "application/json"),
        ("garbage", 200, 0, "text/html"),
        ("garbage-after", 200, 1, "text/html"),
        ("redirect", 307, 0, "application/json"),
        ("slow=1ms-2ms", 200, 1, "application/json"),
    ],
)
def test_answers_that_are_wrong(running: Running, spec: str, status: int, held: int, kind: str) -> None:
    """Each kind has its status and its type, and is applied or not."""
    running.faults.add(spec)

    reply = ask(running.url, "POST", PAGES, page_body())

    assert reply.status == status
    assert len(running.workspace.pages) == held
    assert reply.headers["Content-Type"].startswith(kind)
    assert ("Location" in reply.headers) is (spec == "redirect")
    assert ("X-RateLimit-Limit" in reply.headers) is (spec != "401")


@pytest.mark.parametrize(
    ("spec", "reset_s"), [("429:reset=-5", -5), ("429:reset=3600", 3600), ("429:reset=none", None)]
)
def test_a_429_with_a_strange_reset(running: Running, spec: str, reset_s: int | None) -> None:
    """In the past, far away, or not told; nothing is applied."""
    running.faults.add(spec)

    reply = ask(running.url, "POST", PAGES, page_body())
    told = reply.headers.get("X-RateLimit-Reset")

    assert (reply.status, running.workspace.pages) == (429, [])
    assert (told is None) is (reset_s is None)
    if told is not None and reset_s is not None:
        assert abs(int(told) - running.requests[-1].at - reset_s) <= 1
        assert reply.headers["X-RateLimit-Remaining"] == "0"


def test_a_429_may_carry_retry_after(running: Running) -> None:
    """Intercom documents none; a proxy may send one."""
    running.faults.add("429:retry-after=7")

    assert ask(running.url, "GET", SOURCES).headers["Retry-After"] == "7"


def test_hooks_see_each_request_before_and_after(running: Running) -> None:
    """A crash test can stop the world at each of the two."""
    seen: list[tuple[str, str, int]] = []
    remove = running.sandbox.on_request(
        lambda number, when, request: seen.append((when, request.method, len(running.workspace.pages)))
    )
    ask(running.url, "POST", PAGES, page_body())
    remove()
    ask(running.url, "GET", PAGES)

    assert seen == [("before", "POST", 0), ("after", "POST", 1)]


@pytest.mark.parametrize(("moment", "held"), [("before", 0), ("after", 1)])
def test_a_hook_that_raises_drops_the_connection(running: Running, moment: str, held: int) -> None:
    """So a test can decide on each request what happens to it."""

    def hook(number: int, when: str, request: Request) -> None:
        if when == moment:
            raise RuntimeError("killed")

    remove = running.sandbox.on_request(hook)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        ask(running.url, "POST", PAGES, page_body())
    remove()

    assert len(running.workspace.pages) == held


def test_a_slow_answer_does_not_hold_up_others_nor_the_end() -> None:
    """Others are answered meanwhile, and leaving does not wait for it."""
    with serving(Sandbox(faults=["slow=3600s:GET:pages"])) as running:
        failed: list[Exception] = []

        def slow() -> None:
            try:
                ask(running.url, "GET", PAGES)
            except (OSError, http.client.HTTPException) as error:
                failed.append(error)

        thread = threading.Thread(target=slow)
        thread.start()
        assert ask(running.url, "GET", SOURCES).status == 200
    thread.join(10)

    assert len(failed) == 1


def test_latency_is_for_every_request(running: Running) -> None:
    """It is waited out before the request is handled."""
    running.sandbox.latency_s = (0.001, 0.002)
    assert ask(running.url, "GET", SOURCES).status == 200
    running.sandbox.latency_s = (0.0, 0.0)
