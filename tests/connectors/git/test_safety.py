"""What the Git connector must never do: run a stranger's program, or show a token."""

from __future__ import annotations

import base64
import os
import shutil
import ssl
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.git import GitSettings, open_connector
from connectors.git.command import Git, GitFailed
from syncd.connector import Connector, Context
from syncd.errors import SourceUnavailable
from syncd.model import Item
from tests.connectors.git.origins import Link, Origin, Submodule, serving

TOKEN = "canary+token/0123456789=="


def connector(home: Path, url: str, **settings: Any) -> Connector:
    context = Context(source="docs", base=home, cache=home / "cache")
    return open_connector(GitSettings(**{"url": url, "allow_local": True, **settings}), context)


def bodies(source: Connector) -> dict[str, str]:
    with source.open() as snapshot:
        items = [one for one in snapshot.items() if isinstance(one, Item)]
        snapshot.prepare(items)
        return {one.external_id: snapshot.read(one).body for one in items}


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        [
            "https://github.com/acme/handbook.git",
            "https://git.example.com:8443/a/b",
            "https://[2001:db8::1]:8443/a.git",
            "ssh://git@example.com:2222/a.git",
            "git@github.com:acme/handbook.git",
            "example.com:a.git",
        ],
    )
    def test_usual_addresses_pass(self, url: str) -> None:
        """The forms that servers show on their pages."""
        assert GitSettings(url=url).url == url

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("", "is not the address of a repository"),
            ("-oProxyCommand=touch canary", "is not the address of a repository"),
            ("--upload-pack=touch canary", "is not the address of a repository"),
            ("ext::sh -c touch% canary", "is not the address of a repository"),
            ("fd::17", "is not the address of a repository"),
            ("https://host/a\n.git", "is not the address of a repository"),
            ("git://host/a.git", "must begin with https:// or ssh://"),
            ("ftp://host/a.git", "must begin with https:// or ssh://"),
            ("https://host/a b.git", "must begin with https:// or ssh://"),
            ("http://host/a.git", "plain http would show the pages to everyone on the way"),
            ("http://127.0.0.1/a.git", "set 'allow_local: true' if that is intended"),
            ("file:///srv/a.git", "set 'allow_local: true' if that is intended"),
            ("/srv/a.git", "set 'allow_local: true' if that is intended"),
            ("../a.bundle", "set 'allow_local: true' if that is intended"),
            ("file://host/a.git/..", "must be file:/// and an absolute path"),
            ("https://token@host/a.git", "must not hold a user name or a token; use 'token_file'"),
            ("https://user:token@host/a.git", "must not hold a user name or a token; use 'token_file'"),
            ("https://host/a.git?x=1", 'must not have "?" or "#"'),
            ("https://host", "must name a host and a repository"),
            ("https:///a.git", "must name a host and a repository"),
            ("ssh://-oProxyCommand=canary/a.git", "must name a host and a repository"),
            ("ssh://git:word@host/a.git", "must not hold a password"),
            ("ssh://-x@host/a.git", "must not hold a password"),
        ],
    )
    def test_dangerous_addresses_are_refused(self, url: str, message: str) -> None:
        """When the configuration is read, before any program is started."""
        with pytest.raises(ValidationError) as caught:
            GitSettings(url=url)

        assert message in str(caught.value)

    @pytest.mark.parametrize(
        "branch",
        [
            *("", "--output=x", "-x", "a..b", "@{u}", "@", "a b", "a~1", "a^", "a:b", "a?", "*", "[a"),
            *(
                "a\\b",
                "/a",
                "a/",
                "a//b",
                ".a",
                "a/.b",
                "a.lock",
                "a.lock/b",
                "a.",
                "a\x7f",
                "a\n",
                "a" * 251,
            ),
        ],
    )
    def test_what_is_no_branch_is_refused(self, branch: str) -> None:
        """A name that Git would read as an option or a calculation."""
        with pytest.raises(ValidationError, match="is not the name of a branch"):
            GitSettings(url="https://host/a.git", branch=branch)

    @pytest.mark.parametrize(
        ("branch", "name"), [("main", "main"), ("refs/heads/v2/é-1.x", "v2/é-1.x"), ("#1_a+b", "#1_a+b")]
    )
    def test_branches_pass(self, branch: str, name: str) -> None:
        """All that Git itself would let someone create."""
        assert GitSettings(url="https://host/a.git", branch=branch).branch == name

    @pytest.mark.parametrize("root", ["/docs", "../docs", "docs/../..", "docs\\a", "docs\n"])
    def test_root_outside_of_the_repository_is_refused(self, root: str) -> None:
        """The root is a folder of the repository and of nothing else."""
        with pytest.raises(ValidationError, match="must be a folder"):
            GitSettings(url="https://host/a.git", root=root)

    @pytest.mark.parametrize(
        ("root", "folder"), [("", ""), (".", ""), ("./docs/", "docs"), ("a b//c", "a b/c")]
    )
    def test_root_is_written_in_one_way(self, root: str, folder: str) -> None:
        """So that two ways of writing it do not look like a changed setting."""
        assert GitSettings(url="https://host/a.git", root=root).root == folder

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"token": "a", "token_file": "b"}, "the token is given twice"),
            ({"url": "git@host:a.git", "token": "a"}, "a token is for https addresses"),
            ({"username": "a:b"}, "String should match pattern"),
            ({"tokn": "a"}, "Extra inputs are not permitted"),
        ],
    )
    def test_wrong_credentials_are_explained(self, settings: dict[str, Any], message: str) -> None:
        """Before anything is sent anywhere."""
        with pytest.raises(ValidationError) as caught:
            GitSettings(**{"url": "https://host/a.git", **settings})

        assert message in str(caught.value)


