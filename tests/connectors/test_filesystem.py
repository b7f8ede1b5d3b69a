"""The filesystem connector against real folders, the nasty ones included."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.filesystem import FilesystemSettings, open_connector
from syncd.connector import Connector, Context
from syncd.errors import ConfigError, ItemError, ListingIncomplete, SourceUnavailable
from syncd.model import Document, Item, Unlisted
from syncd.testing.connectors import ConnectorContract
from tests.conftest import Opened

NOBODY = 65534


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder that an unprivileged user can reach too, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="syncd-test-")).resolve()
    folder.chmod(0o755)
    yield folder
    if os.getuid() == 0:
        os.seteuid(0)
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


def connector(root: Path, **settings: Any) -> Connector:
    context = Context(source="handbook", base=root.parent, cache=root.parent / "cache")
    return open_connector(FilesystemSettings(root=root, **settings), context)


def listing(root: Path, **settings: Any) -> list[Item | Unlisted]:
    with connector(root, **settings).open() as snapshot:
        return sorted(snapshot.items(), key=str)


def ids(root: Path, **settings: Any) -> list[str]:
    return [one.external_id for one in listing(root, **settings) if isinstance(one, Item)]


def identity(root: Path, **settings: Any) -> str | None:
    with connector(root, **settings).open() as snapshot:
        return snapshot.identity


def skipped(root: Path, **settings: Any) -> dict[str, str]:
    return {one.scope: one.reason for one in listing(root, **settings) if isinstance(one, Unlisted)}


def read(root: Path, name: str, **settings: Any) -> Document:
    with connector(root, **settings).open() as snapshot:
        return snapshot.read(
            next(one for one in snapshot.items() if isinstance(one, Item) and one[0] == name)
        )


def write(path: Path, content: str | bytes = "# Title\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def deny(path: Path, leaving: int = 0) -> None:
    """Take away permissions, and the privilege that would not mind."""
    path.chmod(leaving)
    if os.getuid() == 0:
        os.seteuid(NOBODY)


class TestFilesystem(ConnectorContract):
    def build(self, home: Path, files: Mapping[str, str]) -> None:
        root = home / "docs"
        root.mkdir(exist_ok=True)
        for old in [one for one in root.rglob("*") if one.is_file()]:
            if str(old.relative_to(root)) not in files:
                old.unlink()
        for name, text in files.items():
            if not (root / name).exists() or (root / name).read_text() != text:
                write(root / name, text)

    def connect(self, home: Path) -> Connector:
        return connector(home / "docs")

    def lose(self, home: Path) -> None:
        shutil.rmtree(home / "docs")

    def spoil(self, home: Path, name: str) -> None:
        write(home / "docs" / name, b"caf\xe9\n")

    def hide(self, home: Path) -> str:
        deny(home / "docs/guides")
        return "guides/"

    def origin(self, home: Path) -> Path:
        return home / "docs"


class TestListing:
    def test_default_patterns_take_pages_and_say_what_they_leave_out(self, tmp_path: Path) -> None:
        """Hidden files, drafts, partials and dependencies are not pages; each omission is visible."""
        for name in (
            "README.MD",
            "a/b.mdx",
            "c.html",
            "d.txt",
            "hugo/_index.md",
            "_posts/e.markdown",
            "picture.png",
            ".git/refs/heads/x.md",
            ".github/ISSUE.md",
            ".hidden.md",
            "_partial.mdx",
            "_Sidebar.md",
            "_intro.md",
            "_drafts/f.md",
            "node_modules/x/README.md",
        ):
            write(tmp_path / name)

        assert ids(tmp_path) == [
            "README.MD",
            "_posts/e.markdown",
            "a/b.mdx",
            "c.html",
            "d.txt",
            "hugo/_index.md",
        ]
        assert set(skipped(tmp_path)) == {
            ".github/",
            ".hidden.md",
            "_Sidebar.md",
            "_drafts/",
            "_intro.md",
            "_partial.mdx",
            "node_modules/",
        }
        assert skipped(tmp_path)["node_modules/"] == "left out by the exclude pattern '**/node_modules/'"

    def test_secrets_are_never_listed_whatever_the_settings_say(self, tmp_path: Path) -> None:
        """A wide include and an empty exclude must not publish a key."""
        for name in (
            "a.md",
            ".env",
            "x/.env.local",
            "tls/server.PEM",
            ".ssh/id_rsa",
            "id_ed25519",
            ".git/config",
        ):
            write(tmp_path / name)

        assert ids(tmp_path, include=["**"], exclude=[]) == ["a.md"]

    def test_version_is_size_time_and_inode(self, tmp_path: Path) -> None:
        """A listing opens no file: three numbers of its status stand for its content."""
        file = write(tmp_path / "a.md", "12345")
        os.utime(file, ns=(1, 1_600_000_000_000_000_007))

        assert listing(tmp_path) == [Item("a.md", f"5-1600000000000000007-{file.stat().st_ino}", "a.md")]

    def test_unreadable_folder_hides_nothing_else(self, tmp_path: Path) -> None:
        """A folder without permission is named with its reason, and its neighbours are listed."""
        write(tmp_path / "guides/a.md")
        write(tmp_path / "b.md")
        deny(tmp_path / "guides")

        assert ids(tmp_path) == ["b.md"]
        assert skipped(tmp_path) == {"guides/": "cannot list the folder: permission denied"}
        assert not any(one.skipped for one in listing(tmp_path) if isinstance(one, Unlisted))

    def test_folder_that_allows_no_look_at_its_files(self, tmp_path: Path) -> None:
        """Names can be read and statuses cannot: each file is unlisted, none is gone."""
        write(tmp_path / "guides/a.md")
        deny(tmp_path / "guides", leaving=0o444)

        assert skipped(tmp_path) == {"guides/a.md": "cannot look at the file: permission denied"}

    def test_symbolic_links_are_not_followed(self, tmp_path: Path) -> None:
        """Neither out of the root, nor in a loop, nor to a sibling; each is named."""
        write(tmp_path / "secret/outside.md", "secret")
        root = tmp_path / "docs"
        write(root / "a.md")
        (root / "sibling.md").symlink_to("a.md")
        (root / "outside.md").symlink_to(tmp_path / "secret/outside.md")
        (root / "dangling.md").symlink_to("nowhere.md")
        (root / "self.md").symlink_to("self.md")
        (root / "loop").symlink_to(".")
        (root / "out").symlink_to(tmp_path / "secret")

        assert ids(root) == ["a.md"]
        assert set(skipped(root)) == {"dangling.md", "loop/", "out/", "outside.md", "self.md", "sibling.md"}
        assert all(one.skipped for one in listing(root) if isinstance(one, Unlisted))

    def test_root_may_be_a_symbolic_link(self, tmp_path: Path) -> None:
        """The configuration names the root, so following that one link is what was asked for."""
        write(tmp_path / "v2/a.md")
        (tmp_path / "current").symlink_to("v2")

        assert ids(tmp_path / "current") == ["a.md"]

    def test_pipes_sockets_and_folders_with_a_page_name_do_not_hang(self, tmp_path: Path) -> None:
        """Opening a pipe would wait for ever; only regular files are pages."""
        os.mkfifo(tmp_path / "pipe.md")
        (tmp_path / "folder.md").mkdir()
        write(tmp_path / "folder.md/a.md")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "socket.md"))

            assert ids(tmp_path) == ["folder.md/a.md"]
            assert skipped(tmp_path) == {"pipe.md": "not a regular file", "socket.md": "not a regular file"}

    def test_strange_names_have_ids_that_tell_them_apart(self, tmp_path: Path) -> None:
        """Names are data: blanks, quotes, newlines, emoji, both normal forms, and no valid UTF-8."""
        names = [
            "-rf.md",
            "a\nb\t.md",
            "b'\"&<>#?%00.md",
            "cafe\u0301.md",
            "caf\u00e9.md",
            "d\u202ecod.md",
            "e .md",
            "\U0001f600.md",
            "x" * 252 + ".md",
        ]
        for name in names:
            write(tmp_path / name, name)
        for raw in (b"\xff.md", b"\\xff.md", b"\xed\xa0\x80.md"):
            write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + raw)), "raw")

        with connector(tmp_path).open() as snapshot:
            documents = {one[0]: snapshot.read(one) for one in snapshot.items() if isinstance(one, Item)}

        assert set(documents) == {*names, "\\xff.md", "\\\\xff.md", "\\xed\\xa0\\x80.md"}
        assert all(documents[name].body == name for name in names)
        assert all(name.encode() for name in documents)

    def test_ids_do_not_depend_on_the_locale(self, tmp_path: Path) -> None:
        """A cron job often runs in another locale than a shell; its ids must be the same."""
        write(tmp_path / "guides/été.md")
        write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9.md")))
        code = (
            "import pathlib, sys; from connectors.filesystem import *; from syncd.connector import Context\n"
            "root = pathlib.Path(sys.argv[1]); context = Context(source='s', base=root, cache=root)\n"
            "with open_connector(FilesystemSettings(root=root), context).open() as snapshot:\n"
            "    print(ascii(sorted((one[0], snapshot.read(one).body) for one in snapshot.items())))"
        )
        plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        env = {**os.environ, **plain, "PYTHONPATH": os.pathsep.join(sys.path)}

        child = subprocess.run(
            [sys.executable, "-c", code, tmp_path], env=env, capture_output=True, check=True
        )

        assert child.stdout.decode().strip() == ascii(
            [("\\xe9.md", "# Title\n"), ("guides/été.md", "# Title\n")]
        )

    def test_names_that_differ_only_in_case_are_two_items(self, tmp_path: Path) -> None:
        """Whether they may both be published is the plan's to decide; hiding one is not."""
        write(tmp_path / "README.md")
        write(tmp_path / "readme.md")

        assert ids(tmp_path) == ["README.md", "readme.md"]

    def test_deep_tree_meets_no_limit(self, tmp_path: Path) -> None:
        """Deeper than Python recurses and longer than a path may be."""
        names = ["d" * 9] * 1200
        at = os.open(tmp_path, os.O_RDONLY)
        for name in names:
            os.mkdir(name, dir_fd=at)
            below = os.open(name, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        file = os.open("a.md", os.O_CREAT | os.O_WRONLY, dir_fd=at)
        os.write(file, b"deep")
        os.close(file)
        os.close(at)
        deepest = "/".join([*names, "a.md"])

        try:
            assert ids(tmp_path) == [deepest]
            assert read(tmp_path, deepest).body == "deep"
        finally:
            subprocess.run(["rm", "-rf", str(tmp_path / names[0])], check=True)

    def test_deep_tree_is_walked_in_few_steps(self, tmp_path: Path) -> None:
        """Each folder is entered once, and left once, however deep it lies: two opened folders for each."""
        deep = "/".join(["d"] * 60)
        for depth in range(1, 61):
            write(tmp_path / deep[: 2 * depth - 1] / "a.md")
            (tmp_path / deep[: 2 * depth - 1] / "e").mkdir()
        with Opened("d", "e", "..") as names:
            assert len(ids(tmp_path)) == 60

        assert len(names) <= 2 * 120

    def test_folder_moved_while_it_is_walked_hides_nothing(self, tmp_path: Path) -> None:
        """The way up from it leads elsewhere then: what is left is looked for from the root."""
        root = tmp_path / "docs"
        for name in ("a/x/1.md", "a/y/2.md", "b/3.md"):
            write(root / name)
        found: list[str] = []
        with connector(root).open() as snapshot:
            for one in snapshot.items():
                found.append(one.external_id if isinstance(one, Item) else f"? {one.scope}")
                if found[-1] in ("a/x/1.md", "a/y/2.md"):
                    at = root / found[-1]
                    at.parent.rename(tmp_path / at.parent.name)

        assert set(found) >= {"a/x/1.md", "a/y/2.md", "b/3.md"}

    def test_root_replaced_while_listing_is_incomplete(self, tmp_path: Path) -> None:
        """A volume that goes away half way must not look like a shorter list of files."""
        root = tmp_path / "docs"
        write(root / "a.md")

        with connector(root).open() as snapshot:
            items = snapshot.items()
            next(items)
            root.rename(tmp_path / "away")
            root.mkdir()

            with pytest.raises(ListingIncomplete, match="another folder took the place of the root"):
                list(items)

    def test_folder_that_vanishes_while_listing_is_not_gone(self, tmp_path: Path) -> None:
        """What was there a moment ago is unknown, not absent."""
        for name in ("a", "b"):
            write(tmp_path / name / "x.md")

        with connector(tmp_path).open() as snapshot:
            items = snapshot.items()
            first = next(items)
            assert isinstance(first, Item)
            other = {"a": "b", "b": "a"}[first.path[0]]
            shutil.rmtree(tmp_path / other)

            assert list(items) == [Unlisted(f"{other}/", "cannot list the folder: no such file or directory")]


class TestOpening:
    @pytest.mark.parametrize("kind", ["missing", "file", "forbidden"])
    def test_unusable_root_is_unavailable(self, tmp_path: Path, kind: str) -> None:
        """The message names the root, the reason and the way out; nothing is deleted."""
        root = tmp_path / "docs"
        if kind == "file":
            write(root)
        if kind == "forbidden":
            root.mkdir()
            deny(root)
        reason = {
            "missing": "no such file or directory",
            "file": "not a directory",
            "forbidden": "permission denied",
        }

        with pytest.raises(SourceUnavailable) as caught, connector(root).open():
            pass

        assert str(caught.value) == (
            f"cannot open the root {root}: {reason[kind]}; nothing was sent or deleted. "
            "Check that the folder exists, is mounted and can be read, or correct 'root'."
        )

    def test_identity_tells_another_folder_at_the_same_path(self, tmp_path: Path) -> None:
        """An empty mount point has the path of the volume and is not the volume."""
        root = tmp_path / "docs"
        root.mkdir()
        with connector(root).open() as snapshot:
            before = snapshot.identity
        root.rename(tmp_path / "away")
        root.mkdir()

        with connector(root).open() as snapshot:
            assert snapshot.identity != before

    def test_release_swapped_behind_a_link_is_the_same_folder(self, tmp_path: Path) -> None:
        """`current -> releases/42`: the operator swaps it on purpose at each deploy."""
        link = tmp_path / "current"
        for number in ("41", "42"):
            write(tmp_path / "releases" / number / "docs" / "a.md")
        link.symlink_to("releases/41")
        before = [identity(link), identity(link / "docs")]
        link.unlink()
        link.symlink_to("releases/42")

        assert [identity(link), identity(link / "docs")] == before

    def test_link_moved_to_another_place_is_another_folder(self, tmp_path: Path) -> None:
        """What stands for the folder is the place that holds the link."""
        write(tmp_path / "release" / "a.md")
        for place in ("one", "two"):
            (tmp_path / place).mkdir()
            (tmp_path / place / "current").symlink_to(tmp_path / "release")

        assert identity(tmp_path / "one/current") != identity(tmp_path / "two/current")

    @pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system to link to")
    def test_other_device_behind_a_link_is_another_folder(self, tmp_path: Path) -> None:
        """A volume that was not mounted leaves an empty folder of the disk below it."""
        link = tmp_path / "current"
        (tmp_path / "empty").mkdir()
        link.symlink_to("empty")
        before = identity(link)
        link.unlink()
        link.symlink_to("/dev/shm")

        if (tmp_path / "empty").stat().st_dev == Path("/dev/shm").stat().st_dev:
            pytest.skip("both are on one device")
        assert identity(link) != before

    def test_marker_is_the_identity(self, tmp_path: Path) -> None:
        """Whatever holds the marker is the folder; another text in it is another one."""
        for name, says in (("one", "handbook\n"), ("two", "handbook\n"), ("three", "wiki\n")):
            write(tmp_path / name / ".syncd", says)
        one, two, three = (identity(tmp_path / name, marker=".syncd") for name in ("one", "two", "three"))

        assert one == two != three

    @pytest.mark.parametrize("marker", ["nothing", "folder", "link", "pipe"])
    def test_missing_marker_is_an_unavailable_source(self, tmp_path: Path, marker: str) -> None:
        """A mount point without its volume has no marker; a link could show one that lies elsewhere."""
        root = tmp_path / "docs"
        write(root / "a.md")
        write(tmp_path / "elsewhere")
        (root / "folder").mkdir()
        (root / "link").symlink_to(tmp_path / "elsewhere")
        os.mkfifo(root / "pipe")

        with pytest.raises(SourceUnavailable) as caught:
            identity(root, marker=marker)

        assert str(caught.value).startswith(f"the root {root} has no marker '{marker}': ")
        assert len(str(caught.value).splitlines()) == 2

    def test_landmarks_are_what_lies_at_the_root(self, tmp_path: Path) -> None:
        """They tell the generator, whether they are pages or not."""
        (tmp_path / "docs").mkdir()
        (tmp_path / "mkdocs.yml").touch()
        (tmp_path / "docs" / "a.md").touch()

        with connector(tmp_path).open() as snapshot:
            assert set(snapshot.landmarks) == {"docs", "mkdocs.yml"}

    def test_relative_root_starts_at_the_configuration(self, tmp_path: Path) -> None:
        """The folder in which the command was started plays no part."""
        write(tmp_path / "docs/a.md")
        context = Context(source="s", base=tmp_path, cache=tmp_path / "cache")

        with open_connector(FilesystemSettings(root=Path("docs")), context).open() as snapshot:
            assert [one[0] for one in snapshot.items()] == ["a.md"]

    def test_user_without_a_home_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A container often runs as a user that nobody knows."""
        write(tmp_path / "docs/a.md")
        monkeypatch.delenv("HOME")
        if os.getuid() == 0:
            os.setresuid(54321, 54321, 0)
        try:
            assert ids(tmp_path / "docs") == ["a.md"]
        finally:
            if os.getresuid()[2] == 0:
                os.setresuid(0, 0, 0)

    @pytest.mark.parametrize("root", ["/", "~", "~/x/.."])
    def test_root_that_nobody_means_is_refused(self, tmp_path: Path, root: str) -> None:
        """Publishing a whole disk or home folder is a slip of the keyboard."""
        with pytest.raises(ConfigError, match="set 'root' to the folder that holds the pages"):
            connector(tmp_path / root if root == "/" else Path(root))

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"include": ["[a.md"]}, 'has "[" without "]"'),
            ({"include": ["../*.md"]}, 'has ".." between slashes'),
            ({"include": ["/srv/*.md"]}, "patterns are relative to the root"),
            ({"exclude": [""]}, "a pattern is empty"),
            ({"exclude": ["a" * 1001]}, "has 1001 characters; at most 1000"),
            ({"include": []}, "at least 1 item"),
            ({"exlude": ["a"]}, "Extra inputs are not permitted"),
            ({"marker": "a/b"}, "String should match pattern"),
        ],
    )
    def test_wrong_settings_are_explained(self, settings: dict[str, Any], message: str) -> None:
        """A wrong setting is found when the configuration is read, with a sentence about it."""
        with pytest.raises(ValidationError) as caught:
            FilesystemSettings(root=Path("docs"), **settings)

        assert message in str(caught.value)

    def test_schema_shows_the_defaults(self) -> None:
        """What is left out by default can be read without reading code."""
        properties = FilesystemSettings.model_json_schema()["properties"]

        assert "**/*.md" in properties["include"]["default"]
        assert "**/node_modules/" in properties["exclude"]["default"]
        assert "id_{rsa,dsa,ecdsa,ed25519}" in properties["exclude"]["description"]


class TestReading:
    @pytest.mark.parametrize(
        "data",
        [
            "naïve\n".encode(),
            b"\xef\xbb\xbf" + "naïve\n".encode(),
            b"\xff\xfe" + "naïve\n".encode("utf-16-le"),
            b"\xfe\xff" + "naïve\n".encode("utf-16-be"),
        ],
        ids=["utf-8", "utf-8 with mark", "utf-16-le", "utf-16-be"],
    )
    def test_byte_order_marks_are_understood(self, tmp_path: Path, data: bytes) -> None:
        """The same words arrive, without the mark."""
        write(tmp_path / "a.md", data)

        assert read(tmp_path, "a.md").body == "naïve\n"

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"caf\xe9 au lait", "a.md: not valid UTF-8 at byte 3 (0xe9); save the file as UTF-8"),
            (b"\xef\xbb\xbfcaf\xe9", "a.md: not valid UTF-8 at byte 6 (0xe9); save the file as UTF-8"),
            (b"\xff\xfea\x00\x00\xd8", "a.md: not valid UTF-16-LE at byte 4 (0x00); save the file as UTF-8"),
            ("é\0".encode(), "a.md: not a text file: there is a NUL character at byte 2"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
                "a.md: this is a Git LFS pointer, not the file itself; keep the page outside of Git LFS",
            ),
        ],
        ids=["latin-1", "after a mark", "utf-16", "binary", "lfs"],
    )
    def test_what_is_not_text_is_refused(self, tmp_path: Path, data: bytes, message: str) -> None:
        """No replacement character is ever published in place of what could not be read."""
        write(tmp_path / "a.md", data)

        with pytest.raises(ItemError) as caught:
            read(tmp_path, "a.md")

        assert str(caught.value) == message

    def test_large_file_is_refused(self, tmp_path: Path) -> None:
        """Its page keeps its last version; the message says the size and the setting."""
        write(tmp_path / "a.md", b"x" * 2_000_001)

        with pytest.raises(ItemError) as caught:
            read(tmp_path, "a.md")

        assert str(caught.value) == (
            "a.md: the file has 2,000,001 bytes, more than limits.max_source (2,000,000); "
            "split it, or raise the limit"
        )

    def test_file_without_permission_is_refused(self, tmp_path: Path) -> None:
        """It is listed, since its status can be seen; its page keeps its last version."""
        write(tmp_path / "a.md")
        deny(tmp_path / "a.md")

        with pytest.raises(ItemError) as caught:
            read(tmp_path, "a.md")

        assert str(caught.value) == "a.md: cannot read the file: permission denied"

    def test_document_tells_its_version_time_and_type(self, tmp_path: Path) -> None:
        """The version is that of what was read, so the next listing compares with it."""
        file = write(tmp_path / "a/B.HTML", "<p>x</p>")
        os.utime(file, ns=(0, 1_600_000_000_500_000_000))
        [item] = listing(tmp_path)
        assert isinstance(item, Item)

        document = read(tmp_path, "a/B.HTML")

        assert document.media_type == "text/html"
        assert document.version == item.version
        assert document.updated_at == datetime(2020, 9, 13, 12, 26, 40, 500_000, tzinfo=UTC)

    def test_file_read_in_the_tick_of_its_last_change_is_read_again(self, tmp_path: Path) -> None:
        """A second edit of equal length in one tick changes neither size, time nor inode."""
        file = write(tmp_path / "a.md", "one")
        # A whole second, as a coarse file system would note it, that lasts until after the second edit.
        second = (file.stat().st_mtime_ns // 10**9 + 1) * 10**9
        os.utime(file, ns=(second, second))
        first = read(tmp_path, "a.md")
        file.write_text("two")
        os.utime(file, ns=(second, second))

        [item] = listing(tmp_path)

        assert isinstance(item, Item)
        assert item.version != first.version
        assert read(tmp_path, "a.md").body == "two"

    def test_time_in_the_future_does_not_cause_reads(self, tmp_path: Path) -> None:
        """A time that was set by hand says nothing of the clock: the version settles at once."""
        file = write(tmp_path / "a.md")
        os.utime(file, ns=(0, 4_300_000_000_500_000_000))
        [item] = listing(tmp_path)
        threading.Event().wait(0.03)

        assert read(tmp_path, "a.md").version == item[1]

    def test_file_that_is_never_as_long_as_it_says_is_refused(self) -> None:
        """Half of one edit and half of another is no page; kernel files give another length each time."""
        root = Path("/proc/sys/kernel")
        if not (root / "ostype").exists():
            pytest.skip("no /proc here")

        with pytest.raises(ItemError, match="ostype: it changed while it was read, 3 times"):
            read(root, "ostype", include=["ostype"])

    @pytest.mark.parametrize("where", ["file", "folder"])
    def test_swapped_in_link_does_not_lead_outside(self, tmp_path: Path, where: str) -> None:
        """Between listing and reading, a path may become a link to a secret; it is not followed."""
        write(tmp_path / "secret/a.md", "secret")
        root = tmp_path / "docs"
        write(root / "guides/a.md", "public")

        with connector(root).open() as snapshot:
            [item] = snapshot.items()
            assert isinstance(item, Item)
            shutil.rmtree(root / "guides")
            if where == "folder":
                (root / "guides").symlink_to(tmp_path / "secret")
            else:
                (root / "guides").mkdir()
                (root / "guides/a.md").symlink_to(tmp_path / "secret/a.md")

            with pytest.raises(ItemError, match=r"guides/a\.md: cannot read the file"):
                snapshot.read(item)

    def test_swapped_in_pipe_does_not_hang(self, tmp_path: Path) -> None:
        """A file may become a pipe after it was listed."""
        file = write(tmp_path / "a.md")
        with connector(tmp_path).open() as snapshot:
            [item] = snapshot.items()
            assert isinstance(item, Item)
            file.unlink()
            os.mkfifo(file)

            with pytest.raises(ItemError, match=r"a\.md: it is no longer a regular file"):
                snapshot.read(item)

    def test_vanished_file_fails_alone(self, tmp_path: Path) -> None:
        """One file that is gone is that page's matter."""
        file = write(tmp_path / "a.md")
        with connector(tmp_path).open() as snapshot:
            [item] = snapshot.items()
            assert isinstance(item, Item)
            file.unlink()

            with pytest.raises(ItemError, match="no such file"):
                snapshot.read(item)

    def test_vanished_root_is_not_a_matter_of_one_file(self, tmp_path: Path) -> None:
        """When the root is gone, each page would fail alike: the source ends instead."""
        root = tmp_path / "docs"
        write(root / "a.md")
        with connector(root).open() as snapshot:
            [item] = snapshot.items()
            assert isinstance(item, Item)
            shutil.rmtree(root)

            with pytest.raises(SourceUnavailable, match="cannot open the root"):
                snapshot.read(item)
