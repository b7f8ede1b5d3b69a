"""Each bad input through the real command: its exact message, its exit code, and never a traceback."""

from __future__ import annotations

import re
import socket
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Done, Workplace

PAGE = {"a.md": "# A\n\nText.\n"}


def refused(done: Done, code: int, message: str) -> None:
    assert (done.code, done.out, done.err) == (code, "", message)
    assert len(done.err.splitlines()) <= 3


def reported(done: Done, code: int, *lines: str) -> None:
    """A sync told what went wrong, among its own lines."""
    assert (done.code, done.err) == (code, "")
    for line in lines:
        assert f"    {line}\n" in done.out
    assert "Traceback" not in done.out


def test_missing_config(workplace: Workplace) -> None:
    """The file that was named is named back, with the command that writes one."""
    refused(
        workplace.process("sync", "-c", "nope.yaml"),
        2,
        "error: nope.yaml: no such file; 'syncd init' writes a first configuration\n",
    )


def test_no_config_anywhere(workplace: Workplace) -> None:
    """All places that were looked at are named."""
    workplace.config.unlink()

    done = workplace.process("sync", env={"HOME": str(workplace.home)})

    refused(
        done,
        2,
        "error: no configuration file; looked for syncd.yaml, "
        f"{workplace.home}/.config/syncd/config.yaml, /etc/syncd/config.yaml.\n"
        "Write one with 'syncd init', or name yours with -c FILE or SYNCD_CONFIG.\n",
    )


def no_token(workplace: Workplace) -> None:
    del workplace.intercom["token"]
    workplace.configure()


def wrong_type(workplace: Workplace) -> None:
    workplace.intercom["concurrency"] = "many"
    workplace.configure()


def unset_variable(workplace: Workplace) -> None:
    workplace.intercom["token"] = "${NOT_SET_ANYWHERE}"
    workplace.configure()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda workplace: workplace.configure(exlude=["x"]),
            "error: syncd.yaml:9:3: sources[0].exlude: unknown setting; did you mean 'exclude'?\n",
        ),
        (
            unset_variable,
            "error: syncd.yaml:3:10: intercom.token: the environment variable NOT_SET_ANYWHERE is not set.\n"
            "Set it to the access token, or set 'token_file' to a file that holds it.\n",
        ),
        (
            wrong_type,
            "error: syncd.yaml:3:16: intercom.concurrency: must be a whole number, not the text 'many'\n",
        ),
        (
            no_token,
            "error: syncd.yaml: no Intercom access token is configured.\n"
            "Set 'token: ${INTERCOM_TOKEN}' under 'intercom' and give the token in that variable,\n"
            "or set 'token_file' to a file that holds it.\n",
        ),
    ],
    ids=["unknown key", "unset variable", "wrong type", "no token"],
)
def test_bad_configuration(workplace: Workplace, spoil: Callable[[Workplace], Any], message: str) -> None:
    """The place, the thing, and the way out; nothing is begun."""
    workplace.write(PAGE)
    spoil(workplace)

    refused(workplace.process("sync"), 2, message)

    assert not workplace.state.exists()
    assert workplace.exchanges() == []


def test_unknown_connector(workplace: Workplace) -> None:
    """A slip of the pen is recognised, and what is installed is listed."""
    workplace.configure(connector="filesytem")

    done = workplace.process("sync")

    assert done.code == 2
    assert done.err.startswith(
        "error: syncd.yaml:5:14: sources[0].connector: no connector is called 'filesytem'; "
        "did you mean 'filesystem'? Installed: "
    )


def test_refused_token(workplace: Workplace) -> None:
    """One request is enough to know, and the token is not shown."""
    workplace.write({f"{number}.md": f"# {number}\n\nText.\n" for number in range(40)})

    done = workplace.process("sync", env={"SYNCD_TEST_TOKEN": "another-token"})

    assert done.code == 5
    assert re.search(
        r"    error: Intercom refused the access token for the list of import sources: Access Token Invalid "
        r"\[unauthorized\] \(status 401, request [-0-9a-f]+\)\.\n"
        r"    Check the token, its region, and that the app may read and write AI content "
        r"\(scope read_write_ai_content\)\.\n",
        done.out,
    )
    assert "another-token" not in done.out + done.err
    assert len(workplace.exchanges()) == 1


def test_missing_root(workplace: Workplace) -> None:
    """The folder is named as it was looked for, and nothing is sent."""
    workplace.configure(root="nowhere")

    done = workplace.process("sync")

    assert done.out.startswith("✗ handbook: nothing done  (0 listed, 0 requests, ")
    reported(
        done,
        6,
        f"error: cannot open the root {workplace.home}/nowhere: no such file or directory; nothing was sent "
        "or deleted. Check that the folder exists, is mounted and can be read, or correct 'root'.",
    )
    assert workplace.exchanges() == []


