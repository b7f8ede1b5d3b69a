"""All that decides how the documents of one source are rendered."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass, field, fields

from syncd.render.site import Site

RENDERER_VERSION = 1
"""Raised by each release under which a document may come out differently than under the one before: each page
is then rendered and compared again. tests/syncd/render/test_renderer_version.py notices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rendering rules of one source.

    Attributes:
        dialect: which Markdown the source is written in: a name of syncd.render.dialects, "none" for plain
            GitHub Markdown, or "auto" to take hints from each document.
        image_hosts: hosts whose pictures stay, "*.example.com" for all below a domain. Of every other
            picture the alternative text stays.
        private_hosts: hosts that no published link may name, in the same form. Addresses that are not
            public and names without a dot are private whatever stands here.
        source_limit_bytes: longest body, in UTF-8.
        html_limit_bytes: longest result, or longest part of one, in UTF-8.
        split_above_bytes: a longer result is cut at its headings into parts; None never cuts.
        nesting_limit: deepest nesting of elements in a result.
        drafts: publish documents whose front matter calls them a draft.
        secrets: what becomes of a page that seems to hold a secret: "withhold", "warn" or "off".
        allowed_secrets: fingerprints of what is no secret, and external ids of pages that may hold any.
        coverage_warning: warn of a page in which words of its document are missing.
        site: what the generator's own configuration says.
    """

    dialect: str = "auto"
    image_hosts: tuple[str, ...] = ()
    private_hosts: tuple[str, ...] = (
        "localhost",
        "*.localhost",
        "*.local",
        "*.localdomain",
        "*.internal",
        "*.intranet",
        "*.lan",
        "*.corp",
        "*.home.arpa",
    )
    source_limit_bytes: int = 2_000_000
    html_limit_bytes: int = 1_000_000
    split_above_bytes: int | None = 50_000
    nesting_limit: int = 150
    drafts: bool = False
    secrets: str = "withhold"
    allowed_secrets: tuple[str, ...] = ()
    coverage_warning: bool = True
    site: Site = field(default_factory=Site)

    @property
    def key(self) -> str:
        """16 hex digits that change whenever a document may come out differently."""
        settings = [getattr(self, each.name) for each in fields(self) if each.name != "site"]
        # Of the site's configuration its version says enough, and is known before it is read.
        site = astuple(Site(path=self.site.path, version=self.site.version))
        parts = json.dumps([RENDERER_VERSION, *settings, site])
        return hashlib.sha256(parts.encode()).hexdigest()[:16]
