"""Logs: no secret in any form, and one event on one line."""

from __future__ import annotations

import base64
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd import log

SECRET = 'dG9r/+ "ü\\:x=='


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    """Takes away what `configure` set up."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def basic(secret: str, user: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()


@pytest.mark.parametrize("format", ["console", "json"])
@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        json.dumps(SECRET),
        repr(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        basic(SECRET, ""),
        basic(SECRET, "u"),
        basic(SECRET, "us"),
        basic(SECRET, "use"),
    ],
    ids=range(12),
)
def test_secret_is_hidden_in_each_form(form: str, format: log.Format) -> None:
    """In the event, in values however deep, and in the exception with its chain."""
    stream = io.StringIO()
    log.configure(logging.DEBUG, format, [SECRET], stream=stream)
    logger = log.get_logger("syncd.test")
    try:
        try:
            raise KeyError(form)
        except KeyError as error:
            raise RuntimeError(f"sent {form}") from error
    except RuntimeError:
        logger.exception(f"refused {form}", headers={"Authorization": [form]}, header=form)
    logging.getLogger("library").warning("sent %s", form)
    # The unchanging inside of the secret in base64, whatever stands before it.
    cores = [base64.b64encode(bytes(offset) + SECRET.encode()).decode()[4:-4] for offset in range(3)]
    text = stream.getvalue()
    assert log.HIDDEN in text
    for leak in ("dG9r", "%2B%20%22", "\\u00fc", "ü", *cores):
        assert leak not in text.replace("syncd.test", "")


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40), st.text(max_size=5)
)
def test_any_secret_is_hidden(secret: str, before: str) -> None:
    """As it is, in URLs, in JSON and in Basic, whatever user stands before it."""
    redact = log.Redactor([secret])
    for text in (secret, quote(secret, safe=""), json.dumps(secret), basic(secret, before)):
        hidden = redact(f"<{text}>")
        assert secret not in hidden
        assert log.HIDDEN in hidden


def test_longer_of_two_secrets_leaves_no_end() -> None:
    """A secret that begins with another one is hidden whole."""
    assert log.Redactor(["abcdef", "abcdefghij"])("x abcdefghij y") == "x *** y"


def test_secret_that_comes_later_is_hidden_from_then_on() -> None:
    """A token that was rotated."""
    redact = log.Redactor()
    assert redact("token-2") == "token-2"
    redact.add("token-2")
    assert redact("token-2") == "***"


def test_very_short_secret_does_not_blacken_the_text() -> None:
    """A secret of a few characters protects nothing, and stands in every other word."""
    assert log.Redactor(["a", ""])("a banana") == "a banana"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("https://me:pw@host/x", "https://***@host/x"),
        ("git clone https://ghp_abc@github.com/a.git", "git clone https://***@github.com/a.git"),
        ("postgresql+psycopg://u:p%40@h/d?x=y@z", "postgresql+psycopg://***@h/d?x=y@z"),
        ("https://host/path@2x.png", "https://host/path@2x.png"),
    ],
)
def test_user_part_of_a_url_is_hidden(text: str, hidden: str) -> None:
    """Whoever puts a password into a URL does not see it in the log."""
    assert log.Redactor()(text) == hidden


@pytest.mark.parametrize(
    "name", ["token", "access_token", "Authorization", "api_key", "client-secret", "password"]
)
def test_value_under_a_secret_name_is_hidden(name: str) -> None:
    """Also if nobody told that it is a secret."""
    stream = io.StringIO()
    log.configure(logging.INFO, "json", stream=stream)
    log.get_logger("syncd.test").info("sent", **{name: "whatever", "tokens_left": 5})
    [event] = written(stream)
    assert (event[name], event["tokens_left"]) == ("***", 5)


NASTY = "a\nb\r\x1b[31m\x00\x85\u2028\u202eend"


class Shouting:
    def __repr__(self) -> str:
        return NASTY


@pytest.mark.parametrize("format", ["console", "json"])
@pytest.mark.parametrize("value", [NASTY, "\x1b[31m", Shouting(), [NASTY], {NASTY: NASTY}], ids=range(5))
def test_one_event_is_one_line(format: log.Format, value: object) -> None:
    """Titles and paths of a source cannot forge an event or colour a terminal."""
    stream = io.StringIO()
    log.configure(logging.INFO, format, stream=stream)
    log.get_logger("syncd\n.test").info("event\nfaked", title=value)
    logging.getLogger("library").info("library %s", NASTY)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


def test_traceback_on_a_terminal_is_indented() -> None:
    """A line of an exception's message cannot be taken for an event."""
    stream = Terminal()
    log.configure(logging.INFO, "console", stream=stream)
    try:
        raise ValueError("first\n2026-01-01 [info] forged\x1b[2J")
    except ValueError:
        log.get_logger("syncd.test").exception("failed")
    _, *rest = stream.getvalue().splitlines()
    assert any("forged\\x1b[2J" in line for line in rest)
    assert all(line.startswith("    ") for line in rest)


