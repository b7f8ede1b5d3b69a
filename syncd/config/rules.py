"""What must hold between settings, each of which is fine by itself."""

from __future__ import annotations

from collections.abc import Iterator

from syncd.config import address
from syncd.config.model import Config, IntercomConfig, SourceConfig
from syncd.config.tree import Steps


def violations(config: Config) -> Iterator[tuple[Steps, str]]:
    """Yield the path of each setting that does not fit the others, and why."""
    yield from _intercom(config.intercom)
    for index, source in enumerate(config.sources):
        for path, why in _source(config.intercom, source):
            yield ("sources", index, *path), why
    yield from _twins(config.sources)
    yield from _notifications(config)


def _notifications(config: Config) -> Iterator[tuple[Steps, str]]:
    sources = {source.name for source in config.sources}
    names: dict[str, str] = {}
    for (kind, index), channel in config.notifications.named():
        path = ("notifications", kind, index)
        first = names.setdefault(channel.name, f"{kind}[{index}]")
        if first != f"{kind}[{index}]":
            yield (*path, "name"), f"{channel.name!r} is the name of {first} too; rename one of them"
        for at, source in enumerate(channel.sources):
            if source not in sources:
                yield (*path, "sources", at), f"no source is called {source!r}"


def _intercom(intercom: IntercomConfig) -> Iterator[tuple[Steps, str]]:
    if intercom.token is not None and intercom.token_file is not None:
        yield ("intercom", "token_file"), "the token is given twice; keep either 'token' or 'token_file'"
    if "region" in intercom.model_fields_set and intercom.base_url is not None:
        yield ("intercom", "base_url"), "the server is given twice; keep either 'region' or 'base_url'"


def _source(intercom: IntercomConfig, source: SourceConfig) -> Iterator[tuple[Steps, str]]:
    version = (99, 0) if intercom.version == "Preview" else tuple(map(int, intercom.version.split(".")))
    if source.locale != "en" and version < (2, 17):
        yield (
            ("locale",),
            f"Intercom's API version {intercom.version} knows only 'en'; other languages need 2.17",
        )
    if source.availability.ai_sales_agent is not None and version < (2, 17):
        yield (
            ("availability", "ai_sales_agent"),
            f"API version {intercom.version} has no such flag; it needs 2.17",
        )
    if source.import_source.audience_ids and version < (2, 15):
        yield (
            ("import_source", "audience_ids"),
            f"API version {intercom.version} has no audiences; they need 2.15",
        )
    url = source.import_source.url
    sandbox = intercom.base_url is not None and address.is_loopback(intercom.base_url)
    if url is not None and not sandbox and not address.is_public_name(url):
        yield (
            ("import_source", "url"),
            f"Intercom takes only public domain names, and {url!r} has none; give the site's public address",
        )


def _twins(sources: tuple[SourceConfig, ...]) -> Iterator[tuple[Steps, str]]:
    names: dict[str, int] = {}
    targets: dict[str | int, int] = {}
    for index, source in enumerate(sources):
        first = names.setdefault(source.name, index)
        if first != index:
            yield (
                ("sources", index, "name"),
                f"{source.name!r} is the name of sources[{first}] too; rename one of them",
            )
        target = source.import_source.id or address.normalised(source.import_source.url or "")
        first = targets.setdefault(target, index)
        if first != index:
            yield (
                ("sources", index, "import_source"),
                f"sources {sources[first].name!r} and {source.name!r} share the import source {target}; "
                "each needs its own",
            )
