"""What a configuration may hold: names, kinds, defaults and their meaning.

The descriptions become the published JSON Schema, so an editor shows them. The names are those of the
file; durations are seconds and sizes are bytes here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    SerializeAsAny,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from syncd.config import address
from syncd.config.notifications import Notifications
from syncd.config.pattern import Matching
from syncd.config.quantity import Bytes, BytesOrOff, Seconds
from syncd.config.schedule import QuietSetting, ScheduleSetting, ZoneName
from syncd.config.secret import secrets_in
from syncd.config.section import Section
from syncd.config.service import ServiceConfig
from syncd.config.token import FileToken, GivenToken, Token
from syncd.errors import ConfigError

MAX_ID = 2**63 - 1


def _check_base_url(url: str) -> str:
    parts = address.split(url)
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("must be a host without a path, such as https://api.intercom.io")
    if address.is_loopback(url):
        return url.rstrip("/")
    if parts.scheme != "https":
        raise ValueError(
            "must begin with https:// (plain http is for a loopback address, such as the sandbox, only)"
        )
    if not address.is_public_name(url):
        raise ValueError("must name a public host, or a loopback address such as http://127.0.0.1:8377")
    return url.rstrip("/")


_BaseUrl = Annotated[
    str,
    AfterValidator(_check_base_url),
    WithJsonSchema({"type": "string", "pattern": r"^https?://[^/@\s?#]+/?$"}),
]


_REQUEST_S = 120.0
"""As syncd.intercom.http.Timeouts.total_s: a shorter time would take a request for lost that may yet land."""


class IntercomConfig(Section):
    """How to reach Intercom."""

    token: SecretStr | None = Field(
        default=None,
        description="The access token, by reference to an environment variable: ${INTERCOM_TOKEN}. "
        "The token itself is refused here, since this file gets copied and committed.",
    )
    token_file: Path | None = Field(
        default=None,
        description="A file that holds the access token, instead of `token`; read again when it changes. "
        "A relative path starts at this file's folder.",
    )
    region: Literal["us", "eu", "au"] = Field(default="us", description="Where the workspace is hosted.")
    base_url: _BaseUrl | None = Field(
        default=None,
        description="Another server than the region's: https, or http to a loopback address (the sandbox).",
    )
    version: Annotated[
        str,
        Matching(r"^(2\.(1[2-9]|[2-9][0-9])|Preview)$", 'must be an API version from "2.12" on, in quotes'),
    ] = Field(
        default="2.16",
        description="The Intercom API version that every request names.",
    )
    concurrency: int = Field(
        default=48,
        ge=1,
        le=256,
        description="The most requests under way at once; the allowance sets the pace.",
    )
    rate_share: float = Field(
        default=0.9,
        gt=0,
        le=1,
        description="How much of the workspace's request allowance syncd uses; the rest is for other apps.",
    )
    ambiguity_window: Seconds = Field(
        default="10m",
        validate_default=True,
        description="How long a request that got no answer may still take effect: at least 2m, the longest "
        "that one may be under way; less only with a base_url on this machine.",
    )

    @model_validator(mode="after")
    def _longer_than_a_request(self) -> Self:
        near = self.base_url is not None and address.is_loopback(self.base_url)
        if self.ambiguity_window < _REQUEST_S and not near:
            raise ValueError("ambiguity_window must be 2m or more: so long may one request be under way")
        return self


class Availability(Section):
    """Which of Intercom's agents may use a page. Sent when a page is created."""

    ai_agent: bool | None = Field(
        default=True, description="Fin, in front of customers. null: Intercom's default."
    )
    ai_copilot: bool | None = Field(
        default=True, description="Copilot, for teammates. null: Intercom's default."
    )
    ai_sales_agent: bool | None = Field(
        default=None,
        description="The sales agent; needs API version 2.17 or Preview. null: Intercom's default.",
    )
    managed: bool = Field(
        default=False,
        description="Send the flags with updates too, which undoes what a teammate switched in Intercom.",
    )


class HoldAbove(Section):
    """A run that would delete more than both of these waits for a person."""

    pages: int = Field(default=10, ge=0, description="Pages of the source.")
    percent: float = Field(default=10.0, ge=0, le=100, description="Per cent of the source's live pages.")


class Deletions(Section):
    """When a page that its source no longer has is taken out of Intercom."""

    confirm: int = Field(
        default=2, ge=1, le=100, description="Complete listings in a row that must miss the page."
    )
    min_absence: Seconds = Field(
        default="15m",
        validate_default=True,
        description="Time between the first and the last of those listings.",
    )
    hold_above: HoldAbove = Field(
        default_factory=HoldAbove, description="Deletions above both limits wait for `syncd approve`."
    )


