"""A page as text on a terminal: what a reader of Fin's knowledge would see of it."""

from __future__ import annotations

import click
from lxml import html as lxml_html

from syncd.cli.text import one_line
from syncd.model import Page

_BLOCKS = {"p", "div", "ul", "ol", "table", "pre", "blockquote", "dl", "hr", "section", "figure"}


def print_page(page: Page) -> None:
    """Print title, URL and text."""
    click.secho(one_line(page.title), bold=True)
    click.echo(f"{page.url or 'no URL: Fin would not cite it'}\n")
    root = lxml_html.fragment_fromstring(page.html, create_parent="div")
    for line in _blocks(root):
        click.echo(line)


def _blocks(element: lxml_html.HtmlElement) -> list[str]:
    lines: list[str] = []
    inline = element.text or ""
    for child in element:
        if child.tag in _BLOCKS or str(child.tag) in {"h1", "h2", "h3", "h4", "h5", "h6"}:
            lines += _paragraph(inline)
            lines += _block(child)
            inline = child.tail or ""
        else:
            inline += _inline(child) + (child.tail or "")
    return lines + _paragraph(inline)


def _block(element: lxml_html.HtmlElement) -> list[str]:
    tag = str(element.tag)
    if tag[0] == "h" and tag[1:].isdigit():
        return [click.style("#" * int(tag[1:]) + " " + _text(element), bold=True), ""]
    if tag == "pre":
        return ["    " + _visible(line) for line in element.text_content().rstrip("\n").split("\n")] + [""]
    if tag == "blockquote":
        return ["│ " + line for line in _trimmed(_blocks(element))] + [""]
    if tag in {"ul", "ol"}:
        return [*_list(element, ordered=tag == "ol"), ""]
    if tag == "table":
        return [*_table(element), ""]
    if tag == "hr":
        return ["—" * 20, ""]
    return _blocks(element)


def _list(element: lxml_html.HtmlElement, *, ordered: bool) -> list[str]:
    lines: list[str] = []
    for number, entry in enumerate(element.iterchildren("li"), start=int(element.get("start") or 1)):
        mark = f"{number}. " if ordered else "• "
        body = [line for line in _trimmed(_blocks(entry)) if line] or [""]
        lines.append(mark + body[0])
        lines += [" " * len(mark) + line for line in body[1:]]
    return lines


def _table(element: lxml_html.HtmlElement) -> list[str]:
    rows = [[_text(cell) for cell in row.iterchildren("th", "td")] for row in element.iter("tr")]
    columns = max((len(row) for row in rows), default=0)
    widths = [max((len(row[at]) for row in rows if at < len(row)), default=0) for at in range(columns)]
    return [
        " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]


def _inline(element: lxml_html.HtmlElement) -> str:
    if element.tag == "br":
        return " "
    text = (element.text or "") + "".join(_inline(child) + (child.tail or "") for child in element)
    if element.tag == "a" and element.get("href"):
        return f"{text} <{element.get('href')}>"
    if element.tag == "code":
        return f"`{text}`"
    return text


def _text(element: lxml_html.HtmlElement) -> str:
    return _visible(" ".join(_inline(element).split()))


def _paragraph(text: str) -> list[str]:
    words = _visible(" ".join(text.split()))
    return [words, ""] if words else []


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[-1]:
        lines = lines[:-1]
    return lines


def _visible(text: str) -> str:
    return one_line(text.expandtabs(4))
