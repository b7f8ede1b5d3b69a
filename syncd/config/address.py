"""URLs in the configuration: what is refused, and when two of them mean the same."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

# Names that no public server can have: RFC 2606, RFC 6762, RFC 8375 and ICANN's list for private use.
_PRIVATE_ENDINGS = frozenset(
    {"local", "localhost", "localdomain", "internal", "intranet", "lan", "corp", "home", "private"}
    | {"test", "example", "invalid", "onion", "arpa"}
)


def split(url: str) -> SplitResult:
    """Split an http or https URL.

    Raises:
        ValueError: it is none, or it holds a user name, a blank or a control character.
    """
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("must be a URL without blanks or control characters")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError("is not a URL that can be read") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL that begins with https:// or http:// and a host")
    if parts.username is not None:
        raise ValueError("must not hold a user name or password")
    return parts


def is_loopback(url: str) -> bool:
    """Whether the URL leads to this machine only."""
    return is_loopback_host(urlsplit(url).hostname or "")


def is_loopback_host(host: str) -> bool:
    """Whether a name or an address of a host, without brackets, is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_public_name(url: str) -> bool:
    """Whether the host looks like a public domain name: dots, letters, and no ending that is private."""
    labels = (urlsplit(url).hostname or "").rstrip(".").split(".")
    if len(labels) < 2 or labels[-1] in _PRIVATE_ENDINGS or labels[-1].isdigit():
        return False
    return all(
        label and not label.startswith("-") and not label.endswith("-") for label in labels
    ) and not any(":" in label or "_" in label for label in labels)


def normalised(url: str) -> str:
    """Return the same text for URLs that differ in case of the host, default port or a final slash only."""
    parts = split(url)
    host = (parts.hostname or "").rstrip(".")
    port = "" if parts.port in (None, 443 if parts.scheme == "https" else 80) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}" + (
        f"?{parts.query}" if parts.query else ""
    )


def password(url: str) -> str | None:
    """Return the password in a database URL, decoded; None without one."""
    try:
        parts = urlsplit(url)
        found = parts.password
    except ValueError:
        return None
    if found:
        return unquote(found)
    return dict(parse_qsl(parts.query)).get("password")
