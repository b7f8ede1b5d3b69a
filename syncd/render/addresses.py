"""Where a documentation generator publishes a file, and under which other places links name it.

The path and the front matter of a document count, and of the generator's own configuration what `Site`
knows of it: where more of it changes an address, the source's `page_url` or the document's own keys have to
say so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from syncd.model import Document
from syncd.render import front_matter
from syncd.render.characters import normalise, one_line
from syncd.render.front_matter import SIZE_LIMIT, FrontMatter, Value
from syncd.render.rules import Rules
from syncd.render.site import Site
from syncd.render.urls import slug_of

XREF = "xref:"
"""Begins an alias that is a DocFX uid, and no place on the site."""

_LINE_END = r"(?:\r\n?|[\n\u2028\u2029\u0085\v\f])"
_CLOSING = {
    "---": re.compile(rf"{_LINE_END}(?:---|\.\.\.)[ \t]*(?:{_LINE_END}|\Z)"),
    "+++": re.compile(rf"{_LINE_END}\+\+\+[ \t]*(?:{_LINE_END}|\Z)"),
}
# Keys that only one generator reads.
_TELLING_KEYS = {
    "linkTitle": "hugo",
    "redirect_from": "jekyll",
    "sidebar_label": "docusaurus",
    "sidebar_position": "docusaurus",
}
_INDEX_STEMS = frozenset({"index", "readme"})
_FORM = re.compile(r"(?:/index)?\.html\Z|(?<=.)/\Z")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a document is published.

    Attributes:
        path: on the site, without host, leading slash or percent-encoding: "guides/setup/",
            "guides/setup.html", "" for the root.
        aliases: other places that lead to it, each with a leading slash, and "xref:" with its uid. A
            relative link may name it by its path too, wherever the site begins, so "/" + path is one of
            them if the file's name does not tell it.
        absolute: the whole URL that the document itself names.
    """

    path: str
    aliases: tuple[str, ...] = ()
    absolute: str | None = None


class _File(NamedTuple):
    path: str
    folder: str
    stem: str
    matter: FrontMatter
    body: str
    site: Site

    @classmethod
    def of(cls, path: str, matter: FrontMatter, body: str, site: Site) -> _File:
        folder, slash, name = path.rpartition("/")
        stem = name.rpartition(".")[0] or name
        return cls(path, folder + slash, stem, matter, body, site)

    def below(self, *roots: str) -> _File:
        """The file as seen from the first of these folders that it lies in."""
        for root in roots:
            if self.path.startswith(root):
                return self.of(self.path.removeprefix(root), self.matter, self.body, self.site)
        return self

    @property
    def date(self) -> re.Match[str] | None:
        """The day that the front matter names, as year, month and day."""
        value = self.matter.values.get("date")
        if isinstance(value, dict):
            value = value.get("created")
        return _DATE.match(value) if isinstance(value, str) else None


_Places = Iterable[str]
"""Where a file is published, then other places that lead to it."""


def address_of(document: Document, rules: Rules) -> Address:
    """Return where the generator of `rules.dialect` publishes a document.

    "auto" is the same as "none", unless the document itself leaves no doubt. Reads no further than the
    front matter, but for labels of MyST and titles of MkDocs' blog posts, and never raises.
    """
    matter = FrontMatter() if document.media_type == "text/plain" else _matter(document.body)
    path = _clean(document.path).rstrip("/")
    file = _File.of(path, matter, document.body, rules.site)
    dialect = _sure_dialect(file) if rules.dialect == "auto" else rules.dialect
    generator = _GENERATORS.get(dialect, _slug)
    if generator is not _slug and document.media_type != "text/markdown" and not matter.lines:
        generator = _copied
    places = [place if place.startswith(XREF) else "/" + _clean(place) for place in generator(file)]
    told_by_name = "/" + slug_of(path)
    aliases = dict.fromkeys(place for place in places if _FORM.sub("", place) != told_by_name)
    return Address(path=places[0][1:], aliases=tuple(aliases), absolute=_absolute(matter))


