"""The seven sites: where each publishes a file, and which file a link in another one means.

Looked up on the sites themselves and in the settings of their generators, and written down once more
here, so that the renderer's own rules are compared with something.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote, urljoin, urlsplit

from tests.corpora.markdown import Matter, Resolve, split

_SUFFIXES = (".md", ".mdx", ".markdown")
_LABEL = re.compile(r"^[ \t>]*\(([^()\n]+)\)=[ \t]*$", re.MULTILINE)
_LIQUID = (
    (re.compile(r"\{%-?\s*(link|post_url)\s+(\S+?)\s*-?%\}"), r"\1:\2"),
    (re.compile(r"\{\{-?\s*['\"]([^'\"]*)['\"]\s*\|\s*(?:relative|absolute)_url\s*-?\}\}"), r"\1"),
    (re.compile(r"\{\{[<%]\s*(?:rel)?ref\s+\"?([^\"\s>%]+)\"?\s*[%>]\}\}"), r"ref:\1"),
    (re.compile(r"\{\{-?\s*site\.(?:baseurl|url|repository)\s*-?\}\}"), ""),
)


class Site:
    """The pages of one site.

    Attributes:
        places: external id → path on the site, without the prefix that all pages share.
        dialect: of its files.
    """

    def __init__(self, name: str, texts: Mapping[str, str], prefix: str = "") -> None:
        """Read where each of the texts, named by path, is published; `prefix`: of all pages, as "/docs"."""
        rule, self.dialect = _SITES[name]
        matters = {path: split(text) for path, text in texts.items()}
        self.places = {path: rule(path, matter) for path, matter in matters.items()}
        self._prefix = prefix
        self._files = set(texts)
        self._at: dict[str, str] = {}
        for path, place in self.places.items():
            self._at.setdefault(_key(place), path)
        for path, matter in matters.items():
            for key in ("aliases", "redirect_from"):
                for alias in matter.texts(key):
                    self._at.setdefault(_key(urljoin(self.places[path], alias)), path)
        self._labels: dict[str, str] = {}
        if self.dialect == "myst":
            for path, matter in matters.items():
                for label in _LABEL.findall(matter.body):
                    self._labels[label] = path

    def resolve_in(self, path: str) -> Resolve:
        """What a link in that file means."""
        return lambda link: self._resolve(path, link)

    def _resolve(self, path: str, link: str) -> str | None:
        target = self._target(path, link.strip())
        return None if target == path else target

    def _target(self, path: str, link: str) -> str | None:
        for pattern, meant in _LIQUID:
            link = pattern.sub(meant, link)
        if link.startswith("#") and len(link) > 1:
            return self._labels.get(unquote(link[1:]))
        kind, _, named = link.partition(":")
        named = named.partition("#")[0]
        if kind == "link":
            return named if named in self._files else None
        if kind == "post_url":
            return next(
                (file for file in self._files if re.search(rf"(?:^|/){re.escape(named)}\.\w+$", file)), None
            )
        if kind == "ref":
            link = named
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or not parts.path:
            return None
        place = unquote(parts.path)
        if place.startswith("/"):
            return self._absolute(place)
        below = posixpath.normpath(posixpath.join(posixpath.dirname(path), place))
        # Without the suffix of a file it is no file, but a place on the site.
        on_site = self._at.get(_key(urljoin(self.places[path], place)))
        if re.search(r"\.\w+$", place):
            return self._file(below) or on_site or self._at.get(_key(below))
        return on_site or self._file(below) or self._at.get(_key(below))

    def _absolute(self, place: str) -> str | None:
        if self._prefix and place.startswith(self._prefix + "/"):
            place = place.removeprefix(self._prefix)
        elif self._prefix:
            return None
        return self._at.get(_key(place)) or self._file(place.strip("/"))

    def _file(self, place: str) -> str | None:
        folder = place.rstrip("/")
        stem, dot, suffix = folder.rpartition(".")
        tried = [place, *(folder + end for end in _SUFFIXES)]
        if dot and suffix in ("md", "mdx", "html"):
            tried += [stem + end for end in _SUFFIXES]
        tried += [f"{folder}/{name}{end}" for name in ("index", "_index", "README") for end in _SUFFIXES]
        return next((path for path in tried if path in self._files), None)


def _key(place: str) -> str:
    place = unquote(place).partition("#")[0].partition("?")[0]
    for tail in ("index.html", ".html"):
        place = place.removesuffix(tail)
    return place.strip("/").lower()


def _parts(path: str) -> tuple[str, str]:
    folder, slash, name = path.rpartition("/")
    return folder + slash, name.rpartition(".")[0]


def _flux(path: str, matter: Matter) -> str:
    folder, stem = _parts(path)
    place = "/" + folder if stem in ("_index", "index") else f"/{folder}{stem}/"
    slug = matter.text("slug")
    if slug is not None and stem != "_index":
        place = posixpath.dirname(place.rstrip("/")).rstrip("/") + f"/{slug}/"
    return matter.text("url") or place.lower()


def _jekyll(path: str, matter: Matter) -> str:
    folder, stem = _parts(path)
    own = matter.text("permalink")
    post = re.match(r"_posts/(\d{4})-(\d\d)-(\d\d)-(.*)$", folder + stem)
    if own is not None:
        return own
    if post is not None:
        return "/news/{}/{}/{}/{}/".format(*post.groups())
    if path.startswith(("_docs/", "_tutorials/")):
        return f"/{folder[1:]}" if stem == "index" else f"/{folder[1:]}{stem}/"
    return f"/{folder}{stem}.html" if stem.lower() not in ("index", "readme") else "/" + folder


def _mkdocs(path: str, matter: Matter) -> str:
    folder, stem = _parts(path)
    dated = next((line for line in matter.lines if re.match(r"\s*(?:date|created): \d{4}", line)), None)
    if folder == "blog/posts/" and dated is not None:
        year, month, day = re.findall(r"\d+", dated)[:3]
        # The blog plugin takes the slug from the title, or as the front matter gives it.
        title = matter.text("slug") or _slugified(matter)
        return f"/blog/{year}/{month}/{day}/{title}/"
    return "/" + folder if stem in ("index", "README") else f"/{folder}{stem}/"


def _slugified(matter: Matter) -> str:
    title = matter.text("title")
    heading = re.search(r"^# (.*)$", matter.body, re.MULTILINE)
    text = title or (heading[1] if heading else "")
    return re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", text.lower()).strip())


def _myst(path: str, matter: Matter) -> str:
    return "/{}{}.html".format(*_parts(path))


def _docusaurus(path: str, matter: Matter) -> str:
    folder, stem = _parts(path)
    slug = matter.text("slug")
    if slug is not None:
        return slug if slug.startswith("/") else f"/{folder}{slug}"
    if stem.lower() in ("index", "readme", posixpath.basename(folder.rstrip("/")).lower()):
        return "/" + folder
    return f"/{folder}{matter.text('id') or stem}"


def _mdbook(path: str, matter: Matter) -> str:
    folder, stem = _parts(path)
    return f"/{folder}{'index' if stem == 'README' else stem}.html"


_SITES: dict[str, tuple[Callable[[str, Matter], str], str]] = {
    "flux-site": (_flux, "hugo"),
    "jekyll-docs": (_jekyll, "jekyll"),
    "mkdocs-material-docs": (_mkdocs, "mkdocs"),
    "myst-docs": (_myst, "myst"),
    "react-native-docs": (_docusaurus, "docusaurus"),
    "redux-docs": (_docusaurus, "docusaurus"),
    "rust-book": (_mdbook, "mdbook"),
}
