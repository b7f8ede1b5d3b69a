"""Content that nobody should have written, through the real command: what arrives, and what is told.

Numbers such as B24 are those of tests/bad_inputs.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Done, Workplace
from tests.connectors.confluence_export.builders import HtmlPage, html_files, write_zip, zipped
from tests.program import MAIN

GOOD = {f"good-{number}.md": f"# Good {number}\n\nText {number}.\n" for number in range(3)}

CPU_LIMIT_S = 10
MEMORY_LIMIT_BYTES = 300 * 1024**2

LIMITED = """
import json, resource, subprocess, sys
limit_s = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
code = subprocess.call([sys.executable, "-c", *sys.argv[2:]])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_maxrss, used.ru_utime + used.ru_stime]), file=sys.stderr)
"""
"""Runs code where it, and each of its children, is ended after so many seconds, and tells what they used.

A process of its own does so, since one that is forked counts the memory of its parent as its own.
"""


def limited(
    code: str, *arguments: str, limit_s: int = CPU_LIMIT_S, **options: Any
) -> tuple[Done, int, float]:
    """Run code; return how it ended, the bytes of its largest process and the seconds of all of them."""
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit_s), code, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        **options,
    )
    *err, told = ended.stderr.splitlines()
    status, largest, seconds = json.loads(told)
    return Done(status, ended.stdout, "\n".join(err)), largest * 1024, seconds


def limited_sync(workplace: Workplace) -> Done:
    """Sync within ten seconds and 300 MB."""
    done, largest_bytes, seconds = limited(
        MAIN, "sync", "--json", cwd=workplace.home, env=workplace.environment
    )
    assert largest_bytes < MEMORY_LIMIT_BYTES
    assert seconds < CPU_LIMIT_S
    assert "Traceback" not in done.err
    return done


def failures(workplace: Workplace) -> dict[str, str]:
    listed = workplace.process("pages", "--skipped", "--json").document["skipped"]
    return {line["external_id"]: line["reason"] for line in listed}


KNOTS: Mapping[str, str | bytes] = {
    "quotes.md": ">" * 5000 + " deep\n",
    "lists.md": "- " * 500 + "deep\n",
    "brackets.md": "[" * 13_000 + "\n",
    "pictures.md": "![[]()" * 4000 + "\n",
    "stars.md": "*a **b " * 20_000 + "\n",
    "backticks.md": "".join("`" * (number % 50 + 1) + "a" for number in range(20_000)) + "\n",
    "comment.md": "<!--" * 50_000 + "\n",
    "table.md": "|a" * 5000 + "|\n" + "|-" * 5000 + "|\n" + "|b" * 5000 + "|\n",
    "entities.md": "&#x26" * 100_000 + "\n",
    "divs.html": "<div>" * 50_000 + "deep" + "</div>" * 50_000,
    "spans.html": "<span>" * 50_000 + "deep",
    "tables.html": "<table><tr><td>" * 10_000 + "deep",
    "line.md": "word " * 390_000,
    "base64.md": "# A\n\nText ![x](data:image/png;base64," + "QUJD" * 6000 + ")\n",
    "bomb.md": "---\na: &a [x, x]\n"
    + "".join(f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdefghi", "bcdefghij", strict=True))
    + "---\n# Bomb\n\nText.\n",
    "matter.md": "---\n" + "a: b\n" * 100_000 + "---\n# Matter\n\nText.\n",
    "nested.md": "---\na: " + "[" * 10_000 + "\n---\n# Nested\n\nText.\n",
}


def test_knots_cost_little_and_the_rest_is_synced(workplace: Workplace) -> None:
    """B6, B26, B27, B28, B29, B67: each arrives whole or is named with its reason."""
    # So many others that the bad ones are the exception, and do not stop the run.
    others = {f"a{number}.md": f"# Page {number}\n\nText.\n" for number in range(60)}
    workplace.write({**GOOD, **others, **KNOTS, "long.md": "word " * 2_000_000})
    with open(workplace.docs / "huge.md", "wb") as huge:
        huge.truncate(200 * 1024**2)

    done = limited_sync(workplace)

    assert done.code == 3
    published, told = set(workplace.pages()), failures(workplace)
    assert (
        GOOD.keys()
        | others.keys()
        | {"base64.md", "bomb.md", "matter.md", "nested.md", "lists.md"} - set(told)
        <= published
    )
    assert {*KNOTS, "long.md", "huge.md"} <= published | set(told)
    assert {"divs.html", "long.md", "huge.md"} <= set(told)
    for name in ("quotes.md", "lists.md", "divs.html", "spans.html", "tables.html"):
        assert name in told or "deep" in workplace.pages()[name].html


def exported(*pages: HtmlPage) -> dict[str, bytes]:
    return html_files([HtmlPage(id="1", title="Good"), *pages])


def wiki(workplace: Workplace) -> Path:
    del workplace.settings["root"]
    workplace.configure(connector="confluence_export", path="export.zip")
    return workplace.home / "export.zip"


def test_hostile_members_of_an_export_cost_little_and_the_rest_is_synced(workplace: Workplace) -> None:
    """B44, B45, B56, B67: a bomb, names that lead out, a link, and a page that is nested without end."""
    path = wiki(workplace)
    pages = [HtmlPage(id="2", title="Bomb"), HtmlPage(id="3", title="Deep", body="<div>" * 50_000 + "x")]
    files = exported(*pages)
    files["DOC/Bomb_2.html"] += b" " * (200 << 20)
    files["../../evil_9.html"] = b"<p>evil</p>"
    files["/tmp/evil_8.html"] = b"<p>evil</p>"
    write_zip(path, files)
    link = zipfile.ZipInfo("DOC/link_7.html")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")

    done = limited_sync(workplace)

    assert done.code == 3
    assert list(workplace.pages()) == ["1"]
    assert not list(workplace.home.parent.rglob("*evil*"))
    assert "/etc/passwd" not in done.out


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + b"".join(
        b'<!ENTITY %c "%s">' % (new, b"&%c;" % old * 10)
        for old, new in zip(b"abcdefgh", b"bcdefghi", strict=True)
    )
    + b"]><hibernate-generic>&i;</hibernate-generic>"
)


def overlapping() -> bytes:
    data = bytearray(zipped({f"DOC/P_{number}.html": b"x" * 100_000 for number in range(50)}))
    at = first = data.find(b"PK\x01\x02")
    while (at := data.find(b"PK\x01\x02", at + 4)) >= 0:
        data[at + 42 : at + 46] = data[first + 42 : first + 46]
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [overlapping(), zipped({"entities.xml": LAUGHS}), zipped({"entities.xml": b"<a>" * 5_000_000})],
    ids=["B44 overlap", "B47 billion laughs", "B44 ratio"],
)
def test_hostile_export_is_refused_and_the_other_source_is_synced(workplace: Workplace, data: bytes) -> None:
    """Nothing of it is believed; it costs little, and no other source waits for it."""
    (workplace.home / "export.zip").write_bytes(data)
    workplace.write(GOOD)
    wanted = {
        "name": "wiki",
        "connector": "confluence_export",
        "path": "export.zip",
        "import_source": {"url": "https://wiki.example.com"},
    }
    workplace.config.write_text(
        json.dumps({"intercom": workplace.intercom, "sources": [wanted, workplace.settings]})
    )

    done = limited_sync(workplace)

    assert done.code == 6
    assert [source["result"] for source in done.document["sources"]] == ["failed", "ok"]
    assert set(workplace.pages()) == set(GOOD)


EMPTY = {
    "nothing.md": "",
    "blanks.md": " \n\t\n",
    "matter.md": "---\ntitle: A\n---\n",
    "comment.md": "<!-- a -->\n",
    "mark.md": "\ufeff\n",
    "invisible.md": "\u200b\n",
}


def test_files_without_text_are_left_out_and_keep_what_was_published(workplace: Workplace) -> None:
    """B23: never published, it is no failure; published, its page stays and somebody is told."""
    old = {f"old-{name}": text for name, text in EMPTY.items()}
    many = {f"many-{number}.md": "# Many\n\nText.\n" for number in range(60)}
    workplace.write({**GOOD, **many, **EMPTY, **dict.fromkeys(old, "# Page\n\nText.\n")})
    assert workplace.sync()["skipped"] == len(EMPTY)
    workplace.writes()
    workplace.write(old)

    done = workplace.process("sync")

    assert (done.code, workplace.writes()) == (3, [])
    assert set(workplace.pages()) == {*GOOD, *many, *old}
    assert set(failures(workplace)) == {*EMPTY, *old}
    assert all("empty page" in reason for reason in failures(workplace).values())


TEXT = "# Title\n\nOne line\nand another é.\n\n- a\n- b\n"
ENCODED: Mapping[str, bytes] = {
    "lf": TEXT.encode(),
    "bom": b"\xef\xbb\xbf" + TEXT.encode(),
    "utf16": TEXT.encode("utf-16"),
    "utf16be": b"\xfe\xff" + TEXT.encode("utf-16-be"),
    "crlf": TEXT.replace("\n", "\r\n").encode(),
    "cr": TEXT.replace("\n", "\r").encode(),
    "separator": TEXT.replace("\n", "\u2028").encode(),
    "feed": TEXT.replace("\n\n", "\n\f\n").encode(),
}


def test_encodings_and_line_ends_arrive_alike(workplace: Workplace) -> None:
    """B24, B25: what a reader sees is the same, so what is sent is."""
    workplace.write({f"{name}.md": data for name, data in ENCODED.items()})

    workplace.sync()

    assert len({page.html for page in workplace.pages().values()}) == 1
    assert {page.title for page in workplace.pages().values()} == {"Title"}


NO_TEXT = {
    "latin-1.md": (b"# A\n\ncaf\xe9\n", "not valid UTF-8 at byte 8 (0xe9)"),
    "cut.md": (b"\xff\xfe" + "ab".encode("utf-16-le") + b"\x00\xd8", "not valid UTF-16-LE at byte 6"),
    "mixed.md": (("# A\n\n" + "é" * 10).encode() + b"\xe9\n", "not valid UTF-8 at byte 25 (0xe9)"),
    "nul.md": (b"# A\n\na\0b\n", "a NUL character at byte 6"),
    "surrogate.md": (b"# A\n\n\xed\xa0\x80\n", "not valid UTF-8 at byte 5 (0xed)"),
}


def test_what_is_not_text_is_named_with_its_byte(workplace: Workplace) -> None:
    """B24: no replacement character ever arrives."""
    workplace.write({**GOOD, **{name: data for name, (data, _) in NO_TEXT.items()}})

    assert workplace.process("sync").code == 3

    assert set(workplace.pages()) == set(GOOD)
    told = failures(workplace)
    assert [name for name, (_, reason) in NO_TEXT.items() if reason not in told[name]] == []


TITLES = {
    "long.md": ("x" * 10_000, "x" * 254 + "…"),
    "words.md": ("word " * 2000, "word " * 49 + "word…"),
    "emoji.md": ("😀😀", "😀😀"),
    "control.md": ("a\x07b\x1b[31mc", "ab[31mc"),
    "order.md": ("a\u202eb\u2066c", "abc"),
    "script.md": ("<script>alert(1)</script>x", "x"),
    "code.md": ("`<script>`", "<script>"),
    "some-page.md": ("", "Some page"),
}


def test_title_is_one_plain_line(workplace: Workplace) -> None:
    """B30: cut, without what would act or hide, and taken from the file's name if there is none."""
    workplace.write({name: f"# {title}\n\nText.\n" for name, (title, _) in TITLES.items()})

    workplace.sync()

    shown = {name: page.title for name, page in workplace.pages().items()}
    assert shown == {name: wanted for name, (_, wanted) in TITLES.items()}