def _matter(body: str) -> FrontMatter:
    """Read the front matter alone: the text after it may be long."""
    opening = normalise(body[:16])[:3]
    if opening not in _CLOSING:
        return FrontMatter()
    # Of what is longer, nothing is read anyway.
    closing = _CLOSING[opening].search(body, 3, 2 * SIZE_LIMIT)
    head = body[: closing.end() if closing else 2 * SIZE_LIMIT]
    return front_matter.split(normalise(_encodable(head)))[0]


def _encodable(text: str) -> str:
    # The YAML parser wants UTF-8, and half of a surrogate pair has none.
    return text.encode("utf-8", "replace").decode()


def _sure_dialect(file: _File) -> str:
    if _POST.search("/" + file.path):
        return "jekyll"
    if file.stem == "_index":
        return "hugo"
    return next((name for key, name in _TELLING_KEYS.items() if key in file.matter.values), "none")


def _absolute(matter: FrontMatter) -> str | None:
    for key in ("canonical_url", "url"):
        url = matter.text(key)
        try:
            if url is not None and urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname:
                return url
        except ValueError:
            continue
    return None


def _clean(place: str) -> str:
    """Return a site path without a leading slash, empty and dot segments; a closing slash stays."""
    parts = [part for part in place.split("/") if part not in ("", ".", "..")]
    return "/".join(parts) + "/" * (bool(parts) and place.endswith("/"))


def _told(value: str | None) -> str | None:
    """Read a place that front matter names, which is written as in a URL; None for a whole URL."""
    if value is None or _SCHEME.match(value):
        return None
    return one_line(unquote(re.split("[?#]", value)[0])) or None


def _texts(value: Value | None) -> list[str]:
    """Read a key that takes one text or a list of them."""
    values = value if isinstance(value, list) else [value]
    return [text for each in values if isinstance(each, str) and (text := _told(each))]


def _joined(folder: str, place: str) -> str:
    """Join a place to the folder that it starts from, if it is relative, and resolve its dots."""
    if place.startswith("/"):
        return place
    parts: list[str] = folder.rstrip("/").split("/")
    for part in place.split("/"):
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _slug(file: _File) -> _Places:
    yield slug_of(file.path)


def _copied(file: _File) -> _Places:
    """A file that no generator rewrites; a server shows an index for its folder."""
    yield file.folder if file.path.endswith("index.html") and file.stem == "index" else file.path


def _mkdocs(file: _File) -> _Places:
    """MkDocs 1.6, use_directory_urls; posts as the blog plugin of Material 9 names them."""
    file = file.below("docs/")
    root, posts, _ = ("/" + file.folder).partition("/posts/")
    if posts and file.date:
        slug = _told(file.matter.text("slug")) or _post_slug(file) or file.stem
        yield "{}/{}/{:0>2}/{:0>2}/{}/".format(root, *file.date.groups(), slug)
    elif file.stem in ("index", "README"):
        yield file.folder
    else:
        yield file.folder + file.stem + "/"


_FIRST_HEADING = re.compile(r"^#[ \t]+(\S.*)", re.MULTILINE)
_MARKUP = re.compile(r"<[^<>]*>|[^\w\- ]")


def _post_slug(file: _File) -> str:
    """What pymdownx.slugs.slugify makes of the title, which is the first heading if none is told."""
    title = file.matter.text("title")
    if title is None:
        _, text = front_matter.split(normalise(_encodable(file.body)))
        heading = _FIRST_HEADING.search(text)
        title = heading[1] if heading is not None else ""
    return _MARKUP.sub("", one_line(title).lower()).strip().replace(" ", "-")


def _mdbook(file: _File) -> _Places:
    """mdBook 0.4; its index preprocessor turns README into index."""
    file = file.below("src/")
    stem = "index" if file.stem.lower() == "readme" else file.stem
    yield f"{file.folder}{stem}.html"