class TestPrograms:
    @pytest.fixture
    def canary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """A program that leaves a trace, put wherever Git looks for programs to run."""
        trace, program = tmp_path / "trace", tmp_path / "canary"
        program.write_text(f"#!/bin/sh\necho ran >> {trace}\ncat\n")
        program.chmod(0o755)
        home = tmp_path / "home"
        (home / "template/hooks").mkdir(parents=True)
        for hook in ("post-checkout", "reference-transaction", "pre-auto-gc", "post-index-change"):
            (home / "template/hooks" / hook).symlink_to(program)
        (home / ".gitconfig").write_text(
            f"""
            [core]
                hooksPath = {home}/template/hooks
                fsmonitor = {program}
                sshCommand = {program}
                askPass = {program}
                pager = {program}
                attributesFile = {home}/attributes
            [init]
                templateDir = {home}/template
            [credential]
                helper = {program}
            [filter "canary"]
                smudge = {program}
                process = {program}
                required = true
            [uploadpack]
                packObjectsHook = {program}
            [protocol "ext"]
                allow = always
            [url "ext::{program} "]
                insteadOf = http://
            """
        )
        (home / "attributes").write_text("* filter=canary diff=canary\n")
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
        monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'core.hooksPath={home}/template/hooks'")
        monkeypatch.setenv("GIT_TEMPLATE_DIR", str(home / "template"))
        for name in ("GIT_ASKPASS", "SSH_ASKPASS", "GIT_SSH", "GIT_PROXY_COMMAND", "GIT_EXTERNAL_DIFF"):
            monkeypatch.setenv(name, str(program))
        yield trace
        assert not trace.exists()

    @pytest.mark.usefixtures("canary")
    def test_neither_a_person_nor_a_repository_makes_git_run_a_program(self, tmp_path: Path) -> None:
        """Hooks, filters, helpers, templates and rewritten addresses: none is used."""
        origin = Origin(tmp_path / "origin.git")
        program = tmp_path / "canary"
        origin.commit(
            {
                "a.md": "# A\n",
                ".gitattributes": "* filter=canary diff=canary merge=canary\n",
                ".gitmodules": f'[submodule "x"]\npath = x\nurl = ext::{program}\nupdate = !{program}\n',
                "x": Submodule(),
                "hooks": Link("/etc"),
                ".git-hooks/post-checkout": f"#!/bin/sh\n{program}\n",
            }
        )

        with serving(tmp_path) as server:
            assert bodies(connector(tmp_path, f"{server.url}/origin.git")) == {"a.md": "# A\n"}
            assert bodies(connector(tmp_path, str(origin.folder))) == {"a.md": "# A\n"}
            server.token = "wanted"
            with pytest.raises(SourceUnavailable, match="authentication refused"):
                bodies(connector(tmp_path, f"{server.url}/origin.git"))

    @pytest.mark.parametrize("url", ["ext::{program}", "fd::0", "file:///{program}", "git://127.0.0.1/x"])
    def test_second_line_of_defence_is_git_itself(self, tmp_path: Path, canary: Path, url: str) -> None:
        """Even an address that got past the settings is refused: GIT_ALLOW_PROTOCOL."""
        git = Git(tmp_path / "x.git", protocols=["https", "ssh"], time_limit_s=5, max_bytes=1_000_000)

        with pytest.raises(GitFailed, match="not allowed"):
            git.run("ls-remote", "--", url.format(program=tmp_path / "canary"))

    def test_copy_has_no_work_tree_and_is_private(self, tmp_path: Path) -> None:
        """Names of a repository never become names in a file system, and other users see nothing."""
        Origin(tmp_path / "origin.git").commit({"canary-name.md": "x"})
        assert bodies(connector(tmp_path, str(tmp_path / "origin.git")))

        assert [one for one in (tmp_path / "cache").rglob("*") if "canary-name" in one.name] == []
        assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


