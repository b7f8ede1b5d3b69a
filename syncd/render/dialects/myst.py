"""MyST: directives in fences, roles, targets, comments."""

from __future__ import annotations

import re
from typing import NamedTuple

from syncd.render.dialects import containers, excerpt, tables
from syncd.render.dialects.blocks import (
    attribute_lists,
    close_callout,
    labelled,
    open_callout,
    outside_code,
    prefix_of,
    substitute,
    text_html,
)
from syncd.render.dialects.page import Page

_DIRECTIVE = re.compile(r"(`{3,}|~{3,}|:{3,})\{([\w:.+-]+)\}[ \t]*(.*?)[ \t]*$")
_HOLDER = re.compile(r"[ \t]*(?:[-*+:]|\d+[.)]|\[\^[^\]]+\]:)(?:[ \t]|$)")
_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)*(`{3,}|~{3,})[^`]*$")
_FIELD = re.compile(r"([ \t]*):([A-Za-z][\w ,.-]*):(?:[ \t]+(.*)|$)")
# A colon alone goes on with the value of the option before.
_OPTION = re.compile(r"[ \t>]*:(?:([\w-]+):|(?=[ \t]))[ \t]*(.*)$")
_CALLOUTS = frozenset(
    {
        "attention",
        "caution",
        "danger",
        "error",
        "hint",
        "important",
        "note",
        "seealso",
        "tip",
        "todo",
        "warning",
    }
)
_VERSIONS = {
    "versionadded": "New in version",
    "versionchanged": "Changed in version",
    "deprecated": "Deprecated since version",
    "versionremoved": "Removed in version",
}
_CODE = frozenset(
    {"code", "code-block", "code-cell", "sourcecode", "parsed-literal", "prompt", "highlight", "eval-rst"}
)
_FORMULAS = frozenset({"math", "mermaid", "graphviz", "digraph", "uml"})
_GENERATED = re.compile(r"auto|click|argparse|sphinx|typer|plot|jsonschema|myst-|docutils")
_NOTHING = frozenset(
    {
        "toctree",
        "contents",
        "tableofcontents",
        "raw",
        "index",
        "bibliography",
        "currentmodule",
        "module",
        "py:module",
        "meta",
        "role",
        "default-role",
    }
)
_PLAIN = frozenset(
    {
        "container",
        "div",
        "grid",
        "grid-item",
        "tab-set",
        "tabs",
        "only",
        "compound",
        "class",
        "figure-md",
        "tabbed-set",
    }
)
_INCLUDED = frozenset({"include", "literalinclude", "literal-include"})
_TITLED = re.compile(r"(.*?)[ \t]*<([^<>]*)>$", re.DOTALL)

_ROLES = substitute(
    r"\{(?P<role>[\w:.+-]+)\}(?P<roleticks>`+)(?P<content>(?:(?!\n[ \t]*\n).)+?)(?P=roleticks)(?!`)",
    lambda match: _role(match["role"], match["content"].strip()),
    sign="}`",
)
_NAMELESS = substitute(
    r"(?<!!)\[\]\((?P<href>[^()\s]+)\)",
    lambda match: f"[{_words(match['href'])}]({match['href']})",
    sign="[](",
)
_REFERENCES = substitute(
    r"<(?P<kind>inv|project|path|myst|xref|doc):(?P<where>[^<>\s]+)>",
    lambda match: (
        f"[{_words(match['where'])}]({match['where']})"
        if match["kind"] in ("project", "path")
        else _words(match["where"])
    ),
    sign="<",
)
_PROJECT = substitute(
    r"\]\(<?(?:project|path):(?P<where>[^()<>\s]+)>?\)", lambda match: f"]({match['where']})", sign=":"
)
_ANCHOR = re.compile(
    r"^[ \t>]*\((?P<label>[^()\n]+)\)=|\{[^{}\n#]*+#(?P<id>[\w:./-]++)"
    r"|^[ \t>]*:name:[ \t]*(?P<name>\S.*)|^[ \t>]*#{1,6}[ \t]+(?P<heading>[^{\n]+)",
    re.MULTILINE,
)
_TARGETS = re.compile(r"^[ \t>]*\([^()\n]+\)=[ \t]*$|^%.*$|^[ \t>]*(?:\+\+\+|\^{3,}).*$", re.MULTILINE)
_SUBSTITUTION = r"\{\{[ \t]*(?P<name>[\w.-]+)(?:[ \t]*\|[^{}]*)?[ \t]*\}\}"