NAMES = [
    "new\nline.md",
    "tab\t.md",
    'quote".md',
    "%00.md",
    "-dash.md",
    "--output=x.md",
    "trail .md",
    "dot..md",
    "x" * 252 + ".md",
    "rtl\u202etxt.md",
    "con.md",
    "e😀.md",
    "h#a?b&c%.md",
    "<img src=x>.md",
    "\x1b[31mred.md",
]


def test_names_are_data(workplace: Workplace) -> None:
    """B31: each is a page of its own with a URL of its own; no name acts on a terminal or forges a line."""
    workplace.write({name: f"# Page\n\n{number}.\n" for number, name in enumerate(NAMES)})
    with open(os.path.join(os.fsencode(workplace.docs), b"bad\xff.md"), "wb") as file:
        file.write(b"# Page\n\nText.\n")
    with open(workplace.docs / "new\nbroken.md", "wb") as file:
        file.write(b"caf\xe9")

    done = workplace.process("sync")

    pages = workplace.pages()
    assert done.code == 3
    assert set(pages) == {*NAMES, "bad\\xff.md"}
    urls = [page.url for page in pages.values()]
    assert len(set(urls)) == len(urls)
    assert all(url is not None and url.isascii() and url.isprintable() for url in urls)
    shown = done.out + workplace.process("pages").out + workplace.process("pages", "--skipped").out
    assert all(line.isprintable() for line in shown.split("\n"))
    assert sum("broken.md" in line for line in done.out.split("\n")) == 1
    workplace.writes()
    assert workplace.sync()["failed"] == 1
    assert workplace.writes() == []


