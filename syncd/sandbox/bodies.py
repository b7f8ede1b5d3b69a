"""Request bodies → values, or the refusal that Intercom would give."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from syncd.sandbox.content import FLAGS, Writing
from syncd.sandbox.problem import Problem
from syncd.sandbox.switches import Switches

_NUMBERED = tuple(f"1.{minor}" for minor in range(5)) + tuple(f"2.{minor}" for minor in range(18))
_PREVIEW = ("Preview", "Unstable")
_FIRST_WITH_AI_CONTENT = (2, 12)

_STATUSES = ("active", "deactivated")
_BEHAVIORS = ("api", "automatic", "automated", "manual")
_DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})\Z")
_PRIVATE_SUFFIXES = (".local", ".localhost", ".localdomain", ".internal", ".intranet", ".lan", ".home.arpa")


@dataclass(frozen=True, slots=True)
class Version:
    """An API version that a request named.

    Attributes:
        number: as a pair that sorts; None for Preview.
    """

    number: tuple[int, int] | None

    @classmethod
    def named(cls, name: str) -> Version:
        """Raises Problem 400 for a version that does not exist, or that has no AI Content yet."""
        if name in _PREVIEW:
            return cls(None)
        if name not in _NUMBERED:
            raise Problem(400, "intercom_version_invalid", "The requested version could not be found")
        number = _pair(name)
        if number < _FIRST_WITH_AI_CONTENT:
            raise Problem(
                400,
                "intercom_version_invalid",
                "Requested resource is not available in current API version.",
            )
        return cls(number)

    def since(self, major: int, minor: int) -> bool:
        """Whether the version is that one or a later one; Preview is later than all."""
        return self.number is None or self.number >= (major, minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBody:
    """What a request says of an import source; None means: not said."""

    url: str
    sync_behavior: str
    status: str | None
    audience_ids: tuple[int, ...] | None
    apply_to_pages: bool


class Bodies:
    """Reads bodies under one setting of the switches."""

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        since = switches.rules_2_17_since
        # Of a version that does not exist the rules never hold.
        self._new_rules_since = _pair(since) if since in _NUMBERED else (99, 0)

    def new_rules(self, version: Version) -> bool:
        """Whether 2.17's rules hold; Preview is described with the old ones."""
        return version.number is not None and version.number >= self._new_rules_since

    def source(self, body: bytes, *, create: bool, version: Version) -> SourceBody:
        """Read the body of a POST or PUT of an import source."""
        fields = _object(body)
        behavior = self._text(fields, "sync_behavior")
        if behavior not in (_BEHAVIORS if not create else ("api",)):
            raise self._invalid("sync_behavior", "sync_behavior is invalid")
        url = self._text(fields, "url")
        if self.switches.source_url == "public" and not is_public(url):
            raise self._invalid("url", "url must be http or https with a valid public domain name")
        status = fields.get("status")
        if status is not None and status not in _STATUSES:
            raise self._invalid("status", "status is invalid")
        audiences = version.since(2, 15)
        return SourceBody(
            url=url,
            sync_behavior=behavior,
            status=status,
            audience_ids=self._audience_ids(fields) if audiences else None,
            apply_to_pages=audiences and self._flag(fields, "apply_audience_to_existing_content") is True,
        )

    def upsert(self, body: bytes, version: Version) -> Writing:
        """Read the body of POST /ai/external_pages."""
        fields = _object(body)
        flags = FLAGS if version.number is None or self.new_rules(version) else FLAGS[:2]
        return self._writing(
            fields,
            version,
            external_id=self._text(fields, "external_id"),
            flags={name: value for name in flags if (value := self._flag(fields, name)) is not None},
        )

    def change(self, body: bytes, version: Version) -> Writing:
        """Read the body of PUT /ai/external_pages/{id}."""
        fields = _object(body)
        new_rules = self.new_rules(version)
        if not new_rules and fields.get("url") is None and "url" not in fields:
            raise self._missing("url")
        external_id = self._text(fields, "external_id") if fields.get("external_id") is not None else None
        return self._writing(fields, version, external_id=external_id, flags=self._put_flags(fields, version))

    def _put_flags(self, fields: Mapping[str, Any], version: Version) -> dict[str, bool]:
        if version.number is None or self.new_rules(version):
            said = {name: value for name in FLAGS if (value := self._flag(fields, name)) is not None}
            return (dict.fromkeys(FLAGS, False) if self.switches.put_without_flags == "clear" else {}) | said
        fin = self._flag(fields, "fin_availability")
        if fin is None and self.switches.put_fin_availability == "apply":
            fin = True
        return {} if fin is None else {FLAGS[0]: fin}

    def _writing(
        self,
        fields: Mapping[str, Any],
        version: Version,
        *,
        external_id: str | None,
        flags: Mapping[str, bool],
    ) -> Writing:
        title = self._text(fields, "title")
        html = self._text(fields, "html")
        locale = self._text(fields, "locale")
        source_id = self._required(fields, "source_id")
        if not isinstance(source_id, int) or isinstance(source_id, bool):
            raise self._mistyped("source_id", "an integer")
        if locale not in (self.switches.locales if self.new_rules(version) else ("en",)):
            raise self._invalid("locale", "Unknown locale")
        most_bytes, most_chars = self.switches.html_max_bytes, self.switches.title_max_chars
        # A character is at most four bytes, so most pages need not be encoded to know.
        if most_bytes and len(html) * 4 > most_bytes and len(html.encode()) > most_bytes:
            raise self._oversized("html")
        if most_chars and len(title) > most_chars:
            raise self._oversized("title")
        if self.switches.html_returned == "normalised":
            html = BeautifulSoup(html, "html.parser").decode(formatter="html5").strip()
        return Writing(
            source_id=source_id,
            external_id=external_id,
            title=title,
            html=html,
            locale=locale,
            url=self._url(fields),
            flags=flags,
        )

    def _url(self, fields: Mapping[str, Any]) -> str | None:
        if "url" not in fields:
            return None
        url = fields["url"]
        if url is None:
            if self.switches.null_url == "reject":
                raise self._mistyped("url", "a string")
            return ""
        if not isinstance(url, str):
            raise self._mistyped("url", "a string")
        return _encodable("url", url)

    def _required(self, fields: Mapping[str, Any], name: str) -> Any:
        value = fields.get(name)
        if value is None:
            raise self._missing(name)
        return value

    def _text(self, fields: Mapping[str, Any], name: str) -> str:
        value = self._required(fields, name)
        if not isinstance(value, str):
            raise self._mistyped(name, "a string")
        if self.switches.blank_text == "reject" and not value.strip():
            raise self._invalid(name, f"{name} can't be blank")
        return _encodable(name, value)

    def _flag(self, fields: Mapping[str, Any], name: str) -> bool | None:
        value = fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._mistyped(name, "a boolean")
        return value

    def _audience_ids(self, fields: Mapping[str, Any]) -> tuple[int, ...] | None:
        if "audience_ids" not in fields:
            return None
        value = fields["audience_ids"]
        ids = [] if value is None else value if isinstance(value, list) else [value]
        if any(not isinstance(each, int) or isinstance(each, bool) for each in ids):
            raise self._mistyped("audience_ids", "an integer, a list of integers, or null")
        return tuple(dict.fromkeys(ids))

    def _missing(self, name: str) -> Problem:
        status = self.switches.missing_field_status
        return Problem(status, "parameter_not_found", f"{name} is missing", name)

    def _mistyped(self, name: str, kind: str) -> Problem:
        status = self.switches.mistyped_field_status
        return Problem(status, "parameter_invalid", f"{name} must be {kind}", name)

    def _invalid(self, name: str, message: str) -> Problem:
        return Problem(self.switches.invalid_value_status, "parameter_invalid", message, name)

    def _oversized(self, name: str) -> Problem:
        return Problem(self.switches.oversized_status, "parameter_invalid", f"{name} is too long", name)


def is_public(url: str) -> bool:
    """Whether a source url has a public domain name, as Intercom's 2.17 documentation asks."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        _ = parts.port
    except ValueError:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return False
    try:
        ascii_host = host.encode("idna").decode("ascii")
    except UnicodeError:
        return False
    return (
        parts.scheme in ("http", "https")
        and _DOMAIN.match(ascii_host) is not None
        and not ascii_host.endswith(_PRIVATE_SUFFIXES)
    )


def _pair(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(400, "parameter_invalid", "Request body is not valid JSON") from None
    if not isinstance(value, dict):
        raise Problem(400, "parameter_invalid", "Request body must be a JSON object")
    return value


def _encodable(name: str, value: str) -> str:
    # JSON can name half of a surrogate pair; no such text exists, and it could not be shown.
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Problem(400, "parameter_invalid", f"{name} is not valid Unicode", name) from None
    return value
