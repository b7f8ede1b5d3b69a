"""Every behaviour of the AI Content API that is assumed, contradictory or unknown, as a named switch.

What Intercom documents is built in; what nobody outside can know is here, with a default and a meaning,
so that a client can be tried against both readings. `row` is the line of the behaviour list that a
switch belongs to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from syncd.errors import ConfigError


def _switch(default: Any, row: int, meaning: str) -> Any:
    return field(default=default, metadata={"row": row, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """The readings of the API that a sandbox follows; the defaults are the likeliest ones."""

    token_scope: Literal["write", "read", "none"] = _switch(
        "write", 34, "scope of a token that no --token-file names: write, read (writes get 403), none (403)"
    )
    rate_limit: int = _switch(1667, 4, "requests in a window for one app (token); 0 is unlimited")
    workspace_rate_limit: int = _switch(
        4167, 6, "requests in a window for all tokens together; 0 is unlimited"
    )
    rate_window_s: int = _switch(10, 4, "length of a rate window in seconds")
    rate_windows: Literal["clock", "first-request"] = _switch(
        "clock", 4, "windows start at multiples of their length, or at the first request after one ended"
    )
    rate_headers: Literal["app", "tightest"] = _switch(
        "app", 6, "X-RateLimit headers tell of the app, or of whichever of app and workspace has least left"
    )
    retry_after: bool = _switch(False, 5, "send Retry-After with a 429")
    app_version: str = _switch("2.16", 7, "API version of a request without Intercom-Version (1.0: refused)")
    rules_2_17_since: str = _switch(
        "2.17", 21, "first version with 2.17's rules: any locale, url optional in PUT, flags settable by PUT"
    )
    missing_field_status: Literal[400, 422] = _switch(400, 23, "status when a required field is missing")
    invalid_value_status: Literal[400, 422] = _switch(
        422, 10, "status for a bad sync_behavior, source url, locale or a change that is not allowed"
    )
    mistyped_field_status: Literal[400, 422] = _switch(
        400, 23, "status when a field has another JSON type than documented"
    )
    blank_text: Literal["reject", "accept"] = _switch("reject", 23, "an empty title, html or external_id")
    source_url: Literal["public", "any"] = _switch(
        "public", 11, "a source url must be http(s) on a public domain name (2.17's rule), or any text goes"
    )
    duplicate_source_url: Literal["accept", "reject"] = _switch(
        "accept", 11, "a second source with the url of an existing one"
    )
    put_source_without_status: Literal["active", "keep"] = _switch(
        "active", 12, "a source update without status activates the source (schema default), or leaves it"
    )
    crawled_source: Literal["reject", "accept"] = _switch(
        "reject", 12, "pages written to a source that Intercom crawls (automatic, manual)"
    )
    deactivated_source: Literal["accept", "reject"] = _switch(
        "accept", 12, "pages written to a deactivated source"
    )
    audiences: tuple[int, ...] = _switch((5678,), 15, "audience ids that the workspace has")
    unknown_audience: Literal["reject", "accept"] = _switch(
        "reject", 15, "an unknown audience id is refused with 404 and nothing is committed"
    )
    create_flags_default: bool = _switch(
        False, 19, "availability flags of a page created without them (schema: false, example: true)"
    )
    identical_upsert: Literal["touch", "ignore"] = _switch(
        "touch", 17, "an upsert that changes nothing bumps updated_at and is ingested again, or does not"
    )
    upsert_without_url: Literal["keep", "clear"] = _switch("keep", 20, "an upsert without url")
    null_url: Literal["clear", "reject"] = _switch("clear", 20, "an upsert or update whose url is null")
    put_without_flags: Literal["keep", "clear"] = _switch(
        "keep", 21, "a page update without availability flags, where it may set them (2.17)"
    )
    put_fin_availability: Literal["ignore", "apply"] = _switch(
        "ignore", 21, "up to 2.16 a page update without fin_availability means true (its schema default)"
    )
    put_moves_page: Literal["move", "ignore", "reject"] = _switch(
        "move", 21, "a page update with another source_id or external_id"
    )
    locales: tuple[str, ...] = _switch(
        ("en", "de", "es", "fr"), 22, "languages of the workspace, where 2.17's rules apply"
    )
    unknown_source_status: Literal[404, 422] = _switch(404, 24, "status when source_id names no source")
    deleted_html: Literal["empty", "kept"] = _switch("empty", 25, "html in the answer to a delete")
    delete_again: Literal["404", "stub"] = _switch(
        "404", 26, "a second delete of a page or a source: 404, or the first answer again"
    )
    get_deleted: Literal["404", "stub"] = _switch("404", 26, "a read of a deleted page: 404, or without html")
    repost_after_delete: Literal["new-id", "old-id"] = _switch(
        "new-id", 27, "the id of a page created again under the external_id of a deleted one"
    )
    per_page_default: int = _switch(50, 28, "rows of a list page when per_page is absent")
    per_page_max: int = _switch(50, 28, "most rows of a list page (public clients ask for 150)")
    per_page_above_max: Literal["clamp", "reject"] = _switch("clamp", 28, "per_page above the most: or 400")
    bad_page_number: Literal["reject", "first"] = _switch(
        "reject", 28, "page or per_page that is no positive number: 400, or as if absent"
    )
    page_order: Literal["newest", "oldest"] = _switch("newest", 29, "first page of the list")
    source_order: Literal["oldest", "newest"] = _switch("oldest", 29, "first source of the list")
    ingest_delay_s: float = _switch(0.0, 32, "seconds until last_ingested_at follows updated_at")
    html_max_bytes: int = _switch(0, 36, "largest html in UTF-8 bytes; 0 is unlimited")
    title_max_chars: int = _switch(0, 36, "longest title in characters; 0 is unlimited")
    oversized_status: Literal[413, 422] = _switch(422, 36, "status when html or title is too long")
    html_returned: Literal["verbatim", "normalised"] = _switch(
        "verbatim", 17, "html is held as sent, or parsed and written out again"
    )
    extra_fields: bool = _switch(False, 37, "answers carry fields that no description names")


class Described(NamedTuple):
    """One switch, for people."""

    name: str
    default: str
    values: str
    row: int
    meaning: str


def describe() -> Iterator[Described]:
    """Yield every switch with its default and its meaning, in the order of the class."""
    hints = get_type_hints(Switches)
    for each in fields(Switches):
        yield Described(
            each.name,
            _written(each.default),
            _values(hints[each.name]),
            each.metadata["row"],
            each.metadata["meaning"],
        )


def switched(settings: Iterable[str], base: Switches | None = None) -> Switches:
    """Return `base` with each "name=value" of `settings` applied.

    Raises:
        ConfigError: no such switch, or no such value.
    """
    hints = get_type_hints(Switches)
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in hints:
            raise ConfigError(
                f"no switch is called {name!r} (given: {setting!r}); "
                "write name=value, and see them all with 'syncd sandbox --list-switches'."
            )
        changes[name] = _parsed(name, hints[name], text.strip())
    return replace(base or Switches(), **changes)


def _parsed(name: str, hint: Any, text: str) -> Any:
    try:
        if get_origin(hint) is Literal:
            return {_written(choice): choice for choice in get_args(hint)}[text]
        if hint is bool:
            return {"true": True, "false": False, "yes": True, "no": False}[text.lower()]
        if get_origin(hint) is tuple:
            kind = get_args(hint)[0]
            return tuple(kind(part.strip()) for part in text.split(",") if part.strip())
        value = hint(text)
        if hint in (int, float) and not 0 <= value < float("inf"):
            raise ValueError(text)
    except (KeyError, ValueError):
        raise ConfigError(f"switch {name} cannot be {text!r}; it takes {_values(hint)}.") from None
    return value


def _values(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " | ".join(_written(choice) for choice in get_args(hint))
    if get_origin(hint) is tuple:
        return "a list with commas"
    return {bool: "true | false", int: "a whole number", float: "a number", str: "text"}[hint]


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value)
    return str(value)