class _Directive(NamedTuple):
    name: str
    argument: str
    options: dict[str, str]
    body: list[str]


def put_in(text: str, page: Page) -> str:
    """Directives that include; docutils and Sphinx 8, directives/misc.py and directives/code.py."""
    lines = text.split("\n")
    out: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        prefix = prefix_of(line)
        directive = _DIRECTIVE.match(line, len(prefix))
        fence = _FENCE.match(line)
        name = directive[2].lower() if directive is not None else ""
        end = index
        if directive is not None and _is_indented_code(lines, index):
            end = _indented_end(lines, index)
            out += lines[index : end + 1]
        elif directive is not None and name in _INCLUDED:
            end = _end(lines, index + 1, directive[1], len(prefix))
            read = _read(name, directive[3], lines[index + 1 : end])
            out += [prefix + each if each else "" for each in _file(read, page)]
        elif fence is not None and (directive is None or name in _CODE or name in _FORMULAS):
            end = _end(lines, index + 1, fence[1], fence.start(1))
            out += lines[index : end + 1]
        else:
            out.append(line)
        index = end + 1
    return "\n".join(out)


def _file(directive: _Directive, page: Page) -> list[str]:
    name, path, options, _ = directive
    places = page.site.at_home(path) if path.startswith("/") else [page.near(path)]
    literal = name != "include" or "literal" in options or "code" in options
    taken = page.take("include", path, places, part=repr(sorted(options.items())))
    if taken is None:
        return []
    text, file = taken
    chosen = _chosen(text if literal or options else file.body(text), options)
    if chosen is None:
        page.left_out("include", path, "the file has no such part")
        return []
    if not literal:
        return ["", *put_in(chosen, file).strip("\n").split("\n"), ""]
    language = (
        options.get("language") or options.get("code") or options.get("lang") or path.rpartition(".")[2]
    )
    code = excerpt.fenced(language, chosen).split("\n")
    return [*labelled("", options.get("caption", "")), *code]


def _chosen(text: str, options: dict[str, str]) -> str | None:
    """Apply the options that name a part of a file, in the order in which Sphinx does it."""
    lines = text.removesuffix("\n").split("\n")
    first, last = (_number(options.get(key)) for key in ("start-line", "end-line"))
    lines = lines[first:last]
    if "lines" in options:
        numbers = excerpt.ranges(options["lines"], "-")
        if numbers is None:
            return None
        lines = excerpt.lines_of("\n".join(lines), numbers).split("\n")
    for key, keeps in (("start-after", 0), ("start-at", 1)):
        if key in options:
            at = next((at for at, line in enumerate(lines) if options[key] in line), None)
            if at is None:
                return None
            lines = lines[at + 1 - keeps :]
    for key, keeps in (("end-before", 0), ("end-at", 1)):
        if key in options:
            at = next((at for at, line in enumerate(lines) if at and options[key] in line), len(lines))
            lines = lines[: at + keeps]
    if "pyobject" in options:
        return _object("\n".join(lines), options["pyobject"])
    return "\n".join(lines)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"-?\d{1,9}", text) else None


def _object(code: str, name: str) -> str | None:
    """Return a class or function of Python by its name: what is indented below its head."""
    kind = re.compile(rf"([ \t]*)(?:async[ \t]+def|def|class)[ \t]+{re.escape(name.rpartition('.')[2])}\b")
    lines = code.split("\n")
    start = next((at for at, line in enumerate(lines) if kind.match(line)), None)
    if start is None:
        return None
    depth = len(lines[start]) - len(lines[start].lstrip())
    end = start + 1
    while end < len(lines) and (not lines[end].strip() or lines[end][: depth + 1].strip() == ""):
        end += 1
    while start and lines[start - 1].lstrip().startswith("@"):
        start -= 1
    return "\n".join(lines[start:end]).rstrip()


def prepare(text: str, page: Page) -> str:
    """Directives become what they show, roles their text, targets and comments go."""
    here = _anchors(text)
    text = "\n".join(_expanded(text.split("\n"), page))
    text = containers.expand(text, containers.division)
    substitutions = _substitutions(page)

    def value(match: re.Match[str]) -> str:
        known = substitutions.get(match["name"])
        if known is None:
            page.left_out("value", match["name"])
        return known or ""

    known = substitute(_SUBSTITUTION, value, sign="{{")
    far = substitute(
        r"\]\(<?#(?P<label>[^()<>\n]+?)>?(?P<title>[ \t]+\"[^\"\n]*\")?\)",
        lambda match: match[0] if _key(match["label"]) in here else f"]({_elsewhere(match['label'])})",
        sign="](",
    )

    def inline(prose: str) -> str:
        for change in (known, _ROLES, _PROJECT, _REFERENCES, _NAMELESS, far, attribute_lists):
            prose = change(prose)
        return prose

    return outside_code(text, lambda prose: inline(_TARGETS.sub("", prose)))