def test_one_file_under_two_names_is_two_pages(workplace: Workplace) -> None:
    """B34: the path is the identity."""
    workplace.write(GOOD)
    os.link(workplace.docs / "good-0.md", workplace.docs / "again.md")

    assert workplace.sync()["created"] == 4


def test_links_lead_nowhere_else(workplace: Workplace) -> None:
    """B35: siblings, loops, chains, what dangles and what lies outside are named and not followed."""
    canary = workplace.home / "canary.md"
    canary.write_text("# Canary\n\ncanary\n")
    workplace.write(GOOD)
    docs = workplace.docs
    (docs / "sibling.md").symlink_to("good-0.md")
    (docs / "loop").symlink_to(docs)
    (docs / "outside.md").symlink_to(canary)
    (docs / "dangling.md").symlink_to("nothing.md")
    (docs / "chain-0.md").symlink_to(canary)
    for number in range(50):
        (docs / f"chain-{number + 1}.md").symlink_to(f"chain-{number}.md")

    report = workplace.sync()

    assert (report["created"], report["skipped"]) == (3, 55)
    assert not any("canary" in page.html for page in workplace.pages().values())


def test_special_files_and_private_folders_are_no_pages(workplace: Workplace) -> None:
    """B36, B37: pipes, sockets, a folder with a page's name; keys, version control, what editors leave."""
    workplace.write(
        {
            **GOOD,
            "x.md/y.txt": "Text.\n",
            **dict.fromkeys(
                (
                    ".git/a.md",
                    ".ssh/a.md",
                    ".env",
                    ".env.md",
                    "server.pem",
                    "id_rsa",
                    ".a.md.swp",
                    "a.md~",
                    "node_modules/b/README.md",
                ),
                "# Private\n\nPrivate.\n",
            ),
        }
    )
    os.mkfifo(workplace.docs / "pipe.md")
    workplace.configure(include=["**/*"])

    workplace.sync()

    assert set(workplace.pages()) == {*GOOD, "x.md/y.txt"}


