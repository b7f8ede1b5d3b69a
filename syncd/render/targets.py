"""What a link names: another page of its source, a place on the web, or nothing that a reader may open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from syncd.model import Link
from syncd.render.addresses import XREF, Address
from syncd.render.links import SELF
from syncd.render.rules import Rules

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_UNREAD = re.compile(r"[\t\n\r]")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\"<>\\^`{|}]")
_SUFFIX = re.compile(r"\.(?:html?|mdx?|markdown)\Z", re.IGNORECASE)
# Generators that leave a relative link without a file's suffix as it is: its base is the page's URL.
_LEFT_TO_BROWSERS = frozenset({"docusaurus", "hugo", "jekyll"})
# Docusaurus looks for a file there too; the labels of MyST know no folder.
_READ_FROM_ROOT = frozenset({"docusaurus", "myst"})
_KEPT_SCHEMES = frozenset({"mailto", "tel"})


class Targets:
    """Reads the links of one document, and collects those that stay open."""

    def __init__(self, path: str, known: Mapping[str, str], rules: Rules, address: Address) -> None:
        """Read links relative to `path`, and to the published `address` where they name no file; `known`
        maps an href to the external_id that it names."""
        self._folder = path.rpartition("/")[0]
        self._site_folder = address.path.rpartition("/")[0]
        self._known = known
        self._rules = rules
        self._numbers: dict[Link, int] = {}
        self.dropped = 0

    @property
    def links(self) -> tuple[Link, ...]:
        """The open links, each once; `href` numbered them."""
        return tuple(self._numbers)

    def href(self, href: str) -> str | None:
        """Return what stands in the result: a URL, "link:N", or None if only the text may stay."""
        target = self._target(href)
        if isinstance(target, Link):
            return f"link:{self._numbers.setdefault(target, len(self._numbers))}"
        if target is None:
            self.dropped += 1
        return target

    def _target(self, href: str) -> Link | str | None:
        if href in self._known:
            return Link(f"id:{self._known[href]}")
        # Browsers read over these, so "java\nscript:" is a scheme.
        href = _UNREAD.sub("", href.strip())
        place, _, fragment = href.partition("#")
        if place in self._known:
            return Link(f"id:{self._known[place]}", unquote(fragment))
        if not href or href == "#":
            return None
        if href.startswith("#"):
            return Link(SELF, unquote(fragment))
        if href.startswith(("//", "\\\\")):
            return self.public_url("https:" + href) if href[0] == "/" else None
        scheme = _SCHEME.match(href)
        if scheme is not None:
            name = scheme[1].lower()
            if name in ("http", "https"):
                return self.public_url(href)
            if name == "xref":
                # The overloads of a method share a page.
                uid = unquote(place[5:].partition("?")[0]).removesuffix("*")
                return Link("site:" + XREF + uid, unquote(fragment))
            if name == "wiki":
                return Link("wiki:" + unquote(place[5:]), unquote(fragment))
            return _quoted(href) if name in _KEPT_SCHEMES else None
        return self._internal(place, fragment)

    def _internal(self, place: str, fragment: str) -> Link | None:
        path = unquote(place.partition("?")[0]).replace("\\", "/")
        if not path:
            return None
        if path.startswith("/"):
            return Link("site:/" + _joined("", path), unquote(fragment))
        return Link("\n".join(self._readings(path)), unquote(fragment))

    def _readings(self, path: str) -> Iterator[str]:
        """Yield what the path may name: a place on the site, a file beside this one, one from the root."""
        if self._rules.dialect in _LEFT_TO_BROWSERS and not _SUFFIX.search(path):
            yield "site:/" + _joined(self._site_folder, path)
        yield "path:" + _joined(self._folder, path)
        if self._rules.dialect in _READ_FROM_ROOT and self._folder and not path.startswith("."):
            yield "path:" + _joined("", path)

    def public_url(self, url: str) -> str | None:
        """Return the URL, safely quoted; None if it is broken, holds a password or names a private host."""
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            return None
        if not host or parts.username is not None or is_private(host, self._rules.private_hosts):
            return None
        return _quoted(url)


def is_private(host: str, patterns: tuple[str, ...]) -> bool:
    """Whether a host cannot be, or must not be, named to the public."""
    host = host.rstrip(".").lower()
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or matches(host, patterns)


def matches(host: str, patterns: tuple[str, ...]) -> bool:
    """Whether a host is one of "docs.example.com" or lies below one of "*.example.com"."""
    return any(
        host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:])) for pattern in patterns
    )


def _joined(folder: str, path: str) -> str:
    """Join, resolve "." and "..", never above the root; a closing "/" goes."""
    parts = folder.split("/") if folder else []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _quoted(url: str) -> str:
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), url)