class TestSsh:
    def test_ssh_asks_nothing_and_trusts_no_stranger(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Keys and known hosts are those of the settings; nothing is forwarded."""
        Origin(tmp_path / "origin.git").commit({"docs/a.md": "# A\n"})
        ssh = tmp_path / "bin/ssh"
        ssh.parent.mkdir()
        # What a server would do: run the last argument.
        ssh.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/arguments\n'
            'for last; do :; done\nexec sh -c "$last"\n'
        )
        ssh.chmod(0o755)
        monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")

        found = bodies(
            connector(
                tmp_path,
                f"ssh://git@docs.example.com{tmp_path}/origin.git",
                root="docs",
                allow_local=False,
                ssh_key="my key",
                known_hosts="hosts file",
            )
        )

        arguments = (tmp_path / "arguments").read_text().splitlines()
        assert found == {"a.md": "# A\n"}
        assert f"git-upload-pack '{tmp_path}/origin.git'" in arguments
        assert {
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "ForwardAgent=no",
            "IdentitiesOnly=yes",
            f"{tmp_path}/my key",
            f'UserKnownHostsFile="{tmp_path}/hosts file"',
            "git@docs.example.com",
        } <= set(arguments)

    def test_unknown_server_is_refused_with_the_way_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody is asked whether to trust a key."""
        ssh = tmp_path / "bin/ssh"
        ssh.parent.mkdir()
        ssh.write_text("#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n")
        ssh.chmod(0o755)
        monkeypatch.setenv("PATH", f"{ssh.parent}:{os.environ['PATH']}")

        with pytest.raises(SourceUnavailable) as caught:
            bodies(connector(tmp_path, "git@docs.example.com:a.git"))

        assert str(caught.value) == (
            "git@docs.example.com:a.git: the fetch failed: Host key verification failed; "
            "Could not read from remote repository; nothing was sent or deleted.\n"
            "Add the server's key to 'known_hosts', after comparing it with what the server publishes."
        )


def test_unknown_certificate_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verification cannot be turned off from outside; an authority of one's own can be named."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: no certificate to try")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        capture_output=True,
        check=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    Origin(tmp_path / "origin.git").commit({"a.md": "x"})
    monkeypatch.setenv("GIT_SSL_NO_VERIFY", "1")
    monkeypatch.delenv("GIT_SSL_CAINFO", raising=False)
    with serving(tmp_path, context) as server:
        server.token = TOKEN
        source = connector(tmp_path, f"{server.url}/origin.git", token=TOKEN, allow_local=False)

        with pytest.raises(SourceUnavailable, match="name its file in GIT_SSL_CAINFO"):
            bodies(source)
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert bodies(source) == {"a.md": "x"}


class TestTokens:
    @pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "refused"])
    def test_token_is_seen_by_the_server_alone(self, tmp_path: Path, accepted: bool) -> None:
        """Not in an argument list, a file, or an error, whether the fetch works or not."""
        home = tmp_path / "home"
        Origin(tmp_path / "origin.git").commit({f"{number}.md": f"{number}" for number in range(20)})
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        with serving(tmp_path) as server, watching_commands() as commands:
            server.token = TOKEN if accepted else "another"
            source = connector(home, f"{server.url}/origin.git", token_file=tmp_path / "token")
            said = ""
            for _ in range(3):
                try:
                    assert len(bodies(source)) == 20
                except SourceUnavailable as error:
                    said += f"{error} {error.__cause__!r} {error.__cause__}"

        sent = base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()
        assert {head.get("Authorization") for head in server.headers} == {f"Basic {sent}"}
        assert bool(said) is not accepted
        assert any("git" in command and "fetch" in command for command in commands)
        kept = b"".join(one.read_bytes() for one in home.rglob("*") if one.is_file())
        for secret in (TOKEN, sent, "canary"):
            assert secret not in said
            assert secret.encode() not in kept
            assert not [command for command in commands if secret in command]

    def test_token_is_masked_where_a_server_repeats_it(self, tmp_path: Path) -> None:
        """A server's own words stand in the error; the token does not."""
        git = Git(
            tmp_path / "x.git",
            protocols=["http"],
            time_limit_s=5,
            max_bytes=1_000_000,
            authorization=("http://127.0.0.1:9/", "u", TOKEN),
        )

        with pytest.raises(GitFailed) as caught:
            git.run("rev-parse", "--verify", f"refs/{TOKEN}")
        with pytest.raises(GitFailed) as encoded:
            git.run("check-ref-format", "--branch", base64.b64encode(f"u:{TOKEN}".encode()).decode() + "..")

        assert "canary" not in caught.value.text
        assert "***" in encoded.value.text

    def test_token_is_read_again_at_each_run(self, tmp_path: Path) -> None:
        """A token is changed by changing its file, without a restart."""
        Origin(tmp_path / "origin.git").commit({"a.md": "x"})
        token = tmp_path / "token"
        token.write_text("old")
        with serving(tmp_path) as server:
            server.token = "new"
            source = connector(tmp_path, f"{server.url}/origin.git", token_file="token")
            with pytest.raises(SourceUnavailable, match="authentication refused"):
                bodies(source)
            token.write_text("new")

            assert bodies(source) == {"a.md": "x"}

    def test_token_does_not_go_to_another_host(self, tmp_path: Path) -> None:
        """A server that sends syncd elsewhere learns nothing for the other one."""
        Origin(tmp_path / "origin.git").commit({"a.md": "x"})
        with serving(tmp_path) as server, serving(tmp_path) as other:
            server.status, server.location = 302, f"{other.url}/origin.git/info/refs?service=git-upload-pack"
            with pytest.raises(SourceUnavailable, match="points to another address"):
                bodies(connector(tmp_path, f"{server.url}/origin.git", token=TOKEN))

            assert other.requests == []


