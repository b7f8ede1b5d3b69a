"""The copy of a repository in the cache: one branch, bare, without the files' contents where possible.

The first fetch brings the newest commit only, later ones what was added since; so whether an earlier
commit is an ancestor can be told for all that syncd has seen. Contents come when they are read. The copy
may be deleted at any time, and one that is damaged is made again beside it before it is replaced.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from connectors.git.command import Batch, Git, GitFailed, GitLimit, GitUnfit
from syncd.errors import SourceUnavailable

HEAD: Final = "refs/syncd/head"

_REMEMBERED_TREES: Final = 200
_COMMIT_BYTES: Final = 1_000_000

_CONFIG: Final = """[core]
\trepositoryformatversion = 1
\tbare = true
[remote "origin"]
\turl = {url}
"""
_PARTIAL: Final = """\tpromisor = true
\tpartialclonefilter = blob:none
[extensions]
\tpartialClone = origin
"""

_REFUSED = re.compile(
    r"Authentication failed|could not read (Username|Password)|Permission denied|error: 40[13]"
    r"|[Rr]epository .*not found"
    r"|Host key verification failed|Could not read from remote repository|does not appear to be a git repo"
    r"|[Ii]nvalid username|[Aa]ccess denied|does not exist",
)
_UNREACHABLE = re.compile(
    r"Could not resolve|unable to access|Connection (refused|reset|timed out)|unable to connect|timed out"
    r"|hung up|early EOF|SSL|TLS|gnutls|not allowed|Operation too slow|HTTP [45]\d\d",
)
_NO_REF = re.compile(r"couldn't find remote ref|Couldn't find remote ref")
_CANNOT_BE_PARTIAL = re.compile(r"shallow|filter|dumb http|depth", re.IGNORECASE)

# A folder of more is none that a generator's settings lie in.
_TREE_BYTES = 1_000_000


class Pin(NamedTuple):
    """The commit that a run is about.

    Attributes:
        commit: its id.
        tree: id of the folder that is the source's root.
        at: when it was committed.
    """

    commit: str
    tree: str
    at: datetime | None


class Entry(NamedTuple):
    """What a folder holds under a name: its mode and the id of its content."""

    mode: str
    id: str


class Repository:
    """One branch of a repository, kept in the cache."""

    def __init__(self, cache: Path, url: str, branch: str | None, git: Git, *, partial: bool) -> None:
        """Name it; nothing is done yet.

        Args:
            cache: the source's cache folder.
            url: of the origin, without any secret.
            branch: None for the one that the origin calls its default.
            git: how to run Git; its folder is `folder(cache)`.
            partial: whether to leave out history and contents at first.
        """
        self._cache = cache
        self._url = url
        self._branch = branch
        self._git = git
        self._partial = partial

    @staticmethod
    def folder(cache: Path) -> Path:
        """Where the copy lies in a cache folder."""
        return cache / "repository.git"

    def update(self) -> None:
        """Bring the copy up to the origin's branch as it is now.

        Raises:
            SourceUnavailable: it could not be done; the message says what to do.
        """
        try:
            self._cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._locked():
                self._bring_up()
        except GitFailed as error:
            raise self._unavailable(error) from error
        except OSError as error:
            raise self._no_room(error) from error

    def pin(self, batch: Batch, root: str) -> Pin:
        """Tell which commit and root folder the copy has.

        Raises:
            GitFailed: the copy is damaged.
            SourceUnavailable: the branch has no such folder.
        """
        head = batch.read(HEAD, most_bytes=_COMMIT_BYTES)
        if head is None or head.kind != "commit" or head.content is None:
            raise GitFailed("the copy in the cache has lost its newest commit")
        tree = batch.read(f"{head.id}:{root}", most_bytes=0)
        if tree is None and root == "":
            raise GitFailed("the copy in the cache has lost its root folder")
        if tree is None or tree.kind != "tree":
            what = "is a file" if tree is not None else "does not exist"
            raise SourceUnavailable(
                f"{self._url}: the folder {root!r} {what} on {self._name()} at commit {head.id[:10]}"
                f"{self._folders(head.id, root)}; nothing was sent or deleted. Correct 'root'."
            )
        return Pin(head.id, tree.id, _committed(head.content))

    def folder_of(self, batch: Batch, name: str) -> Mapping[bytes, Entry]:
        """What lies in one folder by name, of a commit and path or a tree's id; nothing in one of too many.

        Raises:
            GitFailed: the copy is damaged.
        """
        tree = batch.read(name, most_bytes=_TREE_BYTES)
        if tree is None or tree.kind != "tree" or tree.content is None:
            return {}
        # An entry is "mode name\0" and the bytes of an object id.
        id_bytes = len(bytes.fromhex(tree.id))
        entries, place = {}, 0
        while place < len(tree.content):
            end = tree.content.index(b"\0", place)
            mode, _, called = tree.content[place:end].partition(b" ")
            place = end + 1 + id_bytes
            entries[called] = Entry(mode.decode("ascii"), tree.content[end + 1 : place].hex())
        return entries

    def entries(self, tree: str) -> Iterator[tuple[str, str, bytes]]:
        """Give mode, object id and path of all that lies below a tree.

        Raises:
            GitFailed: the copy is damaged, and what was given so far is not all.
        """
        for line in self._git.fields("ls-tree", "-r", "-z", "--full-tree", tree):
            facts, _, path = line.partition(b"\t")
            mode, _, identifier = facts.split()
            yield mode.decode("ascii"), identifier.decode("ascii"), path

    def fetch(self, objects: Iterable[str]) -> None:
        """Bring the contents that the copy does not have yet, in one request.

        Raises:
            SourceUnavailable: the origin did not give them.
        """
        if not self._partial:
            return
        try:
            listed = self._git.run(
                "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"
            )
            missing = set(objects).difference(listed.decode("ascii").split())
            if missing:
                self._git.run(
                    *("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags"),
                    *("--no-write-fetch-head", "--filter=blob:none", "--stdin", "origin"),
                    stdin="".join(f"{one}\n" for one in sorted(missing)).encode("ascii"),
                )
        except GitFailed as error:
            raise self._unavailable(error) from error

    def batch(self) -> Batch:
        """Start a process that gives the contents of objects."""
        return self._git.batch()

    def remember(self, pin: Pin) -> None:
        """Note by which commit a root folder was last seen, for `removed`.

        Raises:
            SourceUnavailable: the cache cannot be written.
        """
        known = {tree: commit for tree, commit in self._remembered() if tree != pin.tree}
        lines = [f"{tree} {commit}" for tree, commit in [*known.items(), (pin.tree, pin.commit)]]
        try:
            with self._locked():
                new = self._cache / "trees.new"
                new.write_text("\n".join(lines[-_REMEMBERED_TREES:]) + "\n", encoding="ascii")
                new.replace(self._cache / "trees")
        except OSError as error:
            raise self._no_room(error) from error

    def removed(self, old_tree: str, pin: Pin) -> list[bytes]:
        """Paths below the root that the commits since one of `old_tree` removed.

        Nothing if that commit is unknown or is not an ancestor: a rewritten history proves nothing.
        """
        commit = dict(self._remembered()).get(old_tree)
        if commit is None:
            return []
        try:
            self._git.run("merge-base", "--is-ancestor", commit, pin.commit)
            return list(
                self._git.fields(
                    *("diff-tree", "-r", "-z", "--no-renames", "--name-only", "--diff-filter=D"),
                    *(old_tree, pin.tree),
                )
            )
        except GitFailed:
            return []

    def distrust(self) -> None:
        """Have the copy made again by the next run."""
        self._mark().touch()

    def _bring_up(self) -> None:
        copy = self.folder(self._cache)
        fresh = self._cache / "fresh.git"
        _discard(fresh)  # of a run that was killed
        if self._usable(copy):
            try:
                self._fetch_branch(self._git)
                with closing(self._git.batch()) as batch:
                    if batch.read(f"{HEAD}^{{tree}}", most_bytes=0) is not None:
                        return
            except GitFailed as error:
                if _is_of_the_origin(error):
                    raise
        # Not even made, or damaged: a new one takes the place of the old one once it is whole.
        git = self._git.at(fresh)
        try:
            self._make(git)
            _discard(copy)
            fresh.replace(copy)
        finally:
            _discard(fresh)

    def _usable(self, copy: Path) -> bool:
        if not (copy / "HEAD").exists() or self._mark().exists():
            return False
        try:
            config = (copy / "config").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return False
        return config.startswith(_CONFIG.format(url=_quoted(self._url)))

    def _mark(self) -> Path:
        return self.folder(self._cache) / "syncd-distrusted"

    def _make(self, git: Git) -> None:
        git.check_version()
        ways = [True, False] if self._partial else [False]
        for partial in ways:
            _discard(git.folder)
            git.run("init", "--quiet", "--bare", "--template=")
            config = _CONFIG.format(url=_quoted(self._url))
            (git.folder / "config").write_text(config + (_PARTIAL if partial else ""), encoding="utf-8")
            try:
                self._fetch_branch(git, *(["--depth=1"] if partial else []))
                return
            except GitFailed as error:
                if not partial or not _CANNOT_BE_PARTIAL.search(error.text):
                    raise

    def _fetch_branch(self, git: Git, *options: str) -> None:
        source = f"refs/heads/{self._branch}" if self._branch else "HEAD"
        git.run(
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--force", "--no-auto-maintenance"),
            *(*options, "origin", f"+{source}:{HEAD}"),
        )
        git.check_size()
        if len(list((git.folder / "objects/pack").glob("*.pack"))) > 50:
            with suppress(GitFailed):  # the copy is good without it, and the next run tries again
                git.run("gc", "--quiet")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from changing the copy meanwhile."""
        with (self._cache / "lock").open("w") as lock:
            deadline_s = time.monotonic() + self._git.time_limit_s
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline_s:
                        raise SourceUnavailable(
                            f"{self._url}: another process has been fetching into {self._cache} for "
                            f"{self._git.time_limit_s:g} s; nothing was sent or deleted. Try again later."
                        ) from None
                    time.sleep(0.1)
            yield

    def _remembered(self) -> list[tuple[str, str]]:
        try:
            text = (self._cache / "trees").read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return []
        return [(tree, commit) for tree, _, commit in (line.partition(" ") for line in text.splitlines())]

    def _name(self) -> str:
        return f"the branch {self._branch!r}" if self._branch else "the default branch"

    def _folders(self, commit: str, root: str) -> str:
        above = root.rpartition("/")[0]
        try:
            found = list(
                self._git.fields("ls-tree", "-d", "-z", "--name-only", "--full-tree", f"{commit}:{above}")
            )
        except GitFailed:
            return ""
        where = f"in {above!r}" if above else "at the top"
        return f" ({_some(found, f'there are no folders {where}', f'folders {where}: ')})"

    def _unavailable(self, error: GitFailed) -> SourceUnavailable:
        text, unchanged = error.text, "nothing was sent or deleted"
        if _NO_REF.search(text):
            return self._no_branch()
        if isinstance(error, GitUnfit):
            return SourceUnavailable(f"{self._url}: {text}; {unchanged}.")
        if isinstance(error, GitLimit):
            return SourceUnavailable(
                f"{self._url}: {text}; {unchanged}. Raise the limit, or look at the server."
            )
        if "could not read Username" in text:
            text = "authentication refused"
            advice = "Set 'token' or 'token_file' to a token that may read this repository."
        elif "error: 30" in text:
            advice = "The server points to another address: set 'url' to the one that the browser ends at."
        elif re.search("certificate|SSL|TLS|gnutls", text):
            advice = "Have the server's certificate authority installed, or name its file in GIT_SSL_CAINFO."
        elif "Host key verification failed" in text:
            advice = (
                "Add the server's key to 'known_hosts', after comparing it with what the server publishes."
            )
        elif _REFUSED.search(text) and "connect to host" not in text:
            advice = "Check the address, and that the token or key may read this repository."
        else:
            advice = "Check the address and the network."
        return SourceUnavailable(f"{self._url}: the fetch failed: {text}; {unchanged}.\n{advice}")

    def _no_room(self, error: OSError) -> SourceUnavailable:
        return SourceUnavailable(
            f"{self._url}: the cache folder {self._cache} cannot be used: {error.strerror}; nothing was "
            "sent or deleted. Make it writable, or free some room."
        )

    def _no_branch(self) -> SourceUnavailable:
        """Say what there is instead of a branch that there is not."""
        try:
            listed = self._git.run("ls-remote", "--heads", "--quiet", "--", self._url)
        except GitFailed as error:
            return self._unavailable(error)
        names = [line.partition(b"\trefs/heads/")[2] for line in listed.splitlines()]
        unchanged = "nothing was sent or deleted"
        if not names:
            what = (
                "the file holds no branch" if Path(self._url).is_file() else "the repository has no commits"
            )
            return SourceUnavailable(f"{self._url}: {what}; {unchanged}.")
        return SourceUnavailable(
            f"{self._url}: {self._name()} does not exist; {unchanged}.\n"
            f"Set 'branch' to one that exists: {_some(names, 'none', '')}."
        )


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _is_of_the_origin(error: GitFailed) -> bool:
    """Whether a failure says nothing about the copy."""
    return isinstance(error, GitLimit | GitUnfit) or any(
        one.search(error.text) for one in (_REFUSED, _UNREACHABLE, _NO_REF)
    )


def _committed(commit: bytes) -> datetime | None:
    found = re.search(rb"^committer .*> (-?\d+) [-+]\d{4}$", commit.partition(b"\n\n")[0], re.MULTILINE)
    try:
        return datetime.fromtimestamp(int(found[1]), UTC) if found else None
    except (OverflowError, ValueError, OSError):  # a year that no calendar has
        return None


def _some(names: list[bytes], none: str, before: str) -> str:
    if not names:
        return none
    shown = [one.decode("utf-8", "backslashreplace") for one in sorted(names)[:10]]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return before + ", ".join(shown) + more


def _quoted(url: str) -> str:
    return '"' + url.replace("\\", "\\\\").replace('"', '\\"') + '"'
