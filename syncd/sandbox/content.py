"""What a workspace holds, what may be written into it, and the changes it goes through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

FLAGS = ("ai_agent_availability", "ai_copilot_availability", "ai_sales_agent_availability")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One Content Import Source; times are whole Unix seconds."""

    id: int
    url: str
    sync_behavior: str
    status: str
    audience_ids: tuple[int, ...]
    created_at: int
    updated_at: int
    last_synced_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One External Page.

    Attributes:
        updated_at: Unix seconds; the ingestion of this content ends `ingest_delay_s` later.
        ingested_before: Unix seconds at which what Fin knew before this update was ingested; 0 for nothing.
        audience_ids: who may be answered from it; the API does not show them.
    """

    id: int
    source_id: int
    external_id: str
    title: str
    html: str
    url: str | None
    locale: str
    ai_agent_availability: bool
    ai_copilot_availability: bool
    ai_sales_agent_availability: bool
    created_at: int
    updated_at: int
    ingested_before: int
    audience_ids: tuple[int, ...]


class SourceHeld(NamedTuple):
    """The source is now so."""

    source: Source


class SourceGone(NamedTuple):
    """The source and all its pages were deleted."""

    source_id: int


class PageHeld(NamedTuple):
    """The page is now so."""

    page: Page


class PageGone(NamedTuple):
    """The page was deleted."""

    page_id: int


class Emptied(NamedTuple):
    """Everything was taken away; ids already given are not given again."""


Change = SourceHeld | SourceGone | PageHeld | PageGone | Emptied


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What a request says of a page; None of `url` and of a flag means: not said.

    Attributes:
        url: "" says that the page shall have none.
    """

    source_id: int
    external_id: str | None
    title: str
    html: str
    locale: str
    url: str | None
    flags: Mapping[str, bool]