def _anchors(text: str) -> frozenset[str]:
    """What a link within the page may name, as keys."""
    return frozenset(_key(next(filter(None, match.groups()), "")) for match in _ANCHOR.finditer(text))


def _key(label: str) -> str:
    return "".join(filter(str.isalnum, label.lower()))


def _elsewhere(label: str) -> str:
    """Return a link to the page that has the label, wherever it is, with the id that docutils makes of it."""
    return f"</{label}#{re.sub(r'[^a-z0-9]+', '-', label.lower()).strip('-')}>"


def _substitutions(page: Page) -> dict[str, str]:
    """What the site's settings and the page's own name, the latter winning."""
    settings = page.matter.values.get("myst")
    known = (
        settings.get("substitutions")
        if isinstance(settings, dict)
        else page.matter.values.get("substitutions")
    )
    own = known if isinstance(known, dict) else {}
    return {
        **dict(page.site.substitutions),
        **{key: text for key, text in own.items() if isinstance(text, str)},
    }


def _expanded(lines: list[str], page: Page) -> list[str]:
    out: list[str] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        prefix = prefix_of(line)
        directive = _DIRECTIVE.match(line, len(prefix))
        fence = _FENCE.match(line)
        if directive is not None and _is_indented_code(lines, index):
            end = _indented_end(lines, index)
            out += lines[index : end + 1]
        elif directive is not None:
            end = _end(lines, index + 1, directive[1], len(prefix))
            body = lines[index + 1 : end]
            out += _shown(prefix, _read(directive[2].lower(), directive[3], body), page)
        elif fence is not None:
            end = _end(lines, index + 1, fence[1], fence.start(1))
            out += lines[index : end + 1]
        else:
            end = index
            field = _FIELD.match(line)
            out.append(
                f"{field[1]}- **{field[2]}**: {field[3] or ''}".rstrip() if field is not None else line
            )
        index = end + 1
    return out


def _is_indented_code(lines: list[str], index: int) -> bool:
    """Whether a line stands four blanks deep after a gap, and in no list, definition or footnote."""
    if not lines[index].startswith("    ") or index == 0 or lines[index - 1].strip():
        return False
    width = _width(lines[index])
    for line in reversed(lines[:index]):
        if line.strip() and _width(line) < width:
            if _HOLDER.match(line):
                return False
            if not line[0].isspace():
                return True
            width = _width(line)
    return True


def _indented_end(lines: list[str], index: int) -> int:
    end = index
    while index < len(lines) and (not lines[index].strip() or lines[index].startswith("    ")):
        end = index if lines[index].strip() else end
        index += 1
    return end


def _width(line: str) -> int:
    return len(line) - len(line.lstrip())


def _end(lines: list[str], index: int, fence: str, width: int) -> int:
    """Return the index of the line that closes a fence; the number of lines if none does."""
    closing = re.compile(rf"[ \t>]{{0,{width + 3}}}{re.escape(fence[0])}{{{len(fence)},}}[ \t]*$")
    while index < len(lines) and not closing.match(lines[index]):
        index += 1
    return index


def _read(name: str, argument: str, lines: list[str]) -> _Directive:
    options: dict[str, str] = {}
    index = 0
    if lines and lines[0].strip(" \t>") == "---":
        index = 1
        while index < len(lines) and lines[index].strip(" \t>") != "---":
            key, _, value = lines[index].strip(" \t>").partition(":")
            options[key] = value.strip()
            index += 1
        index += 1
    else:
        key = ""
        while index < len(lines) and (match := _OPTION.match(lines[index])) is not None:
            key = match[1] or key
            value = match[2].strip().removeprefix(">").strip()
            options[key] = f"{options.get(key, '')} {value}".strip() if match[1] is None else value
            index += 1
    return _Directive(name, argument, options, lines[index:])


