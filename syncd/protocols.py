"""What the engine needs of the outside.

The one who calls declares what it needs: syncd/intercom, syncd/state and syncd/lanes fit these by shape,
and so do the fakes in syncd/testing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from syncd.before import Before
from syncd.journal import Entry, Hold, Lease, Standing
from syncd.model import Page, Receipt, Record, RemotePage, Report, Unlisted

T = TypeVar("T")


class Target(Protocol):
    """One Content Import Source. A second call with the same arguments changes nothing."""

    async def upsert(self, page: Page, *, create: bool) -> Receipt:
        """Create or update a page; `create` sends the availability flags for a new one along.

        Raises:
            PageRejected: Intercom refuses this page.
            PageUncertain: no valid answer; it may have been applied.
            SourceError: no page can be sent now.
        """
        ...

    async def delete(self, page_id: str, external_id: str) -> bool:
        """Delete a page; fine when it is already gone. Raises as `upsert` does.

        Returns whether an earlier try of it got no answer, and may take effect after this one.
        """
        ...

    async def get(self, page_id: str) -> RemotePage | None:
        """Look at one page; None if the import source has none of that id. Raises as `upsert` does."""
        ...

    def pages(self) -> AsyncIterator[RemotePage]:
        """List what the import source holds now, of whatever origin."""
        ...


class StateStore(Protocol):
    """What is remembered between runs. Plain blocking code; every write is one transaction.

    All times are Unix seconds. All methods raise StateStoreError, and nothing else but what they name.

    Where several processes may write, one lease a source says which of them does. A write that names the
    epoch of its lease checks it in its own transaction; None is for a store that an operating-system lock
    keeps to one process.
    """

    def before(self, source: str) -> Before:
        """All that a run of the source asks at its start, at one moment. Costs next to nothing where there
        is nothing."""
        ...

    def records(self, source: str) -> dict[str, Record]:
        """All rows of a source but its tombstones, by external_id."""
        ...

    def unlisted(self, source: str, entries: Sequence[Unlisted]) -> None:
        """Remember what the newest listing left out or could not see, in the place of what was before."""
        ...

    def links(self, source: str) -> Sequence[tuple[str, str | None]]:
        """The distinct (target, URL it was resolved to) pairs of all the source's pages."""
        ...

    def including(self, source: str, files: Collection[tuple[str, str | None]]) -> set[str]:
        """External ids of the pages that looked for one of the files and found it in that version."""
        ...

    def linking(self, source: str, targets: Iterable[str]) -> set[str]:
        """External ids of the pages that have a link to one of the targets."""
        ...

    def urls(self, source: str) -> Mapping[str, str | None]:
        """external_id → URL of each page that was acknowledged, or is known to be found somewhere."""
        ...

    def aliases(self, source: str) -> Sequence[tuple[str, str]]:
        """(path on the site, external_id) for every other path under which links name a page."""
        ...

    def source_hashes(self, source: str) -> Mapping[str, str]:
        """external_id → hash of the document that was last compared."""
        ...

    def remote_digests(self, source: str) -> Mapping[str, str]:
        """external_id → digest of what Intercom answered to the last acknowledged write."""
        ...

    def mark(self, source: str, external_ids: Sequence[str]) -> None:
        """Say that a run is at these pages, and at no others. `finish` takes all marks away, and an entry
        about a page takes its mark away."""
        ...

    def mark_alone(self, source: str, external_id: str) -> None:
        """Say that of all marked pages the run is at this one alone."""
        ...

    def unsettle(self, source: str) -> None:
        """Forget the revision of the last run that left nothing open: from now on the rows may tell of more.

        Else a run that ends early, of an origin that then goes back to that revision, would be forgotten.
        """
        ...

    def text_sizes(self, source: str) -> Mapping[str, int]:
        """external_id → characters of visible text that were last acknowledged, where they were counted."""
        ...

    def acquire(self, source: str, *, owner: str, until: float, at: float) -> Lease:
        """Take the lease of a source that is free, or whose lease has run out.

        A lease that was not given back is taken over: the owner may have died or be asleep in the middle
        of a request, so each row with a request under way becomes ambiguous, stamped `at`, once; and its
        runs that never ended are closed as failed.
        A store that several machines share goes by its own clock, from which it counts `until - at`.

        Raises:
            SourceBusy: somebody else has it; the message names the holder.
        """
        ...

    def renew(self, lease: Lease, *, until: float, at: float) -> Lease:
        """Keep a lease until a later moment. One that ran out, and that nobody took, is renewed as well; one
        that was given back stays so.

        Raises:
            LeaseLost: somebody else took it.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give a lease back, so that the next one need not wait; fine if it is lost already."""
        ...

    def start(
        self,
        source: str,
        *,
        trigger: str,
        at: float,
        thorough: bool = False,
        fingerprint: str | None = None,
        epoch: int | None = None,
    ) -> int:
        """Open a run and return its number.

        Until a `thorough` one has ended, the revision of the last run no longer says that there is nothing to
        do. A `fingerprint` is remembered at once, for a source that has none yet.

        Raises:
            LeaseLost: the source's lease has another epoch.
        """
        ...

    def write(
        self, source: str, run: int, entries: Sequence[Entry], *, at: float, epoch: int | None = None
    ) -> frozenset[str]:
        """Make the entries true, all or none; return the external ids whose intent was refused.

        An `Intent` or a `Deleting` is refused, and nothing of it is applied, if a person decided otherwise
        meanwhile (the page was taken down, the source frozen, the approval taken back), or if the item that
        was missing is there again. What was refused must not be sent.

        Raises LeaseLost as `start` does.
        """
        ...

    def finish(
        self,
        source: str,
        run: int,
        *,
        report: Report,
        standing: Standing,
        holds: Sequence[Hold],
        found: Collection[Hold],
        revision: str | None,
        at: float,
        epoch: int | None = None,
    ) -> None:
        """Close the run: its report, what is remembered of the source, and the holds as they stand now.

        `found`: the holds as the run knew them. An approval that was given, or taken back, since then
        counts, if its hold stays open. After any decision that the run did not know of (see
        Standing.decisions), the next one looks at everything again. The lease with that epoch is given back.

        Raises LeaseLost as `start` does.
        """
        ...


class Lane(Protocol):
    """Runs blocking code off the event loop, one call at a time, always in the same thread."""

    async def __call__(self, call: Callable[..., T], /, *args: object, **kwargs: object) -> T: ...


class Clock(Protocol):
    """The two clocks, and the wait for one of them; syncd/clock.py has the real ones."""

    def now(self) -> float:
        """Unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds; never earlier."""
        ...
