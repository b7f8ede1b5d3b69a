"""A branch of a Git repository as a source: every run is about one commit.

The external id of a file is its path relative to the root, its version the id of its blob, and the
revision the id of the root's tree with a fingerprint of the settings: whatever happens in the
repository outside of the root, the run ends after the fetch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from connectors.files import (
    FileSettings,
    Selection,
    check_size,
    decode,
    external_id,
    located,
    media_type,
    place_of,
)
from connectors.git.address import Way, check_branch, check_root, is_loopback, way
from connectors.git.command import Batch, Git, GitFailed, GitLimit
from connectors.git.repository import Entry, Pin, Repository
from syncd.connector import NOT_LISTING, Connector, Context, Snapshot
from syncd.errors import ItemError, ListingIncomplete, SourceUnavailable
from syncd.model import Document, Included, Item, Unlisted

_LINK: Final = "120000"

_FOLDER: Final = "40000"
_SUBMODULE: Final = "160000"


class GitSettings(FileSettings):
    """A branch of a Git repository whose files are the pages."""

    allow_local: bool = Field(
        json_schema_extra=NOT_LISTING,
        default=False,
        description="Allow `url` to be a path, a bundle, or plain http to a loopback address.",
    )
    url: str = Field(
        max_length=2000,
        description="https://host/path.git, ssh://host/path.git or git@host:path.git, without a token in it.",
    )
    branch: Annotated[str, AfterValidator(check_branch)] | None = Field(
        default=None,
        description="The branch; if left out, the one that the repository calls its default.",
    )
    root: Annotated[str, AfterValidator(check_root)] = Field(
        default="",
        description="The folder of the repository that holds the pages, such as docs; else all of it.",
    )
    token: SecretStr | None = Field(
        json_schema_extra=NOT_LISTING,
        default=None,
        description="For https: a token that may read the repository, as ${VARIABLE}.",
    )
    token_file: Path | None = Field(
        json_schema_extra=NOT_LISTING,
        default=None,
        description="A file that holds the token, read at each run; relative to the configuration file.",
    )
    username: str = Field(
        json_schema_extra=NOT_LISTING,
        default="x-access-token",
        pattern=r"^[^:\x00-\x20\x7f]+$",
        description="Sent with the token; GitHub and GitLab take any, Bitbucket wants x-token-auth.",
    )
    ssh_key: Path | None = Field(
        json_schema_extra=NOT_LISTING,
        default=None,
        description="For ssh: the private key; else those that ssh finds by itself.",
    )
    known_hosts: Path | None = Field(
        json_schema_extra=NOT_LISTING,
        default=None,
        description="For ssh: the file with the server's public key; else the user's own. Unknown: refused.",
    )
    time_limit_s: int = Field(
        json_schema_extra=NOT_LISTING,
        default=600,
        ge=1,
        le=86_400,
        description="Seconds that one git command may take.",
    )
    max_repository_bytes: int = Field(
        json_schema_extra=NOT_LISTING,
        default=5_000_000_000,
        ge=1_000_000,
        description="Size that the copy in the cache may grow to.",
    )

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str, info: ValidationInfo) -> str:
        reached = way(url)
        local = reached is Way.LOCAL or (reached is Way.HTTP and is_loopback(url))
        if reached is Way.HTTP and not local:
            raise ValueError(
                "must begin with https://; plain http would show the pages to everyone on the way"
            )
        if local and not info.data.get("allow_local"):
            raise ValueError("is on this machine; set 'allow_local: true' if that is intended")
        return url

    @model_validator(mode="after")
    def _check_credentials(self) -> GitSettings:
        if self.token is not None and self.token_file is not None:
            raise ValueError("the token is given twice; keep either 'token' or 'token_file'")
        if (self.token or self.token_file) and way(self.url) not in (Way.HTTPS, Way.HTTP):
            raise ValueError("a token is for https addresses; ssh uses keys, see 'ssh_key'")
        return self


def open_connector(settings: GitSettings, context: Context) -> Connector:
    """Return a connector for one branch; nothing is fetched yet."""
    return GitConnector(settings, context)


class GitConnector:
    """One branch of a repository (a Connector)."""

    def __init__(self, settings: GitSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._way = way(settings.url)
        local = self._way is Way.LOCAL and "://" not in settings.url
        self._url = str(located(Path(settings.url), context.base)) if local else settings.url

    @contextmanager
    def open(self) -> Iterator[Snapshot]:
        """Fetch the branch, and hold on to the commit that it is at now."""
        settings = self._settings
        if self._way is Way.LOCAL and not Path(self._url.removeprefix("file://")).exists():
            raise SourceUnavailable(
                f"{self._url}: there is no such repository; nothing was sent or deleted. Correct 'url'."
            )
        git = Git(
            Repository.folder(self._context.cache),
            protocols=self._protocols(),
            time_limit_s=settings.time_limit_s,
            max_bytes=settings.max_repository_bytes,
            authorization=self._authorization(),
            ssh_options=self._ssh_options(),
        )
        partial = self._way is not Way.LOCAL
        repository = Repository(self._context.cache, self._url, settings.branch, git, partial=partial)
        repository.update()
        with closing(Commit(self._url, repository, settings, self._context)) as commit:
            yield commit

    def _protocols(self) -> Sequence[str]:
        return ["https", "ssh", *([self._way] if self._settings.allow_local else [])]

    def _authorization(self) -> tuple[str, str, str] | None:
        settings = self._settings
        if settings.token is not None:
            token = settings.token.get_secret_value().strip()
        elif settings.token_file is not None:
            file = located(settings.token_file, self._context.base)
            try:
                token = file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "not text"
                raise SourceUnavailable(
                    f"{self._url}: the token file {file} cannot be read: {reason}; "
                    "nothing was sent or deleted."
                ) from error
        else:
            return None
        if not token or not token.isprintable():
            raise SourceUnavailable(
                f"{self._url}: the token is empty or holds control characters; nothing was sent or deleted."
            )
        return self._url, settings.username, token

    def _ssh_options(self) -> list[str]:
        """ssh_config(5): keys only, known servers only, nothing forwarded, no questions."""
        options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ForwardAgent=no", "ClearAllForwardings=yes"]
        settings, base = self._settings, self._context.base
        if settings.known_hosts is not None:
            options.append(f'UserKnownHostsFile="{located(settings.known_hosts, base)}"')
        arguments = [part for option in options for part in ("-o", option)]
        if settings.ssh_key is not None:
            arguments += ["-o", "IdentitiesOnly=yes", "-i", str(located(settings.ssh_key, base))]
        return arguments


class Commit(Snapshot):
    """One commit of a repository, from the root on."""

    def __init__(self, url: str, repository: Repository, settings: GitSettings, context: Context) -> None:
        self._url = url
        self._repository = repository
        self._settings = settings
        self._context = context
        self._selection = Selection(settings)
        self._batch: Batch | None = None
        self._folders: dict[str, Mapping[bytes, Entry]] = {}
        self._fetched: set[str] = set()
        self._pin = self._pinned()
        repository.remember(self._pin)

    @property
    def revision(self) -> str:
        """Id of the root's tree, and a fingerprint of the settings that decide what is listed."""
        settings = self._settings
        listed = [settings.root, settings.include, settings.exclude]
        fingerprint = hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:12]
        return f"{self._pin.tree}-{fingerprint}"

    @property
    def identity(self) -> str:
        """The address of the repository."""
        return self._url

    @property
    def landmarks(self) -> Collection[str]:
        """What lies at the root, and in the folders above it up to the repository's own."""
        folders = self._settings.root.split("/") if self._settings.root else []
        names: set[str] = set()
        try:
            for depth in range(len(folders), -1, -1):
                above = f"{self._pin.commit}:{'/'.join(folders[:depth])}"
                names.update(
                    name.decode("utf-8", "replace")
                    for name in self._repository.folder_of(self._objects(), above)
                )
        except GitFailed:
            self.close()  # the listing will say what is wrong
        return names

    def versions(self, paths: Collection[str]) -> Mapping[str, str]:
        """Blob ids of regular files, anywhere in the repository; none of their contents is fetched."""
        try:
            return {path: blob for path in paths if (blob := self._blob(path)) is not None}
        except GitFailed:
            self.close()  # the listing will say what is wrong
            return {}

    def contents(self, paths: Collection[str]) -> Mapping[str, Included]:
        """Read files of the commit, whether or not they are pages, and fetch what lacks in one request."""
        blobs = self.versions(paths)
        missing = set(blobs.values()) - self._fetched
        if missing:
            self._repository.fetch(missing)
            self._fetched |= missing
        found: dict[str, Included] = {}
        for path, blob in blobs.items():
            with suppress(ItemError):
                found[path] = Included(path, blob, self._text(path, blob))
        return found

    def items(self) -> Iterator[Item | Unlisted]:
        """Name every file of the commit that is to be a page.

        Symbolic links and submodules are skipped, as is what a pattern leaves out; each is named.
        """
        included = self._selection.included.match
        excluded = self._selection.excluded.match
        try:
            for mode, blob, name in self._repository.entries(self._pin.tree):
                path = external_id(name)
                if mode == _SUBMODULE:
                    if not excluded(path):
                        yield Unlisted(path + "/", "a submodule; submodules are not fetched", skipped=True)
                elif not included(path):
                    # A link to a folder has no extension as a rule; pages may be expected behind it.
                    if mode == _LINK and "." not in path.rpartition("/")[2] and not excluded(path):
                        yield Unlisted(path, "a symbolic link; links are not followed", skipped=True)
                elif excluded(path):
                    yield Unlisted(path, self._selection.reason(path), skipped=True)
                elif mode == _LINK:
                    yield Unlisted(path, "a symbolic link; links are not followed", skipped=True)
                else:
                    yield Item(path, blob, path)
        except GitFailed as error:
            self._repository.distrust()
            raise ListingIncomplete(
                f"{self._url}: the listing broke off: {error.text}; nothing is deleted. "
                "The next run makes a new copy."
            ) from error

    def removed(self, since: str) -> Iterable[str]:
        """Ids of the files that were removed by commits after `since`, if those descend from it."""
        tree, _, _ = since.partition("-")
        if since.removeprefix(tree) != self.revision.removeprefix(self._pin.tree):
            return ()
        return map(external_id, self._repository.removed(tree, self._pin))

    def prepare(self, items: Sequence[Item]) -> None:
        """Fetch the contents of these files in one request: one by one takes three requests each."""
        self._repository.fetch(item.version for item in items)

    def read(self, item: Item) -> Document:
        """Read one file of the commit."""
        return Document(
            external_id=item.external_id,
            version=item.version,
            path=item.path,
            body=self._text(item.path, item.version),
            media_type=media_type(item.path),
            updated_at=self._pin.at,
        )

    def _text(self, path: str, blob: str) -> str:
        try:
            found = self._objects().read(blob, most_bytes=self._context.max_document_bytes)
        except GitFailed as error:
            self.close()
            if isinstance(error, GitLimit) or "promisor" in error.text or "could not fetch" in error.text:
                raise SourceUnavailable(
                    f"{self._url}: the file {path} could not be fetched: {error.text}. "
                    "Check the address and the network."
                ) from error
            self._repository.distrust()
            raise ItemError(
                f"{path}: the copy in the cache is damaged: {error.text}; the next run makes a new one"
            ) from error
        if found is None or found.kind != "blob":
            raise ItemError(f"{path}: the repository does not have the content of this file")
        try:
            check_size(found.size_bytes, self._context)
            return decode(found.content or b"")
        except ItemError as error:
            raise ItemError(f"{path}: {error}") from error

    def _blob(self, path: str) -> str | None:
        """Id of a file that a page names; None if it is none, or is never given."""
        place = place_of(path, self._settings.root)
        if place is None or self._selection.never.match(external_id(place)):
            return None
        *folders, name = place.split(b"/")
        entries = self._entries(f"{self._pin.commit}:")
        for folder in folders:
            entry = entries.get(folder)
            if entry is None or entry.mode != _FOLDER:
                return None
            entries = self._entries(entry.id)
        entry = entries.get(name)
        return entry.id if entry is not None and entry.mode.startswith("100") else None

    def _entries(self, folder: str) -> Mapping[bytes, Entry]:
        if folder not in self._folders:
            self._folders[folder] = self._repository.folder_of(self._objects(), folder)
        return self._folders[folder]

    def close(self) -> None:
        """End the process that gives the contents."""
        if self._batch is not None:
            self._batch.close()
            self._batch = None

    def _objects(self) -> Batch:
        if self._batch is None:
            self._batch = self._repository.batch()
        return self._batch

    def _pinned(self) -> Pin:
        try:
            return self._repository.pin(self._objects(), self._settings.root)
        except GitFailed as error:
            self.close()
            self._repository.distrust()
            raise SourceUnavailable(
                f"{self._url}: {error.text}; nothing was sent or deleted. The next run makes a new copy."
            ) from error
        except SourceUnavailable:
            self.close()
            raise
