"""The Git connector against real repositories: what it lists, reads, notices and refuses."""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from connectors.git import GitSettings, open_connector
from syncd.connector import Connector, Context
from syncd.errors import ItemError, SourceUnavailable
from syncd.model import Document, Item, Unlisted
from tests.connectors.git.origins import Link, Origin, Server, Submodule, serving

PAGES = {"docs/a.md": "# A\n", "docs/guides/b.md": "# B\n", "other/c.md": "# C\n"}


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    origin = Origin(tmp_path / "origin.git")
    origin.commit(PAGES)
    return origin


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as server:
        yield server


def connector(home: Path, url: str | None = None, **settings: Any) -> Connector:
    given = {"url": url or str(home / "origin.git"), "root": "docs", "allow_local": True, **settings}
    context = Context(source="docs", base=home, cache=home / "cache")
    return open_connector(GitSettings(**given), context)


def listing(source: Connector) -> list[Item | Unlisted]:
    with source.open() as snapshot:
        return sorted(snapshot.items(), key=str)


def ids(source: Connector) -> list[str]:
    return [one.external_id for one in listing(source) if isinstance(one, Item)]


def skipped(source: Connector) -> dict[str, str]:
    return {one.scope: one.reason for one in listing(source) if isinstance(one, Unlisted) and one.skipped}


def bodies(source: Connector) -> dict[str, str]:
    with source.open() as snapshot:
        items = [one for one in snapshot.items() if isinstance(one, Item)]
        snapshot.prepare(items)
        return {one.external_id: snapshot.read(one).body for one in items}


def read(source: Connector, name: str) -> Document:
    with source.open() as snapshot:
        return snapshot.read(
            next(one for one in snapshot.items() if isinstance(one, Item) and one[0] == name)
        )


def revision(source: Connector) -> str:
    with source.open() as snapshot:
        assert snapshot.revision is not None
        return snapshot.revision


def removed(source: Connector, since: str) -> set[str]:
    with source.open() as snapshot:
        return set(snapshot.removed(since))


def refusal(source: Connector) -> str:
    with pytest.raises(SourceUnavailable) as caught, source.open():
        pass
    assert len(str(caught.value).splitlines()) <= 3
    return str(caught.value)


class TestListing:
    def test_version_is_the_blob_and_the_path_starts_at_the_root(
        self, tmp_path: Path, origin: Origin
    ) -> None:
        """A blob's id names its content, so nothing has to be read to see what changed."""
        blob = origin.git("rev-parse", "main:docs/guides/b.md")

        assert Item("guides/b.md", blob, "guides/b.md") in listing(connector(tmp_path))

    def test_only_the_root_is_listed(self, tmp_path: Path, origin: Origin) -> None:
        """Without a root it is the whole repository."""
        assert ids(connector(tmp_path)) == ["a.md", "guides/b.md"]
        assert ids(connector(tmp_path, root="")) == ["docs/a.md", "docs/guides/b.md", "other/c.md"]

    def test_landmarks_reach_up_to_the_repository(self, tmp_path: Path, origin: Origin) -> None:
        """The generator's settings lie beside the folder of its pages as a rule."""
        origin.commit({"mkdocs.yml": "site_name: x", "docs/a.md": "# A\n", "docs/sub/b.md": "# B\n"})

        with connector(tmp_path).open() as snapshot:
            assert {"mkdocs.yml", "docs", "a.md", "sub"} <= set(snapshot.landmarks)
            assert "b.md" not in snapshot.landmarks

    def test_links_submodules_and_left_out_files_are_named(self, tmp_path: Path, origin: Origin) -> None:
        """None of them is published, least of all the path that stands in a link; all are visible."""
        origin.commit(
            {
                "docs/a.md": "# A",
                "docs/link.md": Link("../../secret.md"),
                "docs/latest": Link("guides"),
                "docs/vendor": Submodule(),
                "docs/_partial.mdx": "part",
                "docs/picture.png": b"\x89PNG",
            }
        )

        assert ids(connector(tmp_path)) == ["a.md"]
        assert skipped(connector(tmp_path)) == {
            "_partial.mdx": "left out by the exclude pattern '**/_*.mdx'",
            "latest": "a symbolic link; links are not followed",
            "link.md": "a symbolic link; links are not followed",
            "vendor/": "a submodule; submodules are not fetched",
        }

    def test_strange_names_have_ids_that_tell_them_apart(self, tmp_path: Path, origin: Origin) -> None:
        """Git keeps any bytes as a name; each is listed, read, and has an id of valid text."""
        names = ["-rf.md", 'a\nb\t".md', "caf\u00e9.md", "cafe\u0301.md", "#?&%41 '.md", "\U0001f600.md"]
        raw = {b"docs/\xff.md": "raw", b"docs/\\xff.md": "plain"}
        origin.commit({**{f"docs/{name}".encode(): name for name in names}, **raw})

        found = bodies(connector(tmp_path))

        assert found == {**{name: name for name in names}, "\\xff.md": "raw", "\\\\xff.md": "plain"}

    def test_ten_thousand_files_are_listed(self, tmp_path: Path, origin: Origin) -> None:
        """Longer than any buffer on the way."""
        origin.commit({f"docs/{number}/{'n' * 60}.md": "x" for number in range(10_000)})

        assert len(ids(connector(tmp_path))) == 10_000