_DOCS_ROOT = re.compile(r"(?:website/)?(?:(docs)|versioned_docs/version-([^/]+))/")
_BLOG_ROOT = re.compile(r"(?:website/)?blog/")
_BLOG_FILE = re.compile(r"(.*?)(\d{4})[-/](\d{1,2})[-/](\d{1,2})[-/]?(.*?)(?:/index)?\Z")
_NUMBERED = re.compile(r"\A\d+\s*[-_.]+\s*(?=[^-_.\s])")
# "2024-01-02-x" and "1.2-x" begin with a date and with a version.
_NOT_NUMBERED = re.compile(r"(?:\d{2}|\d{4})[-_.]\d{2}|\d+[-_.]\d+")


def _docusaurus(file: _File) -> _Places:
    """Docusaurus 3, plugin-content-docs slug.ts and plugin-content-blog blogUtils.ts, default routes."""
    blog = _BLOG_ROOT.match(file.path)
    if blog is not None:
        yield "blog/" + _blog_slug(file.below(blog[0]))
        return
    docs = _DOCS_ROOT.match(file.path)
    root = ""
    if docs is not None:
        root = "docs/" if docs[1] else f"docs/{docs[2]}/"
        file = file.below(docs[0])
    folder = "".join(_unnumbered(part) + "/" for part in file.folder.split("/")[:-1])
    slug = _told(file.matter.text("slug"))
    name = _told(file.matter.text("id"))
    index_names = {"index", "readme", file.folder.rstrip("/").rpartition("/")[2].lower()}
    if slug is not None:
        place = _clean(_joined(folder, slug))
    elif file.stem.lower() in index_names:
        place = folder
    else:
        place = folder + (name or _unnumbered(file.stem))
    yield root + place
    if name is not None:
        yield root + folder + name
    if root in ("", "docs/"):
        # Where there are versions, the folder without one is published there too.
        yield "docs/next/" + place


def _blog_slug(file: _File) -> str:
    slug = _told(file.matter.text("slug"))
    if slug is not None:
        return slug
    dated = _BLOG_FILE.match(file.folder + file.stem)
    if dated is None:
        return file.folder if file.stem == "index" else file.folder + file.stem
    folder, year, month, day, rest = dated.groups()
    return f"{year}/{month}/{day}/{folder}{rest}"


def _unnumbered(name: str) -> str:
    return name if _NOT_NUMBERED.match(name) else _NUMBERED.sub("", name)


_POST = re.compile(r"/_posts/(?:.*/)?(\d{4})-(\d{1,2})-(\d{1,2})-[^/]+\Z")
_COLLECTION = re.compile(r"(?:^|.*?/)_([^/]+)/(.*)\Z")
_VARIABLE = re.compile(r":([a-z_]+)")
_STYLES = {
    "date": "/:categories/:year/:month/:day/:title.html",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "none": "/:categories/:title.html",
}


def _jekyll(file: _File) -> _Places:
    """Jekyll 4; posts and collections as folders, as most sites set them."""
    yield _permalink(file) or _configured(file) or _jekyll_default(file)
    yield from _texts(file.matter.values.get("redirect_from"))


def _jekyll_default(file: _File) -> str:
    if _POST.search("/" + file.path):
        return _filled(_STYLES["pretty"], file) or file.path
    collection = _COLLECTION.match(file.path)
    if collection is not None:
        inner = slug_of(collection[2])
        return f"{collection[1]}/{inner}/"
    if file.stem.lower() in _INDEX_STEMS:
        return file.folder
    return f"{file.folder}{file.stem}.html"


def _configured(file: _File) -> str | None:
    """What the site's configuration says of the collection that a file is in."""
    templates = dict(file.site.permalinks)
    if _POST.search("/" + file.path):
        template = templates.get("posts")
    elif (collection := _COLLECTION.match(file.path)) is not None:
        template = templates.get(collection[1])
    else:
        # Of pages that are in none, the form of a post's address only decides on the ending.
        template = templates.get("", "")
        folders = template == "pretty" or template.endswith("/")
        return f"{file.folder}{file.stem}/" if folders and file.stem.lower() not in _INDEX_STEMS else None
    return None if template is None else _filled(_STYLES.get(template, template), file)


def _permalink(file: _File) -> str | None:
    link = _told(file.matter.text("permalink"))
    if link is None:
        return None
    return _filled(_STYLES.get(link, link), file)


