"""Rendering in child processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

from syncd.errors import EmptyPage, RenderError
from syncd.render import Rules
from syncd.workers import Workers
from tests.builders import document

RULES = Rules()
# Its result is cleaned in a time that grows with the square of these.
SLOW = "&" * 1_500_000
HUNGRY = "*a* " * 450_000


def children() -> list[int]:
    """Process ids of this process's children."""
    listing = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if not listing.exists():
        pytest.skip("the kernel does not list children")
    return [int(pid) for pid in listing.read_text().split()]


async def test_render() -> None:
    """A child gives what a call in this process gives."""
    async with Workers(1) as workers:
        draft = await workers.render(document("# A\n\ntext"), RULES)

    assert (draft.title, draft.html) == ("A", "<p>text</p>")
    assert workers.busy_s > 0


async def test_no_page_no_child() -> None:
    """A run with nothing to render starts no process."""
    before = children()
    async with Workers(2) as workers:
        assert children() == before
        await workers.render(document(), RULES)
        await workers.render(document(), RULES)
        assert len(children()) == len(before) + 1
    assert children() == before


async def test_many_callers_share_few_children() -> None:
    """Callers queue; each gets the answer to its own page."""
    before = len(children())
    async with Workers(2) as workers:
        drafts = await asyncio.gather(*(workers.render(document(f"page {n}"), RULES) for n in range(50)))
        assert len(children()) - before <= 2

    assert [draft.html for draft in drafts] == [f"<p>page {n}</p>" for n in range(50)]


async def test_a_large_page_passes_the_pipe() -> None:
    """Requests and answers may be far larger than a pipe or a stream buffer."""
    body = "word " * 20 + "\n\n"
    async with Workers(1) as workers:
        draft = await workers.render(document(body * 5_000), RULES)

    assert len(draft.html) > 500_000


async def test_an_error_names_its_reason() -> None:
    """What the renderer refuses comes out as it was said."""
    async with Workers(1) as workers:
        with pytest.raises(EmptyPage, match=r"^a\.md: empty page"):
            await workers.render(document("", path="a.md"), RULES)


async def test_a_page_that_takes_too_long() -> None:
    """Its child is killed, and the next page gets a new one."""
    async with Workers(1, time_limit_s=0.5) as workers:
        with pytest.raises(RenderError, match=r"a\.md took more than 0\.5 s"):
            await workers.render(document(SLOW, path="a.md"), Rules(html_limit_bytes=10**8))
        assert (await workers.render(document("fine"), RULES)).html == "<p>fine</p>"


async def test_a_page_that_needs_too_much_memory() -> None:
    """It fails alone."""
    async with Workers(1, memory_limit_bytes=192 * 1024**2) as workers:
        with pytest.raises(RenderError, match=r"a\.md needed more than 192 MB"):
            await workers.render(document(HUNGRY, path="a.md"), RULES)
        assert (await workers.render(document("fine"), RULES)).html == "<p>fine</p>"


class Deadly(str):
    """A text at which whoever unpickles it dies; only once, if it names a file to remember that in."""

    def __new__(cls, memory: Path | None = None) -> Self:
        made = super().__new__(cls)
        made.memory = memory
        return made

    memory: Path | None

    def __reduce__(self) -> tuple[object, ...]:
        death = "__import__('os').kill(__import__('os').getpid(), 9)"
        if self.memory is None:
            return eval, (death,)
        name = repr(str(self.memory))
        return eval, (
            f"'word' if __import__('os').path.exists({name}) else (open({name}, 'w').close(), {death})",
        )


async def test_p14_page_whose_child_dies_once_is_rendered_once_more(tmp_path: Path) -> None:
    """The machine may have been short of memory for all pages together."""
    async with Workers(2) as workers:
        page, other = await asyncio.gather(
            workers.render(document(Deadly(tmp_path / "once"), path="a.md"), RULES),
            workers.render(document("fine"), RULES),
        )
        assert (page.html, other.html) == ("<p>word</p>", "<p>fine</p>")


async def test_p14_page_whose_child_dies_twice_is_given_up() -> None:
    """It fails with the signal, the next one gets a new child."""
    async with Workers(2) as workers:
        with pytest.raises(RenderError, match=r"a\.md: the renderer died once more, alone \(signal 9\)"):
            await workers.render(document(Deadly(), path="a.md"), RULES)
        pages = [workers.render(document("fine"), RULES) for _ in range(3)]
        assert [page.html for page in await asyncio.gather(*pages)] == ["<p>fine</p>"] * 3


async def test_a_child_that_died_between_pages() -> None:
    """That is no fault of the next page."""
    before = set(children())
    async with Workers(1) as workers:
        await workers.render(document(), RULES)
        (child,) = set(children()) - before
        os.kill(child, signal.SIGKILL)
        await asyncio.sleep(0.2)
        assert (await workers.render(document("fine"), RULES)).html == "<p>fine</p>"


async def test_a_caller_that_gives_up() -> None:
    """The answer to its page is never taken for the next one's."""
    async with Workers(1) as workers:
        page = asyncio.create_task(workers.render(document(SLOW), RULES))
        await asyncio.sleep(0.3)
        page.cancel()
        with pytest.raises(asyncio.CancelledError):
            await page
        assert (await workers.render(document("fine"), RULES)).html == "<p>fine</p>"


async def test_a_child_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What parses hostile text must not hold the token."""
    monkeypatch.setenv("INTERCOM_TOKEN", "secret")
    before = set(children())
    async with Workers(1) as workers:
        await workers.render(document(), RULES)
        (child,) = set(children()) - before
        environment = environment_of(child)

    assert b"PYTHONPATH=" in environment
    assert b"secret" not in environment


async def test_an_interrupt_is_left_to_the_parent() -> None:
    """A terminal sends it to both; the child ends when the parent says so."""
    before = set(children())
    async with Workers(1) as workers:
        await workers.render(document(), RULES)
        (child,) = set(children()) - before
        os.kill(child, signal.SIGINT)
        assert (await workers.render(document("fine"), RULES)).html == "<p>fine</p>"
        assert set(children()) - before == {child}


def test_a_killed_parent_leaves_no_orphan() -> None:
    """The child ends with its stdin."""
    program = (
        "import asyncio, os\n"
        "from syncd.workers import Workers\n"
        "from syncd.render import Rules\n"
        "from tests.builders import document\n"
        "async def main():\n"
        "    async with Workers(1) as workers:\n"
        "        await workers.render(document(), Rules())\n"
        "        print(open(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read(), flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    children()
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 10
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_running(child)


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