class TestRevision:
    def test_commit_outside_of_the_root_changes_nothing(self, tmp_path: Path, origin: Origin) -> None:
        """A busy repository must not cause work in a quiet folder."""
        before = revision(connector(tmp_path))
        origin.commit({**PAGES, "other/c.md": "new"})

        assert revision(connector(tmp_path)) == before

    def test_edit_and_settings_move_it(self, tmp_path: Path, origin: Origin) -> None:
        """What could list other items, or others' content, is another revision."""
        before = revision(connector(tmp_path))
        narrower = revision(connector(tmp_path, exclude=["guides/"]))
        origin.commit({**PAGES, "docs/a.md": "new"})

        assert len({before, narrower, revision(connector(tmp_path))}) == 3

    def test_identity_is_the_repository(self, tmp_path: Path, origin: Origin) -> None:
        """Another address is another origin, whatever it holds."""
        shutil.copytree(tmp_path / "origin.git", tmp_path / "copy.git")

        with connector(tmp_path).open() as one, connector(tmp_path, str(tmp_path / "copy.git")).open() as two:
            assert one.identity != two.identity


class TestRemoved:
    def test_commit_that_removes_a_file_is_evidence(self, tmp_path: Path, origin: Origin) -> None:
        """Several commits later it is still one: old and new are compared, not each step."""
        before = revision(connector(tmp_path))
        origin.commit({"docs/a.md": "# A\n", "docs/new.md": "x"})
        origin.commit({"docs/a.md": "# A2\n"})

        assert removed(connector(tmp_path), before) == {"guides/b.md"}

    def test_rewritten_history_is_no_evidence(self, tmp_path: Path, origin: Origin) -> None:
        """A forced push may be an accident: what it lacks has to be confirmed like any absence."""
        before = revision(connector(tmp_path))
        origin.commit({"docs/a.md": "# A\n"}, orphan=True)

        assert removed(connector(tmp_path), before) == set()
        assert ids(connector(tmp_path)) == ["a.md"]

    def test_amended_commit_is_no_evidence(self, tmp_path: Path, origin: Origin) -> None:
        """Old and new share a past, and yet the new one does not come after the old one."""
        source = connector(tmp_path)
        parent = origin.git("rev-parse", "main")
        origin.commit({**PAGES, "docs/z.md": "z"})
        before = revision(source)
        origin.git("update-ref", "refs/heads/main", parent)
        origin.commit({**PAGES, "docs/a.md": "amended"})

        assert removed(source, before) == set()
        assert ids(source) == ["a.md", "guides/b.md"]

    def test_rename_removes_the_old_name(self, tmp_path: Path, origin: Origin) -> None:
        """The id is the path, so a moved file is a new page and the end of an old one."""
        before = revision(connector(tmp_path))
        origin.commit({"docs/a.md": "# A\n", "docs/moved/b.md": "# B\n"})

        assert removed(connector(tmp_path), before) == {"guides/b.md"}

    @pytest.mark.parametrize("since", ["", "0" * 40, "HEAD", "--output=/tmp/x", "\n"])
    def test_unknown_revision_is_no_evidence(self, tmp_path: Path, origin: Origin, since: str) -> None:
        """A cache that was deleted has forgotten; what is unknown proves nothing."""
        now = revision(connector(tmp_path))

        assert removed(connector(tmp_path), since + now[40:]) == set()
        assert removed(connector(tmp_path), since) == set()

    def test_changed_settings_are_no_evidence(self, tmp_path: Path, origin: Origin) -> None:
        """Another root or pattern is a decision of the operator, not of the repository."""
        before = revision(connector(tmp_path))
        origin.commit({"docs/a.md": "# A\n"})

        assert removed(connector(tmp_path, exclude=["x/"]), before) == set()

    def test_deleted_cache_forgets_and_goes_on(self, tmp_path: Path, origin: Origin) -> None:
        """The cache may go at any time; only the evidence is lost with it."""
        before = revision(connector(tmp_path))
        shutil.rmtree(tmp_path / "cache")
        origin.commit({"docs/a.md": "# A\n"})

        assert removed(connector(tmp_path), before) == set()
        assert ids(connector(tmp_path)) == ["a.md"]

    def test_evidence_over_http_needs_no_full_history(
        self, tmp_path: Path, origin: Origin, server: Server
    ) -> None:
        """The copy starts with one commit, and knows all that came since."""
        source = connector(tmp_path, f"{server.url}/origin.git")
        for number in range(5):
            origin.commit({**PAGES, "docs/a.md": f"{number}"})
        before = revision(source)
        origin.commit({"docs/a.md": "1"})
        origin.commit({"docs/a.md": "2"})

        assert removed(source, before) == {"guides/b.md"}
        assert Origin(tmp_path / "cache/repository.git").git("rev-list", "--count", "refs/syncd/head") == "3"