class Limits(Section):
    """What a single page may be. A page beyond a limit is reported, and its last good version stays."""

    max_source: Bytes = Field(
        default="2MB", validate_default=True, description="Text of one document, as its origin has it."
    )
    max_html: Bytes = Field(
        default="1MB",
        validate_default=True,
        description="HTML of one page, or of one part of a long one, as it would be sent.",
    )


_Host = Annotated[
    str,
    Matching(
        r"^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$",
        'must be a host such as "cdn.example.com", or "*.example.com" for all below a domain',
    ),
]


class Rendering(Section):
    """How documents become pages."""

    dialect: Literal[
        "auto",
        "none",
        "docfx",
        "docusaurus",
        "github_wiki",
        "hugo",
        "jekyll",
        "mdbook",
        "mkdocs",
        "myst",
        "obsidian",
    ] = Field(
        default="auto",
        description="Which generator's Markdown the source is written in. auto: told by the files at its "
        "root, else by each document; none: plain GitHub Markdown.",
    )
    image_hosts: tuple[_Host, ...] = Field(
        default=(), description="Hosts whose pictures stay. Of all others the alternative text stays."
    )
    private_hosts: tuple[_Host, ...] = Field(
        default=(),
        description="Hosts that no published link may name, besides loopback and private addresses, names "
        "without a dot, and .local, .internal, .intranet, .lan, .corp and .home.arpa.",
    )
    drafts: bool = Field(
        default=False, description="true: publish documents whose front matter calls them a draft."
    )
    coverage_warning: bool = Field(
        default=True,
        description="Compare the words of each page with those of its document, and tell in `syncd pages "
        "--skipped` where more than one in 200 is missing. It takes up to a third of the time of rendering.",
    )
    secrets: Literal["withhold", "warn", "off"] = Field(
        default="withhold",
        description="A page that seems to hold a key, a token or a password. withhold: not sent, its last "
        "version stays; warn: sent, and told of in `syncd pages --skipped`; off: not looked for.",
    )
    allowed_secrets: tuple[str, ...] = Field(
        default=(),
        description="What is no secret: fingerprints (sha256:…) as a message tells them, or external ids of "
        "pages that may hold any.",
    )
    split_above: BytesOrOff = Field(
        default="50kB",
        validate_default=True,
        description="A page with more HTML than this is sent in parts, cut at its headings, each of which "
        "links to its section. off: every page is sent whole.",
    )


class FreshnessObjective(Section):
    """How long a change may take to reach Intercom."""

    objective: Seconds = Field(
        default="1d",
        validate_default=True,
        description="95 of 100 changes are there after that time, and a complete run is never longer ago; if "
        "not, `syncd status`, the metrics and the notifications say so. 0: none.",
    )