def test_bad_files_are_named_and_the_others_go_on(workplace: Workplace) -> None:
    """Case twins, invalid UTF-8 and 5 MB fail one by one; an empty page is left out."""
    workplace.write(
        {
            **PAGE,
            "README.md": "# Upper\n\n1\n",
            "readme.md": "# Lower\n\n2\n",
            "latin.md": b"# B\n\nca\xe9\n",
            "empty.md": "",
            "big.md": "# Big\n\n" + "word " * 1_000_000,
        }
    )
    if not (workplace.docs / "README.md").read_text(encoding="utf-8").startswith("# Upper"):
        pytest.skip("this file system knows no case")
    twins = (
        "duplicate id 'README.md': 2 items claim it: 'README.md', 'readme.md'. "
        "None of them is sent; rename or exclude all but one."
    )

    for created in (1, 0):
        done = workplace.process("sync")
        reported(
            done,
            3,
            "failed: latin.md: not valid UTF-8 at byte 7 (0xe9); save the file as UTF-8",
            "failed: big.md: the file has 5,000,007 bytes, more than limits.max_source (2,000,000); "
            "split it, or raise the limit",
            f"failed: README.md: {twins}",
            f"failed: readme.md: {twins}",
        )
        assert (
            "1 created, 4 failed, 1 left out" if created else "1 unchanged, 4 failed, 1 left out"
        ) in done.out

    assert list(workplace.pages()) == ["a.md"]
    listed = workplace.process("pages", "--skipped").out
    assert "empty.md: empty page: nothing in it would be seen by a reader" in listed
    assert workplace.process("status").code == 3


def test_p06_twin_of_a_published_page_changes_nothing(workplace: Workplace) -> None:
    """What Intercom has stays while nobody can tell which of the two is meant."""
    workplace.write({"README.md": "# Upper\n\n1\n", **PAGE})
    workplace.sync()
    workplace.writes()
    workplace.write({"readme.md": "# Lower\n\n2\n", "README.md": "# Upper\n\nEdited.\n"})

    for _ in range(3):
        assert workplace.sync()["failed"] == 2

    assert workplace.writes() == []


def test_import_source_that_intercom_crawls_itself(workplace: Workplace) -> None:
    """Its pages would be overwritten by the next crawl."""
    workplace.write(PAGE)
    crawled = workplace.running.workspace.add_source(
        url="https://crawled.example.com", sync_behavior="automatic", now=1.0
    )
    workplace.configure(import_source={"id": crawled.id})

    reported(
        workplace.process("sync"),
        2,
        f"error: import source {crawled.id} (https://crawled.example.com) has sync_behavior 'automatic': "
        "Intercom fills it itself. Use one that is filled by the API, or another URL.",
    )
    assert workplace.writes() == []


def test_state_that_is_not_sqlite(workplace: Workplace) -> None:
    """A file of somebody else's stays as it is."""
    workplace.state.write_bytes(b"my diary " * 100)

    for command in ("sync", "plan", "status", "pages", "runs"):
        refused(
            workplace.process(command),
            8,
            f"error: state file {workplace.state} is not an SQLite database: it was not changed. "
            "Correct the state setting, or move the file away.\n",
        )

    assert workplace.state.read_bytes() == b"my diary " * 100


def test_state_of_a_newer_schema(workplace: Workplace) -> None:
    """An older program must not write to it."""
    workplace.write(PAGE)
    workplace.sync()
    with sqlite3.connect(workplace.state) as connection:
        (known,) = connection.execute("select version_num from syncd_version").fetchone()
        connection.execute("update syncd_version set version_num = '9999'")
    connection.close()

    refused(
        workplace.process("sync"),
        8,
        f"error: state file {workplace.state}: its schema 9999 is newer than this program knows ({known}): "
        "it was not changed.\n"
        "Install the syncd that wrote it, or a newer one, or restore a backup.\n",
    )


def test_port_that_is_taken(workplace: Workplace) -> None:
    """Who has it cannot be told, another number can."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused(
            workplace.process("sandbox", "--port", str(port)),
            2,
            f"error: port {port} on 127.0.0.1 is taken by another program; stop it, or use --port with "
            "another number (0 takes a free one).\n",
        )


@pytest.mark.parametrize(
    "arguments",
    [
        ("sync", "nope"),
        ("plan", "nope"),
        ("approve", "nope", "--deletes", "3"),
        ("runs", "--source", "nope"),
        ("pages", "--source", "nope"),
    ],
)
def test_unknown_source(workplace: Workplace, arguments: tuple[str, ...]) -> None:
    """No other source is run in its place."""
    refused(
        workplace.process(*arguments),
        2,
        "error: no source is called 'nope' in syncd.yaml; there are: handbook\n",
    )


def test_history_of_a_source_that_left_the_configuration(workplace: Workplace) -> None:
    """What it did is still to be seen, while a name that nothing knows is a mistake."""
    workplace.write(PAGE)
    workplace.sync()
    workplace.configure(name="other")

    assert "handbook" in workplace.process("runs", "--source", "handbook").out
    assert workplace.process("runs", "--source", "other").code == 0


def test_unknown_run(workplace: Workplace) -> None:
    """An empty table would look like a run that did nothing."""
    workplace.write(PAGE)
    workplace.sync()

    refused(workplace.process("runs", "77"), 2, "error: there is no run 77; 'syncd runs' lists the newest\n")


def test_unknown_command(workplace: Workplace) -> None:
    """The likeliest one is offered."""
    done = workplace.process("snyc")

    assert done.code == 2
    assert done.err.endswith("Error: No such command 'snyc'. Did you mean 'sync'?\n")


@pytest.mark.parametrize("number", ["-3", "1.5", "many"])
def test_approval_of_a_number_that_is_none(workplace: Workplace, number: str) -> None:
    """B20: nothing is approved."""
    done = workplace.process("approve", "handbook", "--deletes", number)

    assert (done.code, done.out) == (2, "")
    assert "Traceback" not in done.err
