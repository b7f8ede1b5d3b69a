"""Which sources a push concerns."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.service.guard import Refused
from syncd.service.pushes import push, repository

GITHUB: dict[str, Any] = {
    "ref": "refs/heads/main",
    "repository": {
        "clone_url": "https://github.com/acme/handbook.git",
        "ssh_url": "git@github.com:acme/handbook.git",
        "html_url": "https://github.com/acme/handbook",
        "url": 7,
        "default_branch": "main",
    },
}
GITLAB: dict[str, Any] = {
    "ref": "refs/heads/main",
    "project": {
        "git_http_url": "https://gitlab.acme.com/docs/team/handbook.git",
        "git_ssh_url": "git@gitlab.acme.com:docs/team/handbook.git",
        "web_url": "https://gitlab.acme.com/docs/team/handbook",
        "default_branch": "main",
    },
}
BITBUCKET: dict[str, Any] = {
    "repository": {"links": {"html": {"href": "https://bitbucket.org/acme/handbook"}}},
    "push": {
        "changes": [
            {"new": {"type": "branch", "name": "main"}, "old": None},
            {"new": None, "old": {"type": "branch", "name": "gone"}},
            {"new": {"type": "tag", "name": "v1"}, "old": None},
        ]
    },
}


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/handbook.git",
        "https://github.com/acme/handbook",
        "https://github.com/Acme/Handbook/",
        "https://user@github.com:443/acme/handbook.git",
        "ssh://git@github.com/acme/handbook.git",
        "git@github.com:acme/handbook.git",
    ],
)
def test_one_repository_has_many_urls(url: str) -> None:
    """A source may name it by another protocol than the sender does."""
    told = push("github", GITHUB)

    assert told.concerns(url, "main")
    assert told.concerns(url, None)
    assert not told.concerns(url, "release")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/handbook2.git",
        "https://github.com/acme/hand",
        "https://evil.example/github.com/acme/handbook",
        "https://gitlab.com/acme/handbook",
        "/srv/git/acme/handbook.git",
        "https://[broken",
    ],
)
def test_another_repository_is_another_one(url: str) -> None:
    """A push to one repository does not make the sources of others run."""
    assert not push("github", GITHUB).concerns(url, "main")


def test_repository_of_this_machine() -> None:
    """A path is a name, too, and a file URL is the same one."""
    assert repository("/srv/git/a.git") == repository("file:///srv/git/a.git") == repository("/srv/git/a/")


def test_push_to_another_branch_than_the_default() -> None:
    """A source without a branch follows the default one."""
    told = push("gitea", GITHUB | {"ref": "refs/heads/topic/x"})

    assert told.concerns("https://github.com/acme/handbook", "topic/x")
    assert not told.concerns("https://github.com/acme/handbook", None)


def test_tag_concerns_nobody() -> None:
    """Sources follow branches."""
    told = push("github", GITHUB | {"ref": "refs/tags/main"})

    assert not told.concerns("https://github.com/acme/handbook", "main")
    assert not told.concerns("https://github.com/acme/handbook", None)


def test_gitlab() -> None:
    """GitLab tells of the project, which may lie deep in groups."""
    told = push("gitlab", GITLAB)

    assert told.concerns("git@gitlab.acme.com:docs/team/handbook.git", None)
    assert not told.concerns("https://gitlab.acme.com/team/handbook.git", None)


def test_bitbucket() -> None:
    """Bitbucket tells of several branches at once, and of those that went."""
    told = push("bitbucket", BITBUCKET)

    assert told.branches == {"main", "gone"}
    assert told.concerns("https://bitbucket.org/acme/handbook.git", "main")
    assert told.concerns("https://bitbucket.org/acme/handbook.git", None)
    assert not told.concerns("https://bitbucket.org/acme/handbook.git", "v1")


@pytest.mark.parametrize("sender", ["github", "gitlab", "gitea", "bitbucket"])
@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"repository": None, "project": None, "ref": "refs/heads/main"},
        {"repository": {}, "project": {}, "ref": None},
        {"repository": [], "project": "x", "ref": 7, "push": {"changes": [None]}},
        {"repository": {"links": {"html": {"href": 5}}}, "push": {"changes": [7]}},
    ],
)
def test_what_is_no_push_is_refused(sender: str, payload: dict[str, Any]) -> None:
    """Nothing that a stranger can send is an error of ours."""
    with pytest.raises(Refused):
        push(sender, payload)