def test_local_variables_are_not_in_a_traceback() -> None:
    """They hold bodies and tokens."""
    stream = io.StringIO()
    log.configure(logging.INFO, "json", stream=stream)
    body = "canary-" + "of-a-local"
    try:
        raise ValueError(len(body))
    except ValueError:
        log.get_logger("syncd.test").exception("failed")
    [event] = written(stream)
    assert "ValueError: 17" in str(event["exception"])
    assert "canary-of-a-local" not in stream.getvalue()


def test_fields_that_are_bound_are_in_every_event_inside() -> None:
    """Bound fields nest, and end with their block; a field of the event itself wins."""
    stream = io.StringIO()
    log.configure(logging.INFO, "json", stream=stream)
    logger = log.get_logger("syncd.test")
    with log.bound(source="wiki", run=3), log.bound(run=4):
        logger.info("inside", page="a.md")
        logger.info("own", source="other")
    logger.info("outside")
    inside, own, outside = written(stream)
    assert (
        inside.items()
        >= {"event": "inside", "source": "wiki", "run": 4, "page": "a.md", "level": "info"}.items()
    )
    assert own["source"] == "other"
    assert "source" not in outside


def test_per_cent_signs_in_an_event_are_text() -> None:
    """An event is no format."""
    stream = io.StringIO()
    log.configure(logging.INFO, "json", stream=stream)
    log.get_logger("syncd.test").info("100 %s", rest="%d")
    [event] = written(stream)
    assert (event["event"], event["rest"]) == ("100 %s", "%d")


def test_auto_is_for_people_on_a_terminal_and_json_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours only where they are wanted."""
    for stream, environ, json_line, colour in (
        (io.StringIO(), {}, True, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, False, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False, False),
        (Terminal(), {"TERM": "dumb", "NO_COLOR": ""}, False, False),
    ):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        log.configure(logging.INFO, "auto", stream=stream)
        log.get_logger("syncd.test").info("event")
        assert stream.getvalue().startswith("{") == json_line
        assert ("\x1b[" in stream.getvalue()) == colour


def test_configured_twice_writes_once() -> None:
    """The second call replaces the first."""
    first, second = io.StringIO(), io.StringIO()
    log.configure(logging.INFO, "json", stream=first)
    log.configure(logging.INFO, "json", stream=second)
    log.get_logger("syncd.test").info("event")
    assert (len(written(first)), len(written(second))) == (0, 1)


@pytest.mark.parametrize(
    ("verbose", "quiet", "level"),
    [
        (0, False, logging.WARNING),
        (1, False, logging.INFO),
        (3, False, logging.DEBUG),
        (2, True, logging.ERROR),
    ],
)
def test_level_of_the_switches(verbose: int, quiet: bool, level: int) -> None:
    """-q wins over -v."""
    assert log.level_of(verbose, quiet) == level


def test_libraries_that_log_every_request_are_quiet() -> None:
    """Even at -vv: their lines hold URLs and headers."""
    stream = io.StringIO()
    log.configure(logging.DEBUG, "json", stream=stream)
    logging.getLogger("httpcore.http11").debug("send_request_headers")
    logging.getLogger("httpx").info("HTTP Request")
    assert stream.getvalue() == ""


def test_event_that_cannot_be_written_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    """A broken value neither ends the run nor is printed in full by the logging module."""

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("canary")

    log.configure(logging.INFO, "console", stream=io.StringIO())
    log.get_logger("syncd.test").info("event", value=Broken())
    assert capsys.readouterr().err == '{"event": "log_failed", "logger": "syncd.test"}\n'


def test_quiet_command_does_not_import_structlog() -> None:
    """It costs a tenth of a second, and a line that is not written needs none of it."""
    code = (
        "import sys; from syncd import log; log.configure(); log.get_logger('x').info('quiet'); "
        "sys.exit('structlog' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_reader_who_does_not_read_holds_up_nobody() -> None:
    """What a full pipe cannot take is dropped and counted, and the process can end."""
    program = (
        "import sys\n"
        "from syncd import log\n"
        "log.configure(20, 'json', stream=sys.stdout, waiting=False)\n"
        "for number in range(20_000):\n"
        "    log.get_logger('x').info('event', number=number, filling='x' * 100)\n"
        "log.flush()\n"
        "print(log.dropped() > 0, file=sys.stderr)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.wait(60) == 0
        assert child.stderr is not None
        assert child.stderr.read() == "True\n"
    finally:
        child.kill()
        child.communicate()


def test_reader_who_reads_gets_all_of_it_in_order() -> None:
    """The last lines, too, before the process ends."""
    program = (
        "import sys\n"
        "from syncd import log\n"
        "log.configure(20, 'json', stream=sys.stdout, waiting=False)\n"
        "for number in range(2_000):\n"
        "    log.get_logger('x').info('event', number=number)\n"
        "log.flush()\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert [json.loads(line)["number"] for line in done.stdout.splitlines()] == list(range(2_000))


def test_fields_can_be_added_to_those_that_are_bound() -> None:
    """The number of a run is known only once it has begun; it ends with the `bound` around it."""
    stream = io.StringIO()
    log.configure(20, "json", stream=stream)
    logger = log.get_logger("x")

    with log.bound(source="a"):
        log.bind(run=7)
        logger.info("inside")
    logger.info("outside")

    inside, outside = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (inside["source"], inside["run"]) == ("a", 7)
    assert not {"source", "run"} & outside.keys()