def _filled(template: str, file: _File) -> str | None:
    """Put values into the variables of a permalink; None if one of them cannot be told."""
    values = {
        "basename": file.stem,
        "categories": "/".join(_categories(file)),
        "output_ext": ".html",
        "path": file.folder + file.stem,
        "name": file.stem,
    }
    title = file.stem
    date = file.date
    post = _POST.search("/" + file.path)
    if post is not None:
        date = date or post
        title = file.stem.split("-", 3)[3]
    collection = _COLLECTION.match(file.path)
    if collection is not None:
        values |= {"collection": collection[1], "path": collection[2].rpartition(".")[0]}
    if date is not None:
        year, month, day = date.groups()
        values |= {"year": year, "short_year": year[2:], "month": f"{month:0>2}", "day": f"{day:0>2}"}
        values |= {"i_month": month.lstrip("0"), "i_day": day.lstrip("0")}
    values["title"] = values["slug"] = _told(file.matter.text("slug")) or title
    if not all(name in values for name in _VARIABLE.findall(template)):
        return None
    return _VARIABLE.sub(lambda match: values[match[1]], template)


def _categories(file: _File) -> list[str]:
    """The folders above _posts, and what the front matter says: one word or a list."""
    above, posts, _ = file.path.rpartition("_posts/")
    named = file.matter.values.get("categories", file.matter.values.get("category"))
    words = named.split() if isinstance(named, str) else _texts(named)
    folders = [part for part in above.split("/") if part] if posts else []
    return [re.sub(r"\W+", "-", word.lower()).strip("-") for word in [*folders, *words]]


_URLIZED = re.compile(r"[!\"$&'()*,:;<=>?\[\\\]^`{|}]")


def _hugo(file: _File) -> _Places:
    """Hugo 0.150, default permalinks; English is its default language, which has no prefix."""
    file = file.below("content/").below("en/")
    section = file.stem == "_index"
    place = file.folder if section or file.stem == "index" else file.folder + file.stem + "/"
    slug = _told(file.matter.text("slug"))
    if slug is not None and not section:
        place = place.rstrip("/").rpartition("/")[0] + f"/{slug}/"
    place = _told(file.matter.text("url")) or _urlized(place)
    yield place
    parent = place.rstrip("/").rpartition("/")[0]
    for alias in _texts(file.matter.values.get("aliases")):
        yield _joined(parent, alias)


def _urlized(place: str) -> str:
    return _URLIZED.sub("", re.sub(r"\s+", "-", place)).lower()


def _github_wiki(file: _File) -> _Places:
    """GitHub wikis have one flat name space, whatever the folder."""
    yield file.stem.replace(" ", "-")


def _html(file: _File) -> _Places:
    """Sphinx and DocFX keep the file's name."""
    yield f"{file.folder}{file.stem}.html"


_LABEL = re.compile(r"^[ \t>]*\(([^()\s][^()\r\n]*)\)=[ \t]*\r?$", re.MULTILINE)


def _myst(file: _File) -> _Places:
    """MyST-Parser 4: links name a page by any label in it, from whatever folder."""
    yield from _html(file.below("docs/"))
    yield from _LABEL.findall(file.body)


def _docfx(file: _File) -> _Places:
    yield from _html(file)
    uid = file.matter.text("uid")
    if uid is not None and not uid.startswith("/"):
        yield XREF + uid


def _obsidian(file: _File) -> _Places:
    """Obsidian Publish: blanks may stand as "+", and aliases are names that a note had before."""
    named = file.folder + file.stem
    yield _told(file.matter.text("permalink")) or named
    if " " in named:
        yield named.replace(" ", "+")
    yield from _texts(file.matter.values.get("aliases"))


_GENERATORS: dict[str, Callable[[_File], _Places]] = {
    "docfx": _docfx,
    "docusaurus": _docusaurus,
    "github_wiki": _github_wiki,
    "hugo": _hugo,
    "jekyll": _jekyll,
    "mdbook": _mdbook,
    "mkdocs": _mkdocs,
    "myst": _myst,
    "obsidian": _obsidian,
}