def test_hidden_text_and_characters_are_left_out_and_told(workplace: Workplace) -> None:
    """B61, B62: a person may want to know who hid something there."""
    tags = "".join(chr(0xE0000 + ord(letter)) for letter in "ignore")
    workplace.write(
        {
            "hidden.html": "<h1>A</h1><p>Seen.</p><p style='display: none'>canary</p>"
            "<div hidden>canary</div><p style='color:#fff;background:#fff'>canary</p>"
            "<template>canary</template><!-- canary -->",
            "tags.md": f"# B\n\nSeen{tags}\u202e.\n",
        }
    )

    workplace.sync()

    pages = workplace.pages()
    assert not any("canary" in page.html or tags in page.html for page in pages.values())
    assert unicodedata.normalize("NFC", pages["tags.md"].html) == "<p>Seen.</p>"
    told = workplace.process("pages", "--skipped", "--json").document["skipped"]
    assert {(line["external_id"], line["reason"]) for line in told} >= {
        ("hidden.html", "3 element(s) that no reader sees were left out with their text"),
        ("tags.md", "7 invisible character(s) that can hide text were left out"),
    }


def test_page_with_a_secret_keeps_its_last_version(workplace: Workplace) -> None:
    """B66, S2: nothing of it is sent, and the secret is in no output, log or state."""
    token = "ghp_" + "Ab3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5"
    workplace.write({**GOOD, "page.md": "# Page\n\nText.\n"})
    workplace.sync()
    workplace.writes()
    workplace.write({"page.md": f"# Page\n\nUse `{token}` here.\n"})

    done = workplace.process("sync", "-vv")

    assert (done.code, workplace.writes()) == (3, [])
    assert "it seems to hold a GitHub token ghp_… (40 characters), sha256:" in done.out
    told = done.out + done.err + workplace.process("pages", "--skipped").out
    assert token[4:12] not in told
    assert token[4:12].encode() not in workplace.state.read_bytes()

    fingerprint = failures(workplace)["page.md"].partition("sha256:")[2][:12]
    workplace.configure(rendering={"allowed_secrets": [f"sha256:{fingerprint}"]})
    assert workplace.sync()["updated"] == 1


def test_source_that_lists_nothing_says_so(workplace: Workplace) -> None:
    """B17: a pattern that nothing fits looks like success otherwise."""
    workplace.write(GOOD)
    workplace.configure(include=["nowhere/**/*.md"])

    done = workplace.process("sync")

    assert (done.code, "note: the source lists nothing: look at its place" in done.out) == (0, True)


def test_files_of_syncd_itself_are_never_pages(workplace: Workplace) -> None:
    """B18: a root above the configuration publishes neither it, nor the token, nor the state."""
    (workplace.home / "token.txt").write_text("canary-token-8d41f0\n")
    workplace.write(GOOD)
    workplace.intercom = {**workplace.intercom, "token_file": "token.txt"}
    del workplace.intercom["token"]
    workplace.configure(root=".", include=["**/*"])

    for _ in range(2):
        assert workplace.sync()["failed"] == 0

    assert set(workplace.pages()) == {f"docs/{name}" for name in GOOD}


@pytest.mark.parametrize("home", ["/", "~"])
def test_root_that_nobody_means_is_refused(workplace: Workplace, home: str) -> None:
    """B18: a whole disk or home folder."""
    workplace.configure(root=home)

    assert workplace.process("sync").code == 2


def test_limits_of_these_tests_hold() -> None:
    """A process that computes for too long is ended, and memory is counted."""
    done, largest_bytes, _ = limited("x = b'x' * 350_000_000\nwhile True: pass", limit_s=1)

    assert done.code < 0
    assert largest_bytes > MEMORY_LIMIT_BYTES