class Common(Section):
    """Settings of a source that `defaults` can give for all."""

    schedule: ScheduleSetting = Field(
        default="every 15m",
        validate_default=True,
        description='When `syncd run` looks at the source: "every 15m", or five fields of cron: "0 * * * *".',
    )
    timezone: ZoneName = Field(
        default="UTC", description="Of cron's fields and of the quiet hours, such as Europe/Berlin."
    )
    jitter: Seconds = Field(
        default="0s",
        validate_default=True,
        description="Up to so much later than the schedule says, so that not all sources begin at once.",
    )
    quiet_hours: QuietSetting | None = Field(
        default=None,
        description='Hours such as "22:00-06:00" in which `syncd run` begins nothing by itself; what was due '
        "in them runs once afterwards.",
    )
    watch: bool = Field(
        default=True,
        description="`syncd run` looks at once when something changes in a folder of this machine.",
    )
    time_limit: Seconds = Field(
        default="2h",
        validate_default=True,
        description="A run that takes longer is given up, and the next one goes on from there. 0: no limit.",
    )
    locale: Annotated[
        str, Matching(r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", 'must be a language code such as "en"')
    ] = Field(
        default="en",
        description='Language of the pages. API versions up to 2.16 know only "en".',
    )
    availability: Availability = Field(
        default_factory=Availability, description="Which of Intercom's agents may use a page."
    )
    deletions: Deletions = Field(
        default_factory=Deletions, description="When a page that is gone from its source is deleted."
    )
    drift: Literal["report", "repair", "keep"] = Field(
        default="report",
        description="What becomes of pages that somebody changed or removed in Intercom. report: the run is "
        "partial until `syncd verify --repair`; repair: they are sent again; keep: they are left so.",
    )
    verify_every: Seconds = Field(
        default="1d",
        validate_default=True,
        description="How often a run compares all pages with what Intercom shows. 0: never.",
    )
    freshness: FreshnessObjective = Field(
        default_factory=FreshnessObjective, description="How long a change may take to reach Intercom."
    )
    rendering: Rendering = Field(default_factory=Rendering, description="How documents become pages.")
    limits: Limits = Field(default_factory=Limits, description="What a single page may be.")


class Defaults(Common):
    """Settings for every source that does not give its own."""


def _check_url(url: str) -> str:
    if address.split(url).fragment:
        raise ValueError("must be a URL without a fragment (#…)")
    return url


_Url = Annotated[
    str,
    AfterValidator(_check_url),
    WithJsonSchema({"type": "string", "pattern": r"^https?://[^/@\s]+(/[^#\s]*)?$"}),
]


class ImportSource(Section):
    """The Content Import Source that takes a source's pages: by its URL or by its id."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["url"], "properties": {"url": {"type": "string"}}},
                {"required": ["id"], "properties": {"id": {"not": {"type": "null"}}}},
            ]
        }
    )

    url: _Url | None = Field(
        default=None,
        description="Its URL, which teammates see as its name in Intercom; created if there is none yet. "
        "Intercom wants http or https and a public domain name.",
    )
    id: Annotated[int, Field(ge=1, le=MAX_ID)] | None = Field(
        default=None, description="Its id, a number, if it exists already."
    )
    audience_ids: tuple[Annotated[int, Field(ge=1, le=MAX_ID)], ...] = Field(
        default=(),
        description="Audiences for a source that is created here. Empty: everyone.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.url is None) == (self.id is None):
            raise ValueError('must have either a url or an id, such as { url: "https://docs.example.com" }')
        return self


class UncheckedSettings(BaseModel):
    """Settings of a connector that is installed and cannot be imported: its sources fail, others run."""

    model_config = ConfigDict(extra="allow", frozen=True)


SettingsModel = Callable[[str], type[BaseModel]]
"""Connector name → model of its settings. Raises ConfigError for a name that is not installed, and
SourceError for a connector that cannot be imported."""


def _check_connector(name: str, info: ValidationInfo) -> str:
    if isinstance(info.context, dict) and "settings_model" in info.context:
        try:
            info.context["settings_model"](name)
        except ConfigError as error:
            raise ValueError(" ".join(str(error).split())) from error
    return name


def _read_settings(value: object, info: ValidationInfo) -> object:
    # The connector's name failed already; there is nothing to check its settings against.
    if isinstance(value, BaseModel) or "connector" not in info.data:
        return value if isinstance(value, BaseModel) else Section()
    assert isinstance(info.context, dict)
    model: type[BaseModel] = info.context["settings_model"](info.data["connector"])
    if model is UncheckedSettings:
        return UncheckedSettings.model_validate(value)
    # In JSON mode, "strict" still lets a list be a tuple and a text a path, but no text be a number: what
    # a JSON Schema says too.
    return model.model_validate_json(json.dumps(value), strict=True, extra="forbid")


class SourceConfig(Common):
    """One origin of pages, and the import source that it fills."""

    name: Annotated[
        str,
        Matching(
            r"^[a-z0-9][a-z0-9_-]{0,62}$", "must be lower-case letters, digits, '-' and '_', at most 63"
        ),
    ] = Field(
        description="A short name, unique in this file. A source that is renamed starts anew.",
    )
    connector: Annotated[str, AfterValidator(_check_connector)] = Field(
        description="What kind of origin it is; `syncd connectors` lists the kinds."
    )
    import_source: ImportSource = Field(
        description="The Content Import Source in Intercom that takes the pages."
    )
    page_url: (
        Annotated[
            str,
            Matching(
                r"^https?://[^\s/@{}]+(/[^\s{}]*|/[^\s{}]*(\{(address|path|slug)\}[^\s{}]*)+)$",
                "must be a URL with {address} (where the site's generator puts the page), {path} (the file's "
                "path) or {slug} (the path without its extension)",
            ),
        ]
        | None
    ) = Field(
        default=None,
        description="Where readers find a page: {address} is where the site's generator puts it, {path} its "
        "path in the source, {slug} the path without extension. Fin cites a page only if it has a URL.",
        examples=["https://handbook.acme.com/{slug}"],
    )
    enabled: bool = Field(default=True, description="false: leave the source and its pages as they are.")
    settings: Annotated[SerializeAsAny[BaseModel], BeforeValidator(_read_settings), WithJsonSchema({})] = (
        Field(description="The connector's own settings, which stand beside the others in the file.")
    )


def _check_sources(sources: tuple[SourceConfig, ...]) -> tuple[SourceConfig, ...]:
    # Not by min_length, which would also count sources that are wrong in themselves as missing.
    if not sources:
        raise ValueError("is empty; add a source")
    return sources


_STATE_PATTERN = r"^(sqlite:///[^\s?]+|postgres(ql)?(\+[a-z0-9]+)?://\S+)$"


class Config(Section):
    """The configuration of syncd."""

    intercom: IntercomConfig = Field(default_factory=IntercomConfig, description="How to reach Intercom.")
    state: Annotated[str, Matching(_STATE_PATTERN, "must be sqlite:///FILE or postgresql://…")] = Field(
        default="sqlite:///syncd.db",
        description="Where syncd remembers what it sent: sqlite:///FILE (a relative path starts at the "
        "folder of this file) or, for several machines, postgresql://USER@HOST/DATABASE, with a password "
        "only by ${VAR}.",
    )
    state_lease: Seconds = Field(
        default="60s",
        validate_default=True,
        ge=1,
        description="With PostgreSQL: how long a process that died keeps its source from the others. One "
        "that lives renews its lease every third of that.",
    )
    service: ServiceConfig = Field(
        default_factory=ServiceConfig, description="What `syncd run` listens to, and what it may do at once."
    )
    notifications: Notifications = Field(
        default_factory=Notifications, description="Who is told when a source needs a person, and how."
    )
    metrics_textfile: Path | None = Field(
        default=None,
        description="`syncd sync` writes Prometheus metrics into this file, for node_exporter's textfile "
        "collector; the name ends in .prom. A relative path starts at this file's folder.",
    )
    defaults: Defaults = Field(
        default_factory=Defaults, description="Settings for every source that does not give its own."
    )
    sources: Annotated[tuple[SourceConfig, ...], AfterValidator(_check_sources)] = Field(
        description="The origins to publish.", json_schema_extra={"minItems": 1}
    )

    _path: Path = PrivateAttr(default=Path("syncd.yaml"))
    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _token_problem: str | None = PrivateAttr(default=None)

    @property
    def path(self) -> Path:
        """The file that it was read from."""
        return self._path

    @property
    def base(self) -> Path:
        """The folder at which relative paths in the configuration start; absolute."""
        return self._path.absolute().parent

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know, one sentence each."""
        return self._warnings

    @property
    def state_url(self) -> str:
        """`state` with an absolute path."""
        prefix, _, file = str(self.state).partition("sqlite:///")
        if prefix or not file:
            return str(self.state)
        return f"sqlite:///{self.base / file}"

    def source(self, name: str) -> SourceConfig:
        """Return the source of that name.

        Raises:
            ConfigError: there is none.
        """
        for source in self.sources:
            if source.name == name:
                return source
        names = ", ".join(source.name for source in self.sources)
        raise ConfigError(f"no source is called {name!r} in {self._path}; there are: {names}")

    def token_source(self, noticed: Callable[[str], None] | None = None) -> Token:
        """Return what gives the current access token each time it is called.

        Nothing is read or checked before that call, so that a command without Intercom needs no token.

        Args:
            noticed: is told each token before it is given, so that it can be kept out of the logs.
        """
        if self.intercom.token_file is not None:
            return FileToken(self.base / self.intercom.token_file.expanduser(), noticed)
        given = self.intercom.token.get_secret_value() if self.intercom.token is not None else None
        return GivenToken(given, self._token_problem, self._path, noticed)

    @property
    def own_files(self) -> tuple[Path, ...]:
        """The files of syncd itself, with those that are kept beside the state; some may not exist."""
        files = [self._path.absolute()]
        if self.intercom.token_file is not None:
            files.append(self.base / self.intercom.token_file.expanduser())
        prefix, _, state = self.state_url.partition("sqlite:///")
        if not prefix:
            files += [Path(state + suffix) for suffix in ("", "-wal", "-shm", "-journal", ".lock")]
        return tuple(files)

    def secrets(self) -> frozenset[str]:
        """Every secret value that is known now: what no log, message or page may show."""
        found = {secret for section in self._sections() for _, secret in secrets_in(section)}
        if (database := address.password(str(self.state))) is not None:
            found.add(database)
        with suppress(ConfigError):  # whoever needs the token gets that error
            found.add(self.token_source()())
        return frozenset(found - {""})

    def _sections(self) -> Iterable[BaseModel]:
        return (
            self.intercom,
            self.service,
            self.notifications,
            *(source.settings for source in self.sources),
        )
