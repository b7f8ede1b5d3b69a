"""Two kinds of sources for the tests of the configuration, and a way to read one from a text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field, SecretStr

from syncd.config.load import Loaded, load_text
from syncd.errors import ConfigError, SourceUnavailable


class Login(BaseModel):
    """Who may read the origin."""

    user: str = Field(description="The user.")
    password: SecretStr = Field(description="The password.")


class NotesSettings(BaseModel):
    """A notebook."""

    root: Path = Field(description="Where the notes are.")
    branch: str = Field(default="main", description="The branch.")
    exclude: tuple[str, ...] = Field(default=(), description="What is left out.")
    style: Literal["plain", "rich"] = Field(default="plain", description="The style.")
    depth: int = Field(default=3, ge=1, le=9, description="The depth.")
    links: bool = Field(default=True, description="Follow links.")
    login: Login | None = Field(default=None, description="Who may read.")


class MailSettings(BaseModel):
    """A mailbox."""

    host: str = Field(description="The server.", min_length=1)


MODELS: dict[str, type[BaseModel]] = {"notes": NotesSettings, "mail": MailSettings}


def settings_model(connector: str) -> type[BaseModel]:
    if connector == "broken":
        raise SourceUnavailable("the connector 'broken' cannot be imported")
    if connector not in MODELS:
        raise ConfigError(f"no connector is called {connector!r}.\nInstalled: mail, notes.")
    return MODELS[connector]


Read = Callable[..., Loaded]


@pytest.fixture
def read() -> Read:
    """Reads a text as if it stood in syncd.yaml; keywords are environment variables."""

    def read(text: str, **environ: str) -> Loaded:
        return load_text(text, Path("syncd.yaml"), environ=environ, settings_model=settings_model)

    return read


@pytest.fixture
def models() -> dict[str, type[BaseModel]]:
    return MODELS
