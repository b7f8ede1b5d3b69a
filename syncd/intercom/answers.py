"""Reads Intercom's answers: one place turns statuses into syncd's errors, and bodies into checked values.

Facts: Intercom REST API 2.16, the envelope `error.list`; "HTTP responses" and "Error codes" on
developers.intercom.com. None but 401 is documented for AI Content, so each status is taken by its class.
"""

from __future__ import annotations

import json
from typing import NoReturn
from urllib.parse import urlsplit

from syncd.errors import CredentialsRefused, PageRejected, PageUncertain, SyncdError, TargetUnavailable
from syncd.intercom.transport import Answer

_MESSAGE_CHARACTERS = 300

Json = dict[str, object]


class Garbled(Exception):
    """A body is not what the API describes. It stays inside this package."""


def read_json(answer: Answer) -> Json:
    """Return the JSON object of the body.

    Raises:
        Garbled: it is none.
    """
    try:
        document = json.loads(answer.body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        kind = plain(answer.headers.get("content-type", "no content type"), 60)
        raise Garbled(f"unexpected answer from Intercom ({kind}, status {answer.status})")
    return document


def plain(text: str, characters: int = _MESSAGE_CHARACTERS) -> str:
    """Foreign text for a message: one line, bounded, nothing in it that a terminal would obey."""
    line = " ".join(text[: 4 * characters].split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
    return shown if len(shown) <= characters else shown[: characters - 1] + "…"


def explain(answer: Answer) -> str:
    """Intercom's own words for a refusal, with its request id, which its support asks for."""
    words, request_id = _refusal(answer)
    told = "; ".join(words) or "no reason given"
    request = f"request {plain(request_id, 60)}" if request_id else "no request id"
    return f"{plain(told)} (status {answer.status}, {request})"


def error_codes(answer: Answer) -> frozenset[str]:
    """The codes of an `error.list`; empty for any other body."""
    return frozenset(code for entry in _entries(answer) if isinstance(code := entry.get("code"), str))


def is_refusal(answer: Answer) -> bool:
    """Whether the body is Intercom's error envelope, and not a page of something in between."""
    try:
        return read_json(answer).get("type") == "error.list"
    except Garbled:
        return False


def refused(answer: Answer, doing: str) -> SyncdError:
    """The error for an answer that is not a success.

    Args:
        doing: what was tried, naming the thing: "page 'a.md'", "the list of import sources".
    """
    status = answer.status
    told = explain(answer)
    if status in {401, 403}:
        return CredentialsRefused(
            f"Intercom refused the access token for {doing}: {told}.\n"
            "Check the token, its region, and that the app may read and write AI content "
            "(scope read_write_ai_content)."
        )
    if 300 <= status < 400:
        return TargetUnavailable(
            f"Intercom's address redirected {doing} to {_redirected_to(answer)}; that is refused, so that "
            "the token goes nowhere else. Set intercom.region or intercom.base_url to the right address."
        )
    if "intercom_version_invalid" in error_codes(answer):
        return TargetUnavailable(
            f"Intercom does not offer AI content in this API version: {told}. Set intercom.version."
        )
    if status == 429:
        return TargetUnavailable(
            f"Intercom kept refusing {doing} for its request limit: {told}. "
            "The next run goes on from here; lower intercom.rate_share if other apps share the limit."
        )
    if status == 408 or status >= 500 or status < 300:
        return PageUncertain(f"no valid answer for {doing}: {told}. It is sent again in the next run.")
    if status in {400, 409, 413, 422}:
        return PageRejected(
            f"Intercom refused {doing}: {told}. What Intercom has stays until the document changes."
        )
    return TargetUnavailable(
        f"Intercom answered {doing} in an unexpected way: {told}. Check intercom.base_url."
    )


def text_of(row: Json, name: str) -> str:
    """A field that must be text.

    Raises:
        Garbled: it is missing or something else.
    """
    value = row.get(name)
    if not isinstance(value, str):
        raise Garbled(f"unexpected answer from Intercom: {name} is not a text")
    return value


def whole_number_of(row: Json, name: str) -> int:
    """A field that must be a whole number.

    Raises:
        Garbled: it is missing or something else.
    """
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Garbled(f"unexpected answer from Intercom: {name} is not a whole number")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _entries(answer: Answer) -> list[Json]:
    try:
        errors = read_json(answer).get("errors")
    except Garbled:
        return []
    return [entry for entry in errors if isinstance(entry, dict)] if isinstance(errors, list) else []


def _refusal(answer: Answer) -> tuple[list[str], str]:
    words = []
    for entry in _entries(answer)[:3]:
        code, message, field = (entry.get(name) for name in ("code", "message", "field"))
        told = f"{message} [{code}]" if message else str(code)
        words.append(f"{told} in {field}" if field else told)
    request_id: object = answer.headers.get("x-request-id", "")
    if is_refusal(answer):
        request_id = read_json(answer).get("request_id") or request_id
    return words, str(request_id)


def _redirected_to(answer: Answer) -> str:
    try:
        host = urlsplit(answer.headers.get("location", "")).hostname
    except ValueError:
        host = None
    return plain(host, 100) if host else "elsewhere"
