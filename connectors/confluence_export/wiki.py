"""Wiki markup of Confluence 3 and older → storage format.

Macros and what must stay literal are taken out first and stand as marks in the text, so that blocks are told
by lines and formatting by words without either looking into the other.
"""

from __future__ import annotations

import re
from html import escape
from typing import NamedTuple

from syncd.errors import ItemError

_RAW = frozenset(("code", "noformat", "html", "style", "script", "javascript", "latex", "mathblock"))
_PAIRED = frozenset(
    """
    panel info note tip warning quote color section column expand excerpt details bgcolor align center div
    span card deck cloak toggle-cloak table tr td th thead tbody table-plus hidden-data highlight lozenge
    toc-zone scroll-ignore list-data indent sub-section composition-setup
    """.split()  # noqa: SIM905 - as words it can be read
)
_INLINE_MACROS = frozenset(("color", "anchor", "status", "jira", "jiraissue", "span", "highlight"))
_MACRO = re.compile(r"(?<!\\)\{([A-Za-z][\w-]*)((?::[^{}\n]*)?)\}")
_MARK = re.compile("\ue000(\\d+)\ue001")
_BLOCK_LINE = re.compile("\\s*(?:\ue000\\d+\ue001\\s*)+")
_HEADING = re.compile(r"\s*h([1-6])\.\s*(.*)")
_ITEM = re.compile(r"\s*([*#-]+)\s+(.*)")
_RULE = re.compile(r"\s*-{4,}\s*")
_IMAGE = re.compile(r"(?<![\w!\\])!([^\s!|][^\n!|]*)(?:\|([^\n!]*))?!(?![\w!])")
_LINK = re.compile(r"(?<!\\)\[([^\[\]\n]+)\]")
_MONO = re.compile(r"(?<!\\)\{\{(.{1,500}?)\}\}")
_ESCAPE = re.compile(r"\\([{}\[\]*_?+^~!|#-])")
_BREAK = re.compile(r"\\\\(?!\\)\s?")
_ADDRESS = re.compile(
    r"(?<![\w\"'>=/])((?:https?|ftp)://[^\s|<>\]\[\ue000{}]+[^\s|<>\]\[\ue000{}.,;:!?)'\"])"
)
_FACES = {
    ":)": "smile",
    ":(": "sad",
    ":P": "cheeky",
    ":D": "laugh",
    ";)": "wink",
    "(y)": "thumbs-up",
    "(n)": "thumbs-down",
    "(i)": "information",
    "(/)": "tick",
    "(x)": "cross",
    "(!)": "warning",
    "(+)": "plus",
    "(-)": "minus",
    "(?)": "question",
    "(on)": "light-on",
    "(off)": "light-on",
    "(*)": "yellow-star",
}
_FACE = re.compile(r"(?<!\w)(?:" + "|".join(re.escape(face) for face in _FACES) + r")(?!\w)")
_SIGNS = (("*", "strong"), ("_", "em"), ("??", "em"), ("-", "del"), ("+", "u"))


def _style(sign: str) -> re.Pattern[str]:
    mark, first = re.escape(sign), re.escape(sign[0])
    return re.compile(rf"(?<![\w{first}\\]){mark}(?=\S)([^\n]{{0,300}}?\S)(?<!\\){mark}(?![\w{first}])")


_STYLES = (
    *((_style(sign), tag) for sign, tag in _SIGNS),
    (re.compile(r"\^([^\s^]{1,200})\^"), "sup"),
    (re.compile(r"(?<![\w/])~([^\s~]{1,200})~"), "sub"),
)
_MOST_CHARACTERS = 500_000
_DEEPEST_LIST = 30


class _Cut(NamedTuple):
    """What was taken out of the text, in storage format, and whether it stands on its own lines."""

    xml: str
    block: bool


def to_storage(markup: str) -> str:
    """Return a body in storage format; raises ItemError if it is longer than people write."""
    if len(markup) > _MOST_CHARACTERS:
        raise ItemError(
            f"the page holds {len(markup)} characters of wiki markup, more than {_MOST_CHARACTERS}"
        )
    text = markup.replace("\r\n", "\n").replace("\r", "\n").translate({0xE000: None, 0xE001: None})
    return _Page().blocks(text)