class TestReading:
    def test_document_has_the_time_of_the_commit(self, tmp_path: Path, origin: Origin) -> None:
        """The time of each file's own last change would cost the whole history."""
        origin.commit({"docs/a.HTML": "<p>é</p>"}, at=1_600_000_000)

        document = read(connector(tmp_path), "a.HTML")

        assert document.body == "<p>é</p>"
        assert document.media_type == "text/html"
        assert document.updated_at == datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)

    @pytest.mark.parametrize("at", [0, 4_300_000_000, 10**15])
    def test_strange_times_do_no_harm(self, tmp_path: Path, origin: Origin, at: int) -> None:
        """Commits from 1970, 2106 or from no year at all are read like others."""
        origin.commit({"docs/a.md": "x"}, at=at)

        assert read(connector(tmp_path), "a.md").body == "x"

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"caf\xe9", "a.md: not valid UTF-8 at byte 3 (0xe9); save the file as UTF-8"),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
                "a.md: this is a Git LFS pointer, not the file itself; keep the page outside of Git LFS",
            ),
            (
                b"x" * 3_000_000,
                "a.md: the file has 3,000,000 bytes, more than limits.max_source (2,000,000); "
                "split it, or raise the limit",
            ),
        ],
        ids=["latin-1", "lfs", "large"],
    )
    def test_unreadable_file_fails_alone(
        self, tmp_path: Path, origin: Origin, content: bytes, message: str
    ) -> None:
        """The next file is read from the same process, in step."""
        origin.commit({"docs/a.md": content, "docs/b.md": "fine"})
        with connector(tmp_path).open() as snapshot:
            items = sorted(one for one in snapshot.items() if isinstance(one, Item))

            with pytest.raises(ItemError) as caught:
                snapshot.read(items[0])

            assert str(caught.value) == message
            assert snapshot.read(items[1]).body == "fine"

    def test_commit_during_a_run_is_left_for_the_next(self, tmp_path: Path, origin: Origin) -> None:
        """All of one run is about one commit."""
        with connector(tmp_path).open() as snapshot:
            origin.commit({"docs/a.md": "# New\n"})
            assert ids(connector(tmp_path)) == ["a.md"]  # another process moved the copy on

            found = sorted(one for one in snapshot.items() if isinstance(one, Item))

            assert [snapshot.read(one).body for one in found] == ["# A\n", "# B\n"]

    def test_contents_come_in_one_request(self, tmp_path: Path, origin: Origin, server: Server) -> None:
        """One by one, a hundred files take three hundred requests."""
        origin.commit({f"docs/{number}.md": f"page {number}" for number in range(100)})
        source = connector(tmp_path, f"{server.url}/origin.git")
        assert len(ids(source)) == 100
        server.requests.clear()

        assert len(bodies(source)) == 100
        assert len(server.requests) == 4  # two for the branch, two for all contents

        server.requests.clear()
        assert len(bodies(source)) == 100
        assert len(server.requests) == 2  # what is there is not asked for again

    def test_only_changed_contents_come(self, tmp_path: Path, origin: Origin, server: Server) -> None:
        """The copy holds what was read and no more."""
        noise = random.Random(1).randbytes(3_000_000).hex()
        origin.commit({"docs/a.md": "one", "docs/large.md": noise, "elsewhere.bin": noise[::-1]})
        source = connector(tmp_path, f"{server.url}/origin.git")

        with source.open() as snapshot:
            items = [one for one in snapshot.items() if isinstance(one, Item) and one[0] == "a.md"]
            snapshot.prepare(items)
            assert snapshot.read(items[0]).body == "one"

        assert sum(one.stat().st_size for one in (tmp_path / "cache").rglob("*") if one.is_file()) < 100_000

    def test_file_that_was_not_prepared_is_fetched(
        self, tmp_path: Path, origin: Origin, server: Server
    ) -> None:
        """Preparing is for speed; reading works without."""
        assert read(connector(tmp_path, f"{server.url}/origin.git"), "a.md").body == "# A\n"

    def test_server_that_goes_away_while_reading(
        self, tmp_path: Path, origin: Origin, server: Server
    ) -> None:
        """That is not one page's fault: the source ends."""
        with connector(tmp_path, f"{server.url}/origin.git").open() as snapshot:
            items = [one for one in snapshot.items() if isinstance(one, Item)]
            server.status = 503

            with pytest.raises(SourceUnavailable, match="503"):
                snapshot.prepare(items)
            with pytest.raises(SourceUnavailable, match=r"a\.md could not be fetched"):
                snapshot.read(items[0])

            server.status = None
            assert snapshot.read(items[0]).body == "# A\n"


