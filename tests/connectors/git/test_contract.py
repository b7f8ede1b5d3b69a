"""The Git connector keeps the connectors' contract, over the file system and over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from connectors.git import GitSettings, open_connector
from syncd.connector import Connector, Context
from syncd.testing.connectors import FILES, ConnectorContract
from tests.connectors.git.origins import Origin, serving


class TestGitOnDisk(ConnectorContract):
    def build(self, home: Path, files: Mapping[str, str]) -> None:
        Origin(home / "origin.git").commit({f"docs/{name}": text for name, text in files.items()})

    def connect(self, home: Path) -> Connector:
        settings = GitSettings(url=self.url(home), branch="main", root="docs", allow_local=True)
        return open_connector(settings, Context(source="docs", base=home, cache=home / "cache"))

    def lose(self, home: Path) -> None:
        shutil.rmtree(home / "origin.git")

    def spoil(self, home: Path, name: str) -> None:
        files = {f"docs/{one}": text for one, text in FILES.items()}
        Origin(home / "origin.git").commit({**files, f"docs/{name}": b"caf\xe9"})

    def origin(self, home: Path) -> Path:
        return home / "origin.git"

    def url(self, home: Path) -> str:
        return str(home / "origin.git")


class TestGitOverHttp(TestGitOnDisk):
    @pytest.fixture(autouse=True)
    def _server(self, tmp_path: Path) -> Iterator[None]:
        with serving(tmp_path) as server:
            # A child process has only the folder to go by.
            (tmp_path / "url").write_text(f"{server.url}/origin.git")
            yield

    def url(self, home: Path) -> str:
        return (home / "url").read_text()
