"""Who is told when a source needs a person, and how."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema, model_validator

from syncd.config import address
from syncd.config.pattern import Matching
from syncd.config.quantity import Seconds
from syncd.config.section import Section
from syncd.config.service import read_secret


class Kind(StrEnum):
    """What a person is told of."""

    HOLD = "hold"  # deletions or updates wait for a decision, or a source is on hold for long
    FAILURE = "failure"  # runs failed, one after the other
    CREDENTIAL = "credential"  # Intercom refused the token
    STALE = "stale"  # no complete run, or changes took longer than the objective
    BLOCKED = "blocked"  # pages that are gone from the source stay published
    INGESTION = "ingestion"  # Intercom took pages, and did not read them in for Fin
    DRIFT = "drift"  # pages are not in Intercom as they were sent
    QUARANTINE = "quarantine"  # pages could not be published
    TAKEDOWN = "takedown"  # a person took pages down


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError("must be an address or a network such as 127.0.0.1 or 10.20.0.0/16") from error
    return text


_Network = Annotated[str, AfterValidator(_network), WithJsonSchema({"type": "string"})]
_Name = Annotated[
    str,
    Matching(r"^[a-z0-9][a-z0-9_-]{0,62}$", "must be lower-case letters, digits, '-' and '_', at most 63"),
]
_Address = Annotated[
    str,
    Matching(r"^[^\s@<>,;:]+@[^\s@<>,;:]+$", "must be an address such as ops@acme.com"),
]


class Channel(Section):
    """One way to tell people."""

    name: _Name = Field(description="A short name, unique among all channels.")
    sources: tuple[str, ...] = Field(default=(), description="Only what concerns these. Empty: all sources.")

    def concerns(self, source: str) -> bool:
        """Whether it is for that source."""
        return not self.sources or source in self.sources


class Telling(Channel):
    """A channel that takes messages."""

    about: tuple[Kind, ...] = Field(
        default=(),
        description="Only of these: hold, failure, credential, stale, blocked, ingestion, drift, quarantine, "
        "takedown. Empty: all. Each comes with its recovery.",
    )

    def wants(self, source: str, kind: Kind) -> bool:
        """Whether it is to be told of that."""
        return self.concerns(source) and (not self.about or kind in self.about)


class _ByUrl(Section):
    url: SecretStr | None = Field(
        default=None,
        description="By reference to an environment variable, ${SLACK_WEBHOOK_URL}: who has it can write "
        "there. https; http only to a loopback address.",
    )
    url_file: Path | None = Field(
        default=None, description="A file that holds the URL, instead; read when it is needed."
    )

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("must have either a url or a url_file")
        return self


class Slack(Telling, _ByUrl):
    """An incoming webhook of Slack, or of what takes the same, such as Mattermost."""


class Hook(Telling, _ByUrl):
    """Any program: JSON, signed as Standard Webhooks say (standardwebhooks.com)."""

    secret: SecretStr | None = Field(
        default=None, description="What signs each message: ${NOTIFY_SECRET}, 16 characters or more."
    )
    secret_file: Path | None = Field(default=None, description="A file that holds the secret, instead.")

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("must have either a secret or a secret_file")
        return self

    def signing_secret(self, base: Path) -> str:
        """Return the secret. Raises ConfigError if it cannot be read or is too short."""
        return read_secret(self.secret, self.secret_file, base, f"notifications: the secret of {self.name}")


class Email(Telling):
    """A mail server."""

    host: Annotated[
        str, Matching(r"^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$", "must be a host such as smtp.acme.com")
    ] = Field(description="The mail server.")
    port: int = Field(default=587, ge=1, le=65535, description="587 for starttls, 465 for tls.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="none: only to a server on a loopback address, and without a password.",
    )
    sender: _Address = Field(description="From whom the messages come.")
    to: tuple[_Address, ...] = Field(min_length=1, description="To whom they go.")
    username: str | None = Field(default=None, description="For a server that asks for it.")
    password: SecretStr | None = Field(default=None, description="${SMTP_PASSWORD}")
    password_file: Path | None = Field(default=None, description="A file that holds it, instead.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [self.password is not None, self.password_file is not None]
        if all(given) or any(given) != (self.username is not None):
            raise ValueError("must have a username together with either a password or a password_file")
        if self.security == "none" and any(given):
            raise ValueError("must not send a password without starttls or tls")
        return self


class Ping(Channel, _ByUrl):
    """A dead man's switch, such as healthchecks.io: GET after each run, URL/fail after one that failed."""


class Notifications(Section):
    """Who is told when a source needs a person."""

    slack: tuple[Slack, ...] = Field(default=(), description="Incoming webhooks of Slack and the like.")
    webhook: tuple[Hook, ...] = Field(default=(), description="Other programs, by signed webhook.")
    email: tuple[Email, ...] = Field(default=(), description="People with a mailbox.")
    ping: tuple[Ping, ...] = Field(
        default=(), description="Dead man's switches: they raise the alarm if syncd itself is gone."
    )
    failures: int = Field(
        default=3, ge=1, description="Runs that failed one after the other before it is told."
    )
    remind_every: Seconds = Field(
        default="1d",
        validate_default=True,
        description="How often what is still open is told again. 0: never.",
    )
    per_hour: int = Field(
        default=20,
        ge=1,
        description="The most messages in an hour; what is left over comes with the next one.",
    )
    dashboard_url: (
        Annotated[
            str,
            Matching(r"^https?://[^\s/@]+(/[^\s#?]*)?$", "must be a URL such as https://syncd.acme.com"),
        ]
        | None
    ) = Field(default=None, description="Where people reach the dashboard: messages name it.")
    allow_addresses: tuple[_Network, ...] = Field(
        default=(),
        description="Addresses and networks besides the public ones that may be told, such as 10.20.0.0/16. "
        "All that is private, link-local or a cloud's metadata is refused otherwise.",
    )

    @property
    def telling(self) -> tuple[Telling, ...]:
        """All channels that take messages."""
        return (*self.slack, *self.webhook, *self.email)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """All channels."""
        return (*self.telling, *self.ping)

    def named(self) -> Iterator[tuple[tuple[str, int], Channel]]:
        """Where each channel stands in this section, and the channel."""
        for kind in ("slack", "webhook", "email", "ping"):
            for index, channel in enumerate(getattr(self, kind)):
                yield (kind, index), channel


def checked_url(channel: Slack | Hook | Ping, base: Path) -> str:
    """Return the URL of a channel.

    Raises:
        ConfigError: it cannot be read. It is a secret: no message tells it.
    """
    return read_secret(
        channel.url, channel.url_file, base, f"notifications: the URL of {channel.name}", least=1
    )


def problem_of(url: str) -> str | None:
    """Why nothing is sent to a URL; None if its form is fine."""
    try:
        parts = address.split(url)
    except ValueError as error:
        return str(error)
    if parts.scheme != "https" and not address.is_loopback(url):
        return "must begin with https:// (http is for a loopback address only)"
    return None
