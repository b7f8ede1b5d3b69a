"""File → URL: a source's `page_url` template."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_INDEX_STEMS = frozenset({"index", "_index", "readme"})


def check_template(template: str) -> None:
    """Make sure that a template gives a URL for every path.

    Raises:
        ValueError: unknown variables, no variable, or no http(s) URL.
    """
    unknown = sorted(set(_VARIABLE.findall(template)) - {"address", "path", "slug"})
    if unknown:
        names = ", ".join("{" + name + "}" for name in unknown)
        raise ValueError(
            f"page_url has the unknown variable {names}; there are {{address}}, {{path}} and {{slug}}"
        )
    bare = _VARIABLE.sub("x", template)
    if "{" in bare or "}" in bare:
        raise ValueError(f"page_url {template!r} has a brace without its partner")
    if bare == template:
        raise ValueError(
            f"page_url {template!r} names one URL for all pages; put {{address}} or {{slug}} in it"
        )
    parts = urlsplit(bare)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"page_url {template!r} must begin with https:// or http:// and a host")
    if _VARIABLE.search(urlsplit(template).netloc) or parts.username is not None:
        raise ValueError(f"page_url {template!r} must have a fixed host without user name")
    if any(character.isspace() for character in template):
        raise ValueError(f"page_url {template!r} must not hold blanks")


def page_url(template: str | None, path: str, address: str | None = None) -> str | None:
    """Return where a reader finds the document at `path`; None without a template.

    `{path}` is the path with its extension, `{slug}` without; there index, _index and README stand for
    their folder. `{address}` is where its generator publishes it, and the slug as long as that is not
    known. Each segment is percent-encoded.
    """
    if template is None:
        return None
    slug = slug_of(path)
    values = {"address": slug if address is None else address, "path": path, "slug": slug}
    for name, value in values.items():
        if not value or value.endswith("/"):
            template = template.replace("{" + name + "}/", "{" + name + "}")
    return _VARIABLE.sub(lambda variable: encode_path(values[variable[1]]), template)


def slug_of(path: str) -> str:
    """Return the path without its extension; of an index or README, its folder ("" at the root)."""
    folder, slash, name = path.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    if not dot or not stem:
        stem = name
    return folder if stem.lower() in _INDEX_STEMS else f"{folder}{slash}{stem}"


def encode_path(path: str) -> str:
    """Percent-encode each segment of a path; bytes that are not UTF-8 come out as they were."""
    return "/".join(
        quote(part.encode("utf-8", "surrogateescape"), safe="@+,;=!$'()*~") for part in path.split("/")
    )