class TestServers:
    def test_server_that_refuses_partial_copies(self, tmp_path: Path, origin: Origin, server: Server) -> None:
        """An old server sends all contents at once."""
        origin.git("config", "uploadpack.allowFilter", "false")

        assert bodies(connector(tmp_path, f"{server.url}/origin.git")) == {
            "a.md": "# A\n",
            "guides/b.md": "# B\n",
        }

    def test_server_that_only_has_files(self, tmp_path: Path, origin: Origin) -> None:
        """A plain web server gives neither a part of the history nor a part of the contents."""

        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *arguments: object) -> None:
                pass

        origin.git("update-server-info")
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as http:
            thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                found = bodies(connector(tmp_path, f"http://127.0.0.1:{http.server_port}/origin.git"))
            finally:
                http.shutdown()
                thread.join()

        assert found == {"a.md": "# A\n", "guides/b.md": "# B\n"}

    def test_bundle_is_a_repository_too(self, tmp_path: Path, origin: Origin) -> None:
        """A file that is carried over by hand, and replaced by a newer one."""
        bundle = origin.bundle(tmp_path / "docs.bundle")
        before = revision(connector(tmp_path, "docs.bundle", branch="main"))
        assert bodies(connector(tmp_path, "docs.bundle", branch="main"))["a.md"] == "# A\n"
        origin.commit({"docs/a.md": "# New\n"})
        origin.bundle(bundle)

        assert bodies(connector(tmp_path, "docs.bundle", branch="main")) == {"a.md": "# New\n"}
        assert removed(connector(tmp_path, "docs.bundle", branch="main"), before) == {"guides/b.md"}

    def test_file_address_is_a_repository_too(self, tmp_path: Path, origin: Origin) -> None:
        """file:// and a plain path are the same thing."""
        assert ids(connector(tmp_path, f"file://{tmp_path}/origin.git")) == ["a.md", "guides/b.md"]

    def test_default_branch_is_what_the_repository_says(self, tmp_path: Path, origin: Origin) -> None:
        """Without a setting, the branch that people see first."""
        origin.commit({"docs/z.md": "z"}, branch="release/2")
        origin.git("symbolic-ref", "HEAD", "refs/heads/release/2")

        assert ids(connector(tmp_path)) == ["z.md"]
        assert ids(connector(tmp_path, branch="main")) == ["a.md", "guides/b.md"]