class _Page:
    def __init__(self) -> None:
        self._cuts: list[_Cut] = []

    def blocks(self, text: str) -> str:
        """Write text as blocks."""
        lines = self._take_macros(text).split("\n")
        out: list[str] = []
        paragraph: list[str] = []

        def flush() -> None:
            if any(line.strip() for line in paragraph):
                out.append("<p>" + "<br/>".join(self._inline(line) for line in paragraph) + "</p>")
            paragraph.clear()

        at = 0
        while at < len(lines):
            line = lines[at]
            heading, item = _HEADING.fullmatch(line), _ITEM.match(line)
            if not line.strip():
                flush()
            elif heading is not None:
                flush()
                out.append(f"<h{heading[1]}>{self._inline(heading[2])}</h{heading[1]}>")
            elif _RULE.fullmatch(line):
                flush()
                out.append("<hr/>")
            elif line.lstrip().startswith("bq. "):
                flush()
                out.append(f"<blockquote><p>{self._inline(line.lstrip()[4:])}</p></blockquote>")
            elif line.lstrip().startswith("|"):
                flush()
                html, at = self._table(lines, at)
                out.append(html)
                continue
            elif item is not None and not _RULE.fullmatch(line):
                flush()
                html, at = self._list(lines, at)
                out.append(html)
                continue
            elif _BLOCK_LINE.fullmatch(line) and all(self._cuts[int(n)].block for n in _MARK.findall(line)):
                flush()
                out.append(self._put_back(line.strip()))
            else:
                paragraph.append(line)
            at += 1
        flush()
        return "".join(out)

    def _cut(self, xml: str, *, block: bool = False) -> str:
        self._cuts.append(_Cut(xml, block))
        return f"\ue000{len(self._cuts) - 1}\ue001"

    def _put_back(self, text: str) -> str:
        return _MARK.sub(lambda match: self._cuts[int(match[1])].xml, text)

    def _take_macros(self, text: str) -> str:
        out: list[str] = []
        endless: set[str] = set()
        at = 0
        while (found := _MACRO.search(text, at)) is not None:
            if text[found.start() - 1 : found.start()] == "{" and text[found.end() : found.end() + 1] == "}":
                # {{word}} is type-writer text, not a macro.
                out.append(text[at : found.end()])
                at = found.end()
                continue
            out.append(text[at : found.start()])
            name = found[1].lower()
            body: str | None = None
            at = found.end()
            if (name in _RAW or name in _PAIRED) and found[1] not in endless:
                closing = re.compile(r"(?<!\\)\{" + re.escape(found[1]) + r"\}").search(text, at)
                if closing is None:
                    endless.add(found[1])
                else:
                    body = text[at : closing.start()]
                    at = closing.end()
            out.append(self._macro(name, found[2][1:], body))
        out.append(text[at:])
        return "".join(out)

    def _macro(self, name: str, given: str, body: str | None) -> str:
        parameters = []
        for number, part in enumerate(given.split("|") if given else []):
            key, equals, value = part.partition("=")
            if not equals:
                key, value = ("language" if name == "code" and number == 0 else ""), part
            parameters.append(
                f'<ac:parameter ac:name="{escape(key.strip())}">{escape(value.strip())}</ac:parameter>'
            )
        inside = ""
        if body is not None and name in _RAW:
            inside = f"<ac:plain-text-body>{escape(body)}</ac:plain-text-body>"
        elif body is not None:
            rich = self.blocks(body)
            if name in _INLINE_MACROS and rich.count("<p>") == 1 and rich.startswith("<p>"):
                return self._cut(rich[3:-4])
            inside = f"<ac:rich-text-body>{rich}</ac:rich-text-body>"
        inside = "".join(parameters) + inside
        xml = f'<ac:structured-macro ac:name="{escape(name)}">{inside}</ac:structured-macro>'
        return self._cut(xml, block=name not in _INLINE_MACROS)

    def _list(self, lines: list[str], at: int) -> tuple[str, int]:
        """Write the list that begins at a line; return it and the line after it."""
        out: list[str] = []
        open_signs = ""
        while at < len(lines):
            item = _ITEM.match(lines[at])
            if item is None or _RULE.fullmatch(lines[at]):
                if (
                    not lines[at].strip()
                    or _HEADING.fullmatch(lines[at])
                    or lines[at].lstrip().startswith("|")
                ):
                    break
                out.append("<br/>" + self._inline(lines[at]))
                at += 1
                continue
            signs = item[1].replace("-", "*")[:_DEEPEST_LIST]
            same = 0
            while same < min(len(signs), len(open_signs)) and signs[same] == open_signs[same]:
                same += 1
            closed = open_signs[same:]
            out += [f"</li></{_list_tag(sign)}>" for sign in reversed(closed)]
            opened = signs[same:]
            if not opened:
                out.append("</li><li>")
            out += [f"<{_list_tag(sign)}><li>" for sign in opened]
            open_signs = signs
            out.append(self._inline(item[2]))
            at += 1
        out += [f"</li></{_list_tag(sign)}>" for sign in reversed(open_signs)]
        return "".join(out), at

    def _table(self, lines: list[str], at: int) -> tuple[str, int]:
        rows: list[str] = []
        while at < len(lines) and lines[at].lstrip().startswith("|"):
            row = lines[at].strip()
            at += 1
            # A cell may go on in the next lines.
            while (
                at < len(lines)
                and not row.endswith("|")
                and lines[at].strip()
                and lines[at].lstrip()[0] != "|"
            ):
                row += "\n" + lines[at]
                at += 1
            rows.append(row)
        return "<table><tbody>" + "".join(map(self._row, rows)) + "</tbody></table>", at

    def _row(self, row: str) -> str:
        # Bars inside links and images do not end a cell.
        row = self._take_inline(row)
        parts = re.split(r"(\|\|?)", row)
        cells: list[str] = []
        for sign, text in zip(parts[1::2], parts[2::2], strict=True):
            if sign == parts[-2] and text is parts[-1] and not text.strip():
                break
            tag = "th" if sign == "||" else "td"
            cells.append(
                f"<{tag}>{'<br/>'.join(self._inline(line) for line in text.strip().splitlines())}</{tag}>"
            )
        return "<tr>" + "".join(cells) + "</tr>"

    def _take_inline(self, text: str) -> str:
        text = _MONO.sub(lambda match: self._cut(f"<code>{escape(match[1])}</code>"), text)
        text = _BREAK.sub(lambda _: self._cut("<br/>"), text)
        text = _ESCAPE.sub(lambda match: self._cut(escape(match[1])), text)
        text = _IMAGE.sub(self._image, text)
        text = _LINK.sub(self._link, text)
        return _ADDRESS.sub(
            lambda match: self._cut(f'<a href="{escape(match[1])}">{escape(match[1])}</a>'), text
        )

    def _inline(self, text: str) -> str:
        text = self._take_inline(text)
        text = _FACE.sub(lambda match: self._cut(f'<ac:emoticon ac:name="{_FACES[match[0]]}"/>'), text)
        text = escape(text, quote=False)
        text = re.sub(r"(?<=\s)---(?=\s)", "\u2014", text)
        text = re.sub(r"(?<=\s)--(?=\s)", "\u2013", text)
        for pattern, tag in _STYLES:
            text = pattern.sub(rf"<{tag}>\1</{tag}>", text)
        # Cuts may hold marks of their own: links in a coloured word.
        while _MARK.search(text):
            text = self._put_back(text)
        return text

    def _image(self, match: re.Match[str]) -> str:
        name, given = match[1].strip(), match[2] or ""
        alt = re.search(r"(?:^|,)\s*alt\s*=\s*\"?([^,\"]+)", given)
        mark = f' ac:alt="{escape(alt[1].strip())}"' if alt else ""
        if "://" in name:
            return self._cut(f'<ac:image{mark}><ri:url ri:value="{escape(name)}"/></ac:image>')
        file = name.rpartition("^")[2]
        return self._cut(f'<ac:image{mark}><ri:attachment ri:filename="{escape(file)}"/></ac:image>')

    def _link(self, match: re.Match[str]) -> str:
        alias, bar, rest = match[1].partition("|")
        target = (rest if bar else alias).partition("|")[0].strip()
        shown = self._styled(alias) if bar else ""
        if re.match(r"(?:https?|ftp|mailto|file):", target):
            text = shown or escape(target.removeprefix("mailto:"))
            return self._cut(f'<a href="{escape(target)}">{text}</a>')
        if target.startswith("~"):
            user = f'<ac:link><ri:user ri:username="{escape(target[1:])}"/>{_body(shown)}</ac:link>'
            return self._cut(user)
        page, _, anchor = target.partition("#")
        mark = f' ac:anchor="{escape(anchor)}"' if anchor else ""
        if not page:
            return self._cut(f"<ac:link{mark}>{_body(shown)}</ac:link>")
        page, caret, file = page.partition("^")
        if caret:
            resource = f'<ri:attachment ri:filename="{escape(file)}"/>'
            return self._cut(f"<ac:link>{resource}{_body(shown)}</ac:link>")
        space, colon, title = page.partition(":")
        if not colon or " " in space or not title:
            space, title = "", page
        key = f' ri:space-key="{escape(space)}"' if space else ""
        resource = f'<ri:page ri:content-title="{escape(title.strip())}"{key}/>'
        return self._cut(f"<ac:link{mark}>{resource}{_body(shown)}</ac:link>")

    def _styled(self, text: str) -> str:
        text = escape(text.strip(), quote=False)
        for pattern, tag in _STYLES:
            text = pattern.sub(rf"<{tag}>\1</{tag}>", text)
        return text


def _list_tag(sign: str) -> str:
    return "ol" if sign == "#" else "ul"


def _body(shown: str) -> str:
    return f"<ac:link-body>{shown}</ac:link-body>" if shown else ""
