"""The samples, each configured as an operator of its real site would do it, but never split into parts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One corpus.

    Attributes:
        file: relative to the folder of samples.
        settings: of the source, besides its name, its origin and its import source.
        private: hosts that nobody outside can open: no link may name them.
    """

    name: str
    file: str
    settings: dict[str, Any]
    private: tuple[str, ...] = ()
    root: str = field(default="")

    @property
    def path(self) -> Path:
        return SAMPLES / self.file

    @property
    def kind(self) -> str:
        """git, confluence-html or confluence-xml."""
        return self.file.partition("/")[0]


def _git(name: str, root: str, page_url: str, dialect: str) -> Sample:
    settings = {"connector": "git", "allow_local": True, "branch": "main", "root": root, "page_url": page_url}
    return Sample(
        name=name,
        file=f"git/{name}.bundle",
        settings={**settings, "rendering": {"dialect": dialect, "split_above": "off"}},
        root=root,
    )


def _confluence(kind: str, name: str, *hosts: str) -> Sample:
    settings = {
        "connector": "confluence_export",
        "site_url": "https://wiki.example.com",
        "rendering": {"split_above": "off"},
    }
    return Sample(
        name=name,
        file=f"confluence-{kind}/{name}.zip",
        settings={**settings, "site_aliases": list(hosts)},
        private=hosts,
    )


# The bundles hold the documentation folder alone, so what is not told by a file in it is named here.
GIT = (
    _git("flux-site", "content/en", "https://fluxcd.io/{address}", "hugo"),
    _git("jekyll-docs", "docs", "https://jekyllrb.com/{address}", "auto"),
    _git("mkdocs-material-docs", "docs", "https://squidfunk.github.io/mkdocs-material/{address}", "mkdocs"),
    _git("myst-docs", "docs", "https://myst-parser.readthedocs.io/en/latest/{address}", "myst"),
    _git("react-native-docs", "docs", "https://reactnative.dev/docs/{address}", "docusaurus"),
    _git("redux-docs", "docs", "https://redux.js.org/{address}", "docusaurus"),
    _git("rust-book", "src", "https://doc.rust-lang.org/book/{address}", "auto"),
)
_JENKINS = ("wiki.jenkins-ci.org", "wiki.jenkins.io")
CONFLUENCE = (
    _confluence("html", "certora-cloud-2022", "certora.atlassian.net"),
    _confluence("html", "drone-1x-2004"),
    _confluence("html", "fixture-czech-server-2016"),
    _confluence("html", "jenkins-infra-server-2021", *_JENKINS),
    _confluence("html", "jenkins-ja-server-2021", *_JENKINS),
    _confluence("html", "jenkins-security-server-2021", *_JENKINS),
    _confluence("html", "jenkins-sun-server-2021", *_JENKINS),
    _confluence("xml", "demo-space-server-5.9"),
    _confluence("xml", "home-test-dc-8.5"),
    _confluence("xml", "personal-space-server-5.3"),
    _confluence("xml", "small-nested-cloud-2024"),
    _confluence("xml", "testdemo-wikimarkup-server-3.4"),
)
ALL = (*GIT, *CONFLUENCE)
