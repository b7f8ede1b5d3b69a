"""What a push is about: which repository and which branches. Plain functions of the sender's JSON.

A delivery is a hint to look and never a statement of what is there, so names are compared generously.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from syncd.service.guard import Refused

_SCP = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:]+):(?P<path>(?!//).+)")
_BRANCH = "refs/heads/"
_GITHUB_URLS = ("clone_url", "ssh_url", "html_url", "git_url", "url")
_GITLAB_URLS = ("git_http_url", "git_ssh_url", "web_url", "http_url", "ssh_url")


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Branches of one repository that moved.

    Attributes:
        repositories: its URLs, each as `repository` gives them.
        branches: their names.
        default: the branch that the repository calls its default, if the sender says so.
    """

    repositories: frozenset[str]
    branches: frozenset[str]
    default: str | None = None

    def concerns(self, url: str, branch: str | None) -> bool:
        """Whether a source with this URL and branch (None: the default one) should look."""
        if repository(url) not in self.repositories:
            return False
        wanted = branch or self.default
        return bool(self.branches) and (wanted is None or wanted in self.branches)


def repository(url: str) -> str:
    """Name a repository by host and path: the same for https, ssh and git@host:path."""
    scp = _SCP.fullmatch(url) if "://" not in url and not url.startswith(("/", ".")) else None
    if scp is not None:
        host, path = scp["host"], scp["path"]
    else:
        try:
            parts = urlsplit(url)
            host, path = parts.hostname or "", parts.path
        except ValueError:
            return url
    return f"{host}/{path.strip('/').removesuffix('.git')}".lower()


def push(sender: str, payload: Mapping[str, Any]) -> Push:
    """Read the push of a forge.

    Raises:
        Refused: it is not what such a sender sends.
    """
    try:
        if sender == "bitbucket":
            return _bitbucket(payload)
        if sender == "gitlab":
            return _named_in(payload["project"], _GITLAB_URLS, payload["ref"])
        return _named_in(payload["repository"], _GITHUB_URLS, payload["ref"])
    except (AttributeError, LookupError, TypeError) as error:
        raise Refused(400, "this is no push") from error


def _named_in(told: Mapping[str, Any], names: Iterable[str], ref: object) -> Push:
    return Push(
        repositories=_named(told.get(name) for name in names),
        branches=_branches(ref),
        default=_text(told.get("default_branch")),
    )


def _bitbucket(payload: Mapping[str, Any]) -> Push:
    url = payload["repository"]["links"]["html"]["href"]
    ends = [end for change in payload["push"]["changes"] for end in (change.get("new"), change.get("old"))]
    branches = {end["name"] for end in ends if end is not None and end["type"] == "branch"}
    return Push(repositories=_named([url]), branches=frozenset(map(str, branches)))


def _named(urls: Iterable[object]) -> frozenset[str]:
    return frozenset(repository(url) for url in urls if isinstance(url, str))


def _branches(ref: object) -> frozenset[str]:
    if not isinstance(ref, str):
        raise TypeError(ref)
    return frozenset({ref.removeprefix(_BRANCH)} if ref.startswith(_BRANCH) else ())


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