class TestUnavailable:
    def test_missing_branch_names_those_that_exist(self, tmp_path: Path, origin: Origin) -> None:
        """No other branch takes its place: that would replace all pages."""
        origin.commit({"docs/a.md": "x"}, branch="v2/docs")

        assert refusal(connector(tmp_path, branch="dosc")) == (
            f"{tmp_path}/origin.git: the branch 'dosc' does not exist; nothing was sent or deleted.\n"
            "Set 'branch' to one that exists: main, v2/docs."
        )

    def test_branch_that_goes_away(self, tmp_path: Path, origin: Origin) -> None:
        """A copy in the cache does not stand in for a branch that was renamed."""
        source = connector(tmp_path, branch="main")
        assert ids(source)
        origin.git("branch", "-m", "main", "trunk")

        assert "the branch 'main' does not exist" in refusal(source)
        assert "one that exists: trunk." in refusal(source)

    def test_missing_root_names_the_folders(self, tmp_path: Path, origin: Origin) -> None:
        """A folder that was moved is not an empty one."""
        commit = origin.git("rev-parse", "main")[:10]

        assert refusal(connector(tmp_path, root="dcos")) == (
            f"{tmp_path}/origin.git: the folder 'dcos' does not exist on the default branch "
            f"at commit {commit} (folders at the top: docs, other); nothing was sent or deleted. "
            "Correct 'root'."
        )
        assert "the folder 'docs/a.md' is a file" in refusal(connector(tmp_path, root="docs/a.md"))

    def test_empty_repository(self, tmp_path: Path) -> None:
        """Git clones it without complaint; every page would be deleted."""
        Origin(tmp_path / "origin.git")

        assert refusal(connector(tmp_path)) == (
            f"{tmp_path}/origin.git: the repository has no commits; nothing was sent or deleted."
        )

    @pytest.mark.parametrize("given", [None, "wrong"])
    def test_refused_authentication(
        self, tmp_path: Path, origin: Origin, server: Server, given: str | None
    ) -> None:
        """Nobody is asked for a password, and the way out is named."""
        server.token = "right"
        url = f"{server.url}/origin.git"

        assert refusal(connector(tmp_path, url, token=given)) == (
            f"{url}: the fetch failed: authentication refused; nothing was sent or deleted.\n"
            "Set 'token' or 'token_file' to a token that may read this repository."
        )

    @pytest.mark.parametrize("status", [403, 404, 500, 503])
    def test_server_error(self, tmp_path: Path, origin: Origin, server: Server, status: int) -> None:
        """A good copy in the cache is kept, and is no reason to go on."""
        source = connector(tmp_path, f"{server.url}/origin.git")
        assert ids(source)
        copy = (tmp_path / "cache/repository.git").stat().st_ino
        server.status = status
        server.requests.clear()

        assert "the fetch failed" in refusal(source)
        assert len(server.requests) == 1
        server.status = None
        assert ids(source)
        assert (tmp_path / "cache/repository.git").stat().st_ino == copy

    def test_redirect_is_not_followed(self, tmp_path: Path, origin: Origin, server: Server) -> None:
        """The token is for one host."""
        server.status, server.location = 301, f"{server.url}/elsewhere.git/info/refs?service=git-upload-pack"

        assert "set 'url' to the one that the browser ends at" in refusal(
            connector(tmp_path, f"{server.url}/origin.git", token="secret")
        )
        assert [request for request in server.requests if "elsewhere" in request] == []

    def test_server_that_never_answers(self, tmp_path: Path, origin: Origin, server: Server) -> None:
        """A hanging server ends one run, not the service."""
        server.hang = threading.Event()

        message = refusal(connector(tmp_path, f"{server.url}/origin.git", time_limit_s=1))

        assert "git fetch took longer than time_limit_s (1 s)" in message

    def test_repository_that_is_too_large(self, tmp_path: Path, origin: Origin) -> None:
        """A disk is not filled by one source."""
        origin.commit({"docs/a.md": random.Random(1).randbytes(2_000_000)})

        message = refusal(connector(tmp_path, max_repository_bytes=1_000_000))

        assert "needs more than max_repository_bytes (1,000,000)" in message

    def test_what_is_no_repository(self, tmp_path: Path) -> None:
        """Neither a folder, nor a file, nor nothing at all is taken for an empty repository."""
        (tmp_path / "folder").mkdir()
        (tmp_path / "x.bundle").write_text("# v2 git bundle\nnonsense")

        assert "does not appear to be a git repository" in refusal(connector(tmp_path, "folder"))
        assert "the file holds no branch" in refusal(connector(tmp_path, "x.bundle"))
        assert "there is no such repository" in refusal(connector(tmp_path, "nowhere"))

    def test_truncated_bundle(self, tmp_path: Path, origin: Origin) -> None:
        """A file that is still being copied is refused, and read when it is whole."""
        bundle = origin.bundle(tmp_path / "docs.bundle")
        whole = bundle.read_bytes()
        bundle.write_bytes(whole[:-30])
        source = connector(tmp_path, "docs.bundle", branch="main")

        assert "the fetch failed" in refusal(source)
        bundle.write_bytes(whole)
        assert ids(source) == ["a.md", "guides/b.md"]

    def test_cache_that_cannot_be_written(self, tmp_path: Path, origin: Origin) -> None:
        """The message names the folder."""
        (tmp_path / "cache").write_text("a file")

        assert f"the cache folder {tmp_path}/cache cannot be used" in refusal(connector(tmp_path))

    def test_unreadable_token_file(self, tmp_path: Path, origin: Origin, server: Server) -> None:
        """A token is never guessed, and an empty one is none."""
        (tmp_path / "empty").write_text(" \n")
        source = partial(connector, tmp_path, f"{server.url}/origin.git")

        assert f"the token file {tmp_path}/none cannot be read" in refusal(source(token_file="none"))
        assert "the token is empty" in refusal(source(token_file="empty"))


