"""Content Import Sources: found by URL or id, listed, and made. There is no code here that deletes one.

Facts: Intercom REST API 2.16, /ai/content_import_sources. A source has no name: its URL is what people see.
Deleting one would delete all its pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from syncd.errors import ConfigError, PageError, SourceError, TargetUnavailable
from syncd.intercom.answers import Garbled, Json, explain, read_json, refused, text_of, whole_number_of
from syncd.intercom.listing import rows
from syncd.intercom.transport import Answer, Request, Transport, TransportFailed

PATH = "/ai/content_import_sources"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSource:
    """One Content Import Source, as Intercom shows it.

    Attributes:
        sync_behavior: "api", or "automatic" or "manual" for Intercom's own website sync.
        status: "active" or "deactivated".
        audience_ids: who its new pages are for; empty for everyone.
        made: whether it was made just now, so that it surely holds nothing.
    """

    id: int
    url: str
    sync_behavior: str
    status: str
    audience_ids: tuple[int, ...] = ()
    made: bool = field(default=False, compare=False)


class ImportSources:
    """The import sources of the workspace that the token belongs to."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self) -> list[ImportSource]:
        """All of them, whoever fills them.

        Raises:
            SourceError: they could not be listed.
        """
        doing = "the list of import sources"
        found: dict[int, ImportSource] = {}
        async for row in rows(lambda request: self._send(request, doing), PATH, doing):
            source = _read(row, doing)
            found[source.id] = source
        return list(found.values())

    async def get(self, source_id: int) -> ImportSource:
        """The source of that id, which can be filled by syncd.

        Raises:
            ConfigError: Intercom fills it itself.
            SourceError: there is none, it is deactivated, or could not be read.
        """
        doing = f"import source {source_id}"
        answer = await self._send(Request(method="GET", path=f"{PATH}/{source_id}"), doing)
        if answer.status == 404:
            raise TargetUnavailable(
                f"{doing} is not in this Intercom workspace. 'syncd import-sources' lists what is there; "
                "check import_source.id, the token and the region."
            )
        return _usable(self._one(answer, doing))

    async def find(self, url: str) -> ImportSource | None:
        """The source with that URL, or None; nothing is changed.

        Raises:
            ConfigError: several match, or Intercom fills the only one itself.
            SourceError: it is deactivated, or the list could not be read.
        """
        matches = [source for source in await self.list() if same_url(source.url, url)]
        ours = [source for source in matches if source.sync_behavior == "api"]
        if len(ours) > 1:
            ids = ", ".join(str(source.id) for source in ours)
            raise ConfigError(
                f"several import sources have the URL {url}: {ids}. "
                f"Name one of them in the configuration: import_source: {{ id: {ours[0].id} }}"
            )
        if ours:
            return _usable(ours[0])
        return _usable(matches[0]) if matches else None

    async def find_or_create(self, url: str, *, audience_ids: Sequence[int] = ()) -> ImportSource:
        """The source with that URL, made if there is none.

        A lost answer is not followed by a second creation but by a second look, so that no two are made.

        Raises:
            ConfigError: as `find`, or Intercom does not accept the URL.
            SourceError: as `find`, or it is not known whether the source was made.
        """
        source = await self.find(url)
        if source is not None:
            return source
        doing = f"a new import source for {url}"
        body: Json = {"sync_behavior": "api", "url": url, "status": "active"}
        if audience_ids:
            body["audience_ids"] = list(audience_ids)
        request = Request(method="POST", path=PATH, body=body, repeatable=False)
        try:
            answer = await self._transport.send(request)
            if answer.status == 200:
                return replace(_usable(_read(read_json(answer), doing)), made=True)
            if answer.status in {400, 404, 409, 413, 422}:
                error = refused(answer, doing)
                if isinstance(error, SourceError):
                    raise error
                raise ConfigError(
                    f"Intercom refused {doing}: {explain(answer)}.\n"
                    "Intercom wants the public address of a domain, not an internal one: "
                    "set import_source.url to what people may see."
                )
            lost: Exception = refused(answer, doing)
            if isinstance(lost, SourceError):
                raise lost
        except (TransportFailed, Garbled) as error:
            lost = error
        source = await self.find(url)
        if source is None:
            raise TargetUnavailable(
                f"it is not known whether {doing} was made ({lost}). The next run looks for it again."
            ) from lost
        return source

    async def _send(self, request: Request, doing: str) -> Answer:
        try:
            return await self._transport.send(request)
        except TransportFailed as error:
            raise TargetUnavailable(
                f"Intercom gave no answer for {doing}: {error}. Check the network and intercom.base_url."
            ) from error

    def _one(self, answer: Answer, doing: str) -> ImportSource:
        if answer.status != 200:
            error = refused(answer, doing)
            if isinstance(error, PageError):
                raise TargetUnavailable(str(error))
            raise error
        try:
            return _read(read_json(answer), doing)
        except Garbled as error:
            raise TargetUnavailable(f"{doing} cannot be read: {error}") from error


def _read(row: Json, doing: str) -> ImportSource:
    try:
        if row.get("type") != "content_import_source":
            raise Garbled("unexpected answer from Intercom: not an import source")
        audiences = row.get("audience_ids")
        return ImportSource(
            id=whole_number_of(row, "id"),
            url=text_of(row, "url"),
            sync_behavior=text_of(row, "sync_behavior"),
            status=text_of(row, "status"),
            audience_ids=tuple(audiences) if isinstance(audiences, list) else (),
        )
    except Garbled as error:
        raise TargetUnavailable(f"{doing} cannot be read: {error}") from error


def _usable(source: ImportSource) -> ImportSource:
    if source.sync_behavior != "api":
        raise ConfigError(
            f"import source {source.id} ({source.url}) has sync_behavior {source.sync_behavior!r}: "
            "Intercom fills it itself. Use one that is filled by the API, or another URL."
        )
    if source.status != "active":
        raise TargetUnavailable(
            f"import source {source.id} ({source.url}) is {source.status} in Intercom. "
            "Set it active there, or name another one in import_source."
        )
    return source


def same_url(one: str, other: str) -> bool:
    """Whether two URLs name one import source: host case, default port and a last slash do not count."""
    return _normal(one) == _normal(other)


def _normal(url: str) -> tuple[str, str, int | None, str, str]:
    try:
        parts = urlsplit(url.strip())
        port = parts.port if parts.port != {"http": 80, "https": 443}.get(parts.scheme) else None
    except ValueError:
        return ("", url, None, "", "")
    return (parts.scheme, parts.hostname or "", port, parts.path.rstrip("/"), parts.query)