@contextmanager
def watching_commands() -> Iterator[set[str]]:
    """Collect the argument lists of all processes, every few milliseconds."""
    seen: set[str] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.005):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(process.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
                except OSError:
                    continue

    if not Path("/proc/self/cmdline").exists():
        pytest.skip("no /proc here")
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def test_missing_git_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slim container may lack it."""
    Origin(tmp_path / "origin.git").commit({"a.md": "x"})
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SourceUnavailable, match=r"git cannot be started .* install Git; nothing was sent"):
        bodies(connector(tmp_path, str(tmp_path / "origin.git")))


def test_old_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 2.32, Git would have read the settings of a person, hooks and all."""
    origin = Origin(tmp_path / "origin.git")
    origin.commit({"a.md": "x"})
    old = tmp_path / "bin/git"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho git version 2.25.1\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent))

    with pytest.raises(SourceUnavailable) as caught:
        bodies(connector(tmp_path, str(origin.folder)))

    assert str(caught.value) == (
        f"{origin.folder}: this is 'git version 2.25.1'; install Git 2.32 or later; "
        "nothing was sent or deleted."
    )


def test_killed_run_leaves_no_process(tmp_path: Path) -> None:
    """Git starts helpers; all of them end when the limit is reached."""
    Origin(tmp_path / "origin.git").commit({"a.md": "x"})
    with serving(tmp_path) as server:
        server.hang = threading.Event()
        with pytest.raises(SourceUnavailable, match="took longer"):
            bodies(connector(tmp_path, f"{server.url}/origin.git", time_limit_s=1))

        running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
        assert [line for line in running.splitlines() if server.url in line] == []