def _truncate_packs(copy: Path) -> None:
    for pack in (copy / "objects/pack").glob("*.pack"):
        pack.chmod(0o600)
        os.truncate(pack, pack.stat().st_size // 2)


def _remove_packs(copy: Path) -> None:
    for pack in (copy / "objects/pack").iterdir():
        pack.unlink()


def _garble_packs(copy: Path) -> None:
    for pack in (copy / "objects/pack").glob("*.pack"):
        data = pack.read_bytes()
        pack.chmod(0o600)
        pack.write_bytes(data[:14] + bytes(len(data) - 34) + data[-20:])


def _garble_contents(copy: Path) -> None:
    newest = max((copy / "objects/pack").glob("*.pack"), key=lambda pack: pack.stat().st_mtime_ns)
    data = newest.read_bytes()
    newest.chmod(0o600)
    newest.write_bytes(data[:13] + bytes(len(data) - 33) + data[-20:])


def _replace_by_file(copy: Path) -> None:
    shutil.rmtree(copy)
    copy.write_text("x")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "truncated packs": _truncate_packs,
    "garbled packs": _garble_packs,
    "garbled contents": _garble_contents,
    "removed packs": _remove_packs,
    "removed objects": lambda copy: shutil.rmtree(copy / "objects"),
    "garbage in the ref": lambda copy: (copy / "refs/syncd/head").write_text("garbage\n"),
    "ref to nowhere": lambda copy: (copy / "refs/syncd/head").write_text("1" * 40 + "\n"),
    "removed refs": lambda copy: shutil.rmtree(copy / "refs"),
    "empty HEAD": lambda copy: (copy / "HEAD").write_text(""),
    "empty configuration": lambda copy: (copy / "config").write_text(""),
    "binary configuration": lambda copy: (copy / "config").write_bytes(b"\xff\x00"),
    "stale lock": lambda copy: (copy / "refs/syncd/head.lock").write_text(""),
    "stale shallow lock": lambda copy: (copy / "shallow.lock").write_text(""),
    "remains of a copy": lambda copy: (copy.parent / "fresh.git/objects").mkdir(parents=True),
    "a file in its place": _replace_by_file,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_copy_is_made_again(tmp_path: Path, origin: Origin, server: Server, damage: str) -> None:
    """At worst one run refuses; none lists less than there is, and the next one is whole again."""
    source = connector(tmp_path, f"{server.url}/origin.git")
    assert bodies(source) == {"a.md": "# A\n", "guides/b.md": "# B\n"}
    DAMAGES[damage](tmp_path / "cache/repository.git")
    origin.commit({**PAGES, "docs/a.md": "# New\n"})

    try:
        first = bodies(source)
    except (SourceUnavailable, ItemError):
        first = None

    assert first in (None, {"a.md": "# New\n", "guides/b.md": "# B\n"})
    assert bodies(source) == {"a.md": "# New\n", "guides/b.md": "# B\n"}


def test_many_runs_at_once_share_a_cache(tmp_path: Path, origin: Origin, server: Server) -> None:
    """A plan by hand beside the service: both see a whole copy."""
    url = f"{server.url}/origin.git"
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: bodies(connector(tmp_path, url)), range(12)))

    assert found == [{"a.md": "# A\n", "guides/b.md": "# B\n"}] * 12


