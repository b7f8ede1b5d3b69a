"""What the service needs to know: where it listens, who may talk to it, how much it does at once."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema, model_validator

from syncd.config.address import is_loopback_host
from syncd.config.pattern import Matching
from syncd.config.quantity import Seconds
from syncd.config.section import Section
from syncd.errors import ConfigError

MIN_SECRET = 16
"""Characters of a secret of the service: one that can be guessed is none."""

_LISTEN = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?P<port>\d{1,5})", re.ASCII)
_MAX_BYTES = 4096


def _check_listen(text: str) -> str:
    match = _LISTEN.fullmatch(text)
    if match is None or not 1 <= int(match["port"]) <= 65535:
        raise ValueError("must be an address with a port from 1 to 65535, such as 127.0.0.1:8321")
    return text


_Listen = Annotated[
    str,
    AfterValidator(_check_listen),
    WithJsonSchema({"type": "string", "pattern": r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$"}),
]


class Secret(Section):
    """A secret, by reference to an environment variable or to a file."""

    secret: SecretStr | None = Field(
        default=None, description="By reference to an environment variable: ${WEBHOOK_SECRET}."
    )
    secret_file: Path | None = Field(
        default=None,
        description="A file that holds it, instead; a relative path starts at the configuration file.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("must have either a secret or a secret_file")
        return self

    def value(self, base: Path, setting: str) -> str:
        """Return it.

        Raises:
            ConfigError: it cannot be read, or it is too short to be one.
        """
        return read_secret(self.secret, self.secret_file, base, setting)


class Webhooks(Section):
    """Who may tell that something was pushed. Each is off until it has a secret."""

    github: Secret | None = Field(default=None, description="GitHub: POST /hooks/github")
    gitlab: Secret | None = Field(default=None, description="GitLab: POST /hooks/gitlab")
    gitea: Secret | None = Field(default=None, description="Gitea and Forgejo: POST /hooks/gitea")
    bitbucket: Secret | None = Field(default=None, description="Bitbucket: POST /hooks/bitbucket")
    signed: Secret | None = Field(
        default=None,
        description="Anything else, signed as Standard Webhooks say: POST /hooks/signed, "
        'with the body {"source": "NAME"}.',
    )


def _check_network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError("must be an IP address or a network such as 10.0.0.0/8") from error
    return text


_HeaderName = Annotated[str, Matching(r"^[A-Za-z0-9-]{1,64}$", "must be the name of a header")]


class Proxy(Section):
    """A reverse proxy in front of the service that knows who somebody is."""

    addresses: tuple[
        Annotated[str, AfterValidator(_check_network), WithJsonSchema({"type": "string"})], ...
    ] = Field(
        description="From where it asks, addresses or networks; the headers of all others count for nothing."
    )
    user_header: _HeaderName | None = Field(
        default=None,
        description="The header in which it names the person, such as X-Forwarded-User. It must remove what "
        "a browser sends under that name. Without it, people sign in with a token.",
    )
    operators: tuple[str, ...] = Field(
        default=(), description="The names of those who may decide; all others may only look."
    )


class DashboardConfig(Section):
    """The pages for people. Nobody sees one without signing in; `syncd dashboard` lets this user in."""

    enabled: bool = Field(default=True, description="false: there is none.")
    operator: Secret | None = Field(
        default=None, description="Whoever signs in with this token may look and decide."
    )
    viewer: Secret | None = Field(
        default=None, description="Whoever signs in with this token may look, and nothing else."
    )
    proxy: Proxy | None = Field(
        default=None, description="A reverse proxy that ends TLS, and may say who somebody is."
    )
    session: Seconds = Field(
        default="12h", validate_default=True, ge=60, description="After that one signs in again."
    )


class ServiceConfig(Section):
    """How `syncd run` works."""

    listen: _Listen = Field(
        default="127.0.0.1:8321",
        description="Where health, metrics, webhooks and the control API answer. An address that other "
        "machines can reach needs a token.",
    )
    hosts: tuple[
        Annotated[
            str,
            Matching(r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$", "must be a host such as syncd.acme.com"),
        ],
        ...,
    ] = Field(
        default=(),
        description="Names under which others reach it, such as that of a proxy in front of it; all other "
        "names are refused, but for those of this machine.",
    )
    token: SecretStr | None = Field(
        default=None,
        description="What control and metrics ask for, as a bearer token: ${SYNCD_TOKEN}. "
        "Without one, only this user's own commands may control it.",
    )
    token_file: Path | None = Field(default=None, description="A file that holds the token, instead of it.")
    concurrency: int = Field(default=4, ge=1, le=64, description="The most sources that run at once.")
    webhooks: Webhooks = Field(
        default_factory=Webhooks, description="Who may tell that something was pushed."
    )
    dashboard: DashboardConfig = Field(
        default_factory=DashboardConfig, description="The pages for people, and who may see them."
    )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = str(self.listen).rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def is_private(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback_host(self.address[0])

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError("must have either a token or a token_file, not both")
        if not self.is_private and self.token is None and self.token_file is None:
            raise ValueError(
                f"must have a token: other machines can reach {self.listen}. "
                "Set 'token: ${SYNCD_TOKEN}', or listen on 127.0.0.1"
            )
        return self

    def access_token(self, base: Path) -> str | None:
        """Return the token, or None if there is none. Raises ConfigError as `Secret.value` does."""
        if self.token is None and self.token_file is None:
            return None
        return read_secret(self.token, self.token_file, base, "service.token")


def read_secret(
    given: SecretStr | None, file: Path | None, base: Path, setting: str, *, least: int = MIN_SECRET
) -> str:
    """Return a secret that is given or in a file.

    Raises:
        ConfigError: it cannot be read, or it is too short to be one.
    """
    if given is not None:
        value = given.get_secret_value()
    else:
        assert file is not None
        path = base / file.expanduser()
        try:
            value = path.read_bytes()[:_MAX_BYTES].decode("utf-8").strip()
        except OSError as error:
            raise ConfigError(
                f"{setting}_file: {path} cannot be read ({(error.strerror or 'unreadable').lower()}); "
                "write the secret into it, readable by this user"
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{setting}_file: {path} is not text; it must hold the secret alone") from error
    if len(value) < least:
        way_out = "Make one: openssl rand -hex 32" if least > 1 else "Put it where the configuration says."
        raise ConfigError(
            f"{setting} has {len(value)} characters, and a secret needs {least} at least. {way_out}"
        )
    return value