def _shown(prefix: str, directive: _Directive, page: Page) -> list[str]:
    name, argument, options, body = directive
    if name in _NOTHING:
        return [prefix.rstrip()]
    if name == "embed":
        page.left_out("include", argument)
        return [prefix.rstrip()]
    if name in _CODE or name in _FORMULAS:
        language = {"eval-rst": "rst"}.get(name) or (name if name in _FORMULAS else argument)
        caption = options.get("caption", "") or (argument if name in _FORMULAS and name != "math" else "")
        return [*labelled(prefix, caption), *_fenced(prefix, language, body)]
    if name in _CALLOUTS:
        # Text after a callout's name is the beginning of its body.
        first = [prefix + argument] if argument else []
        return [
            *open_callout(prefix, "see also" if name == "seealso" else name),
            *_expanded([*first, *body], page),
            *close_callout(prefix),
        ]
    if name == "admonition":
        kind = options.get("class", "").split()[:1]
        return [
            *open_callout(prefix, kind[0] if kind and kind[0] in _CALLOUTS else "", argument),
            *_expanded(body, page),
            *close_callout(prefix),
        ]
    if name in _VERSIONS:
        return [
            *open_callout(prefix, "", f"{_VERSIONS[name]} {argument}"),
            *_expanded(body, page),
            *close_callout(prefix),
        ]
    if name in ("image", "figure"):
        alt = [prefix.rstrip(), prefix + options["alt"]] if options.get("alt") else []
        return [*alt, prefix.rstrip(), *_expanded(body, page), prefix.rstrip()]
    if name in ("csv-table", "csvtable"):
        return [
            *labelled(prefix, argument),
            *tables.from_csv(prefix, options.get("header", ""), body),
            prefix.rstrip(),
        ]
    if name == "list-table":
        table = tables.from_list(prefix, int(options.get("header-rows") == "1"), body)
        if table is not None:
            return [*labelled(prefix, argument), *table, prefix.rstrip()]
    if name == "glossary":
        return [prefix.rstrip(), *_glossary(_expanded(body, page)), prefix.rstrip()]
    if name in _PLAIN:
        return [prefix.rstrip(), *_expanded(body, page), prefix.rstrip()]
    if _GENERATED.match(name) and not any(line.strip() for line in body):
        page.left_out(name, argument)
        return [prefix.rstrip()]
    title = argument or options.get("title", "")
    return [*labelled(prefix, title), *_expanded(body, page), prefix.rstrip()]


def _fenced(prefix: str, language: str, body: list[str]) -> list[str]:
    longest = max((len(run) for line in body for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{prefix}{fence}{language}", *body, prefix + fence]


def _glossary(lines: list[str]) -> list[str]:
    """Turn terms with indented explanations into a definition list."""
    out: list[str] = []
    first = True
    for line in lines:
        prefix = prefix_of(line)
        indented = len(prefix) - len(prefix.rstrip()) >= 2
        if indented and first:
            out.append(": " + line.strip())
            first = False
        else:
            out += ["", line] if line.strip() and not indented and out else [line]
            first = first or not indented
    return out


def _role(name: str, content: str) -> str:
    titled = _TITLED.match(content)
    shown = titled[1] if titled is not None and titled[1] else content
    target = titled[2] if titled is not None else content
    if name in ("kbd", "sub", "sup"):
        return f"<{name}>{text_html(content)}</{name}>"
    if name in ("subscript", "superscript"):
        return f"<{name[:3]}>{text_html(content)}</{name[:3]}>"
    if name == "doc":
        text = shown if titled is not None else _words(target)
        return f"[{text}](<{target}>)"
    if name in ("ref", "std:ref", "numref"):
        return f"[{shown if titled is not None else _words(content)}](<#{target}>)"
    if name in (
        "download",
        "any",
        "term",
        "std:term",
        "std:doc",
        "eq",
        "abbr",
        "external",
    ):
        return shown if titled is not None or name in ("term", "abbr", "std:term") else _words(content)
    if ":" in name or name in (
        "func",
        "class",
        "meth",
        "mod",
        "attr",
        "exc",
        "data",
        "obj",
        "const",
        "option",
        "confval",
        "code",
        "file",
        "command",
        "program",
        "envvar",
        "math",
        "literal",
    ):
        bare = shown.removeprefix("!")
        return f"`{bare.rpartition('.')[2] if bare.startswith('~') else bare}`"
    return shown


def _words(target: str) -> str:
    """Return what can be said of a target without looking it up."""
    name = target.rpartition("#")[2] or target
    name = name.rstrip("/").rpartition("/")[2]
    return re.sub(r"\.(?:md|ipynb|rst|html)$", "", name).replace("-", " ").replace("_", " ").removeprefix("~")