@pytest.mark.parametrize("over", ["disk", pytest.param("http", marks=pytest.mark.ring)])
def test_fifty_commits_do_not_fill_the_cache_with_packs(
    tmp_path: Path, origin: Origin, server: Server, over: str
) -> None:
    """A copy that is fetched into for years stays quick to open."""
    source = connector(tmp_path, f"{server.url}/origin.git" if over == "http" else None)
    before = revision(source)
    for number in range(30):
        origin.commit({"docs/a.md": f"{number}", "other/x": f"{number}"})
        assert bodies(source) == {"a.md": f"{number}"}
        origin.commit({"docs/a.md": f"{number}", "other/x": "x"})
        assert ids(source) == ["a.md"]

    assert len(list((tmp_path / "cache/repository.git/objects/pack").glob("*.pack"))) <= 52
    assert removed(source, before) == {"guides/b.md"}


def test_other_files_of_the_repository_are_given_by_their_blobs(tmp_path: Path, origin: Origin) -> None:
    """A page of the root may include what lies above it, and the version of that is its blob."""
    source = connector(tmp_path)

    with source.open() as snapshot:
        paths = ["a.md", "../other/c.md", "guides/../a.md", "none.md", "guides", "../../etc/passwd"]
        versions, contents = snapshot.versions(paths), snapshot.contents(paths)

    assert {path: file.text for path, file in contents.items()} == {
        "a.md": "# A\n",
        "guides/../a.md": "# A\n",
        "../other/c.md": "# C\n",
    }
    assert {path: file.version for path, file in contents.items()} == versions
    assert versions["a.md"] == origin.git("rev-parse", "main:docs/a.md")


def test_links_and_credentials_are_never_given_to_a_page(tmp_path: Path, origin: Origin) -> None:
    """Whatever a page asks to include."""
    secret = {".env": "x", ".ssh/id_rsa": "x", "docs/key.pem": "x"}
    origin.commit({**PAGES, **secret, "docs/link.md": Link("a.md"), "docs/folder": Link("guides")})

    with connector(tmp_path).open() as snapshot:
        asked = [
            "../.env",
            "../.ssh/id_rsa",
            "key.pem",
            "link.md",
            "folder/b.md",
            "\\x2e\\x2e/.env",
            "a\0.md",
        ]
        assert snapshot.versions(asked) == {}
        assert snapshot.contents(asked) == {}


def test_included_files_of_a_partial_copy_come_in_one_request(tmp_path: Path, server: Server) -> None:
    """One by one they would take three requests each."""
    Origin(tmp_path / "origin.git").commit(
        {"docs/a.md": "# A\n", **{f"listings/{number}.rs": f"fn f{number}() {{}}\n" for number in range(30)}}
    )
    paths = [f"../listings/{number}.rs" for number in range(30)]

    with connector(tmp_path, f"{server.url}/origin.git").open() as snapshot:
        before = len(server.requests)
        assert len(snapshot.versions(paths)) == 30
        assert len(server.requests) == before
        assert len(snapshot.contents(paths)) == 30
        assert len(server.requests) - before <= 3
