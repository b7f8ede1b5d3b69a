"""The sandbox's file: nothing that was answered is lost, and nothing that is not ours is touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.errors import ConfigError
from syncd.sandbox import Sandbox, Switches, Workspace, Writing, serving
from syncd.sandbox.storage import Storage
from tests.syncd.sandbox.client import PAGES, SOURCES, page_body
from tests.syncd.sandbox.wire import ask

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("source")),
        st.tuples(
            st.just("upsert"), st.integers(1, 3), st.sampled_from(["a", "b", "é\n"]), st.text(max_size=3)
        ),
        st.tuples(st.just("delete"), st.integers(1, 6)),
        st.tuples(st.just("drop"), st.integers(1, 3)),
        st.tuples(st.just("empty")),
    ),
    max_size=40,
)


def _do(workspace: Workspace, step: tuple[object, ...]) -> None:
    match step:
        case ("source",):
            workspace.add_source(url="https://docs.acme.com", now=5)
        case ("upsert", int(source_id), str(external_id), str(html)) if source_id in workspace.counts():
            workspace.upsert(
                Writing(
                    source_id=source_id,
                    external_id=external_id,
                    title="T",
                    html=html,
                    locale="en",
                    url=None,
                    flags={},
                ),
                now=7,
            )
        case ("delete", int(page_id)) if page_id in workspace.list_pages():
            workspace.delete_page(page_id)
        case ("drop", int(source_id)) if source_id in workspace.counts():
            workspace.delete_source(source_id)
        case ("empty",):
            workspace.empty()


@settings(max_examples=60, deadline=None)
@given(steps=_STEPS, old_ids=st.booleans(), compacted=st.booleans())
def test_a_file_builds_the_same_workspace_again(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[object, ...]], old_ids: bool, compacted: bool
) -> None:
    """Whatever happened, a restart shows the same sources and pages and gives the same next ids."""
    path = tmp_path_factory.mktemp("file") / "sandbox.jsonl"
    switches = Switches(repost_after_delete="old-id" if old_ids else "new-id")
    first, again = Workspace(switches), Workspace(switches)
    storage = Storage(path, first)
    for step in steps:
        _do(first, step)
    if compacted:
        storage._compact(first)
    storage.close()
    Storage(path, again).close()

    assert again.sources == first.sources
    assert again.pages == first.pages
    again.record = first.record = lambda change: None
    for workspace in (first, again):
        _do(workspace, ("source",))
        source = workspace.sources[-1]
        _do(workspace, ("upsert", source.id, "a", "x"))
    assert again.sources == first.sources
    assert again.pages == first.pages


def test_a_killed_sandbox_kept_what_it_answered(tmp_path: Path) -> None:
    """SIGKILL right after the answer: the page is there after a restart."""
    path = tmp_path / "sandbox.jsonl"
    program = "from syncd.cli.sandbox import command; command()"
    started = subprocess.Popen(
        [sys.executable, "-c", program, "--port", "0", "--file", str(path)], stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    url = started.stdout.readline().split()[4]
    ask(url, "POST", SOURCES, {"sync_behavior": "api", "url": "https://docs.acme.com"})
    for number in range(20):
        assert ask(url, "POST", PAGES, page_body(external_id=f"{number}.md")).status == 200
    os.kill(started.pid, signal.SIGKILL)
    started.wait(10)
    started.stdout.close()

    with serving(Sandbox(file=path)) as running:
        assert ask(running.url, "GET", PAGES).json["total_count"] == 20


def test_a_last_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    """A kill in the middle of a write loses that write only, and the file goes on."""
    path = tmp_path / "sandbox.jsonl"
    sandbox = Sandbox(file=path)
    sandbox.workspace.add_source(url="https://docs.acme.com", now=1)
    sandbox.close()
    path.write_bytes(path.read_bytes() + b'{"source":{"id":2,"ur')

    again = Sandbox(file=path)
    again.workspace.add_source(url="https://other.acme.com", now=1)
    again.close()

    last = Sandbox(file=path)
    assert [source.url for source in last.workspace.sources] == [
        "https://docs.acme.com",
        "https://other.acme.com",
    ]
    last.close()


@pytest.mark.parametrize("content", [b"hello", b"hello\n", b'{"a": 1}\n', b"\x00\xff" * 50, b"[]\n{}\n"])
def test_a_file_of_something_else_is_not_touched(tmp_path: Path, content: bytes) -> None:
    """Refused by name, and left as it was."""
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"notes\.txt"):
        Sandbox(file=path)

    assert path.read_bytes() == content


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    """Nothing is guessed about a file that somebody edited."""
    path = tmp_path / "sandbox.jsonl"
    path.write_text('{"syncd_sandbox":1}\n{"page":{"id":1}}\n')

    with pytest.raises(ConfigError, match="line 2"):
        Sandbox(file=path)


def test_one_file_has_one_sandbox(tmp_path: Path) -> None:
    """A second one is refused while the first is open, and not after."""
    path = tmp_path / "sandbox.jsonl"
    first = Sandbox(file=path)
    with pytest.raises(ConfigError, match="another sandbox"):
        Sandbox(file=path)
    first.close()

    Sandbox(file=path).close()


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    """The message names the file."""
    with pytest.raises(ConfigError, match=r"nowhere.*cannot be used"):
        Sandbox(file=tmp_path / "nowhere" / "sandbox.jsonl")


def test_outdated_lines_are_let_go_of(tmp_path: Path) -> None:
    """A page written a thousand times does not stay a thousand lines."""
    path = tmp_path / "sandbox.jsonl"
    sandbox = Sandbox(file=path)
    sandbox.workspace.add_source(url="https://docs.acme.com", now=1)
    for number in range(1000):
        _do(sandbox.workspace, ("upsert", 1, "a", str(number)))
    sandbox.close()
    Sandbox(file=path).close()

    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert json.loads(lines[2])["page"]["html"] == "999"
