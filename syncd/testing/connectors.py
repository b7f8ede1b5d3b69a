"""The contract that every connector keeps, as a test class to inherit.

    class TestFilesystem(ConnectorContract):
        def build(self, home: Path, files: Mapping[str, str]) -> None: ...
        def connect(self, home: Path) -> Connector: ...
        def lose(self, home: Path) -> None: ...

A connector's quirks have tests of their own beside it; this class says what syncd relies on.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from syncd.connector import Connector, Snapshot
from syncd.errors import ItemError, SourceUnavailable
from syncd.model import Document, Item, Unlisted

FILES: Mapping[str, str] = {
    "index.md": "# Welcome\n\nThe first words.\n",
    "guides/install.md": "# Install\n\nRun the installer.\n",
    "guides/été & co #1 100%.md": "# Été\n\nNaïve façade, 日本語.\n",
    "deep/er/still/page.md": "# Deep\n\nFar below.\n",
}
"""Small documents: a name with "/" as a person would write it → Markdown text."""

# Run in a process of its own: another hash seed, another locale, another address space.
_LIST_IN_CHILD = """
import importlib.util, json, pathlib, sys
spec = importlib.util.spec_from_file_location("contract_case", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["contract_case"] = module
spec.loader.exec_module(module)
case = getattr(module, sys.argv[2])()
with case.connect(pathlib.Path(sys.argv[3])).open() as snapshot:
    found = sorted((one.external_id, one.version) for one in snapshot.items() if hasattr(one, "version"))
print(json.dumps(found))
"""


class ConnectorContract:
    """Inherit it as `class TestMyConnector(ConnectorContract)` and fill in the hooks.

    Attributes:
        MOST_BYTES: memory that reading forty documents of 256 kB, one at a time, may take at its peak.
    """

    MOST_BYTES = 6_000_000

    # -- hooks -----------------------------------------------------------------------------------------

    def build(self, home: Path, files: Mapping[str, str]) -> None:
        """Make the origin in the folder `home` hold exactly these documents.

        Called again, it edits, adds and removes what differs, and leaves alone what does not.
        """
        raise NotImplementedError

    def connect(self, home: Path) -> Connector:
        """Return a connector for the origin in `home`, as a new process would make it."""
        raise NotImplementedError

    def lose(self, home: Path) -> None:
        """Make the origin as a whole vanish, as an unmounted volume or a deleted repository does."""
        raise NotImplementedError

    def spoil(self, home: Path, name: str) -> None:
        """Make one document unreadable while it stays listed."""
        pytest.skip("this origin has no document that can be listed and not read")

    def hide(self, home: Path) -> str:
        """Make one scope that holds documents impossible to list, and return the scope."""
        pytest.skip("this origin has no scope that can fail by itself")

    def external_id(self, name: str) -> str:
        """Return the external id of a document by the name it was built under."""
        return name

    def origin(self, home: Path) -> Path:
        """Return the file or folder that is the origin, for the check that reading writes nothing."""
        return home

    # -- listing ---------------------------------------------------------------------------------------

    def test_listing_names_each_document_once(self, tmp_path: Path) -> None:
        """A document that is not named may be deleted; one that is named twice is refused."""
        self.build(tmp_path, FILES)

        with self.connect(tmp_path).open() as snapshot:
            listed = [one.external_id for one in snapshot.items() if isinstance(one, Item)]

        assert sorted(listed) == sorted(map(self.external_id, FILES))

    def test_ids_and_versions_are_the_same_in_another_process(self, tmp_path: Path) -> None:
        """What was delivered is found again by its id, and is not read again while its version stays."""
        self.build(tmp_path, FILES)
        with self.connect(tmp_path).open() as snapshot:
            here = sorted([one.external_id, one.version] for one in snapshot.items() if isinstance(one, Item))

        child = subprocess.run(
            [
                sys.executable,
                "-c",
                _LIST_IN_CHILD,
                inspect.getfile(type(self)),
                type(self).__name__,
                tmp_path,
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7", "TZ": "UTC-9"},
            stdout=subprocess.PIPE,
            check=True,
        )

        assert json.loads(child.stdout) == here

    def test_version_moves_exactly_with_the_content(self, tmp_path: Path) -> None:
        """An edit that keeps its version would never be published; one that moves others costs reads."""
        self.build(tmp_path, FILES)
        before = self._versions(tmp_path)

        self.build(tmp_path, {**FILES, "index.md": "# Welcome\n\nThe other words.\n"})

        after = self._versions(tmp_path)
        moved = {name for name in before if before[name] != after[name]}
        assert moved == {self.external_id("index.md")}

    def test_removed_document_is_not_listed(self, tmp_path: Path) -> None:
        """Only what the origin has now is named."""
        self.build(tmp_path, FILES)
        with self.connect(tmp_path).open() as snapshot:
            assert any(snapshot.items())

        left = {name: text for name, text in FILES.items() if name != "index.md"}
        self.build(tmp_path, left)

        assert set(self._versions(tmp_path)) == set(map(self.external_id, left))

    def test_scope_that_cannot_be_seen_is_named(self, tmp_path: Path) -> None:
        """Nothing in an Unlisted scope is deleted; what lies elsewhere is still listed."""
        self.build(tmp_path, FILES)
        scope = self.hide(tmp_path)

        with self.connect(tmp_path).open() as snapshot:
            found = list(snapshot.items())

        unlisted = [one for one in found if isinstance(one, Unlisted)]
        listed = {one.external_id for one in found if isinstance(one, Item)}
        hidden = Unlisted(scope, "")
        assert [one.scope for one in unlisted if not one.skipped] == [scope]
        assert all(one.reason for one in unlisted)
        expected = {self.external_id(name) for name in FILES}
        assert {one for one in expected if not hidden.covers(one)} == listed

    def test_revision_is_equal_only_while_nothing_changed(self, tmp_path: Path) -> None:
        """An equal revision ends the run at once, so it has to move with every edit."""
        self.build(tmp_path, FILES)
        first, again = self._revision(tmp_path), self._revision(tmp_path)
        self.build(tmp_path, {**FILES, "index.md": "# Welcome\n\nOther words.\n"})

        assert first == again
        assert first is None or first != self._revision(tmp_path)

    def test_identity_outlives_an_edit(self, tmp_path: Path) -> None:
        """A changed identity means another origin, and holds deletions."""
        self.build(tmp_path, FILES)
        before = self._identity(tmp_path)

        self.build(tmp_path, {**FILES, "index.md": "# Welcome\n\nOther words.\n"})

        assert self._identity(tmp_path) == before

    # -- reading ---------------------------------------------------------------------------------------

    def test_document_carries_its_id_a_version_and_all_its_words(self, tmp_path: Path) -> None:
        """A document is matched with its item, and no letter of it is lost."""
        self.build(tmp_path, FILES)

        with self.connect(tmp_path).open() as snapshot:
            documents = {one.external_id: one for one in self._documents(snapshot)}

        assert set(documents) == set(map(self.external_id, FILES))
        for name, text in FILES.items():
            document = documents[self.external_id(name)]
            assert document.version
            assert document.media_type in ("text/markdown", "text/html", "text/plain")
            assert document.updated_at is None or document.updated_at.tzinfo is not None
            words = text.replace("#", "").split()
            assert [word for word in words if word not in f"{document.title} {document.body}"] == []

    def test_second_snapshot_shows_an_edit(self, tmp_path: Path) -> None:
        """Each run sees the origin as it is then; nothing is kept from the last one."""
        self.build(tmp_path, FILES)
        connector = self.connect(tmp_path)
        with connector.open() as snapshot:
            assert all("zebra" not in one.body for one in self._documents(snapshot))

        self.build(tmp_path, {**FILES, "index.md": "# Welcome\n\nA zebra.\n"})

        with connector.open() as snapshot:
            edited = [one.external_id for one in self._documents(snapshot) if "zebra" in one.body]
        assert edited == [self.external_id("index.md")]

    def test_unreadable_document_fails_alone(self, tmp_path: Path) -> None:
        """Its page keeps its last version, the message says why, and the others are read."""
        self.build(tmp_path, FILES)
        self.spoil(tmp_path, "index.md")

        with self.connect(tmp_path).open() as snapshot:
            items = [one for one in snapshot.items() if isinstance(one, Item)]
            snapshot.prepare(items)
            for item in items:
                if item.external_id == self.external_id("index.md"):
                    with pytest.raises(ItemError, match=r"\S+ \S+"):
                        snapshot.read(item)
                else:
                    assert snapshot.read(item).body

    def test_lost_origin_is_unavailable(self, tmp_path: Path) -> None:
        """An origin that is gone is never an empty one: every page of it would be deleted."""
        self.build(tmp_path, FILES)
        connector = self.connect(tmp_path)
        with connector.open() as snapshot:
            assert any(snapshot.items())
        self.lose(tmp_path)

        with pytest.raises(SourceUnavailable, match=r"\S+ \S+") as caught, connector.open() as snapshot:
            list(snapshot.items())

        assert len(str(caught.value).splitlines()) <= 3

    def test_reading_writes_nothing_to_the_origin(self, tmp_path: Path) -> None:
        """syncd is a guest: names, contents and times of the origin stay as they are."""
        self.build(tmp_path, FILES)
        before = _print_of(self.origin(tmp_path))

        with self.connect(tmp_path).open() as snapshot:
            assert len(list(self._documents(snapshot))) == len(FILES)

        assert _print_of(self.origin(tmp_path)) == before

    def test_memory_does_not_grow_with_the_bodies(self, tmp_path: Path) -> None:
        """A run may read a million documents: no body is kept after it was handed over."""
        text = "All work and no play makes a long page.\n" * 6_500
        self.build(tmp_path, {f"page-{number}.md": f"# {number}\n\n{text}" for number in range(40)})
        connector = self.connect(tmp_path)

        tracemalloc.start()
        try:
            with connector.open() as snapshot:
                read = sum(len(one.body) for one in self._documents(snapshot))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert read > 40 * 250_000
        assert peak < self.MOST_BYTES

    # -- how the tests look at a connector -----------------------------------------------------------------

    def _documents(self, snapshot: Snapshot) -> Iterator[Document]:
        items = [one for one in snapshot.items() if isinstance(one, Item)]
        snapshot.prepare(items)
        return map(snapshot.read, items)

    def _versions(self, home: Path) -> dict[str, str]:
        with self.connect(home).open() as snapshot:
            return {one.external_id: one.version for one in snapshot.items() if isinstance(one, Item)}

    def _revision(self, home: Path) -> str | None:
        with self.connect(home).open() as snapshot:
            return snapshot.revision

    def _identity(self, home: Path) -> str | None:
        with self.connect(home).open() as snapshot:
            return snapshot.identity


def _print_of(origin: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted([origin, *origin.rglob("*")]):
        status = path.lstat()
        digest.update(f"{path} {status.st_mode} {status.st_size} {status.st_mtime_ns}\n".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()
