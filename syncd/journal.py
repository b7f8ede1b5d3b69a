"""What a run writes down: one entry for each fact, in the order in which the facts became true.

The flow makes entries, and a state store turns each batch of them into rows in one transaction.
An `Intent` or a `Deleting` is committed before its request is sent; a `Sent` or a `Deleted` only after
a valid answer. Whatever the process does in between, the next run knows what may have happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from syncd.decision import Question
from syncd.model import Action


class Ground(StrEnum):
    """Why a page may be deleted; it is looked at again in the transaction of the intent."""

    ABSENT = "absent"  # its item is missing: void once a listing names it again
    WITHDRAWN = "withdrawn"  # its own document says that it must go
    TAKEN_DOWN = "taken down"  # a person said so: void once it is restored
    LATE = "late"  # a request that was given up published it again: void once it is sent anew


INCLUDED = "included:"
"""Begins the target of what is no link: the name of a file that a page includes, its version for a URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A page is about to be upserted with this content.

    Attributes:
        part_of: external_id of the page that it is a further part of; None for a page of its own.
    """

    external_id: str
    content_hash: str
    part_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Parts of the page are about to be sent: until all are, whatever its version, it is not as it was."""

    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Intercom confirmed an upsert, or was found to hold the page already (then the action is `adopt`).

    Attributes:
        part_of: as in Intent.
        source_hash: of the document that the page was made of.
        links: (target, URL it was resolved to or None) for each link to another page of the source.
        aliases: other paths on the site under which links name the page; None keeps what is known.
        warnings: what a person should know of the rendering, one sentence each.
        reason: why it was sent: new, changed, links, rules, pending, full.
        hash_before: what was acknowledged before; None for a page that is new.
        text_chars: characters of visible text; None keeps what is known.
        settled_before: no request that was begun before this moment, in Unix seconds, could still be
            applied after this one; None if that is not known.
        unsure: an earlier try of the same request got no answer, and may be applied after newer ones.
        changed_at: when its origin changed it, in Unix seconds, for how long that took to arrive; None if
            that is not known, or it was sent for another reason.
    """

    external_id: str
    page_id: str
    version: str
    content_hash: str
    remote_digest: str
    source_hash: str
    rules: str
    title: str
    url: str | None
    links: tuple[tuple[str, str | None], ...]
    aliases: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    action: Action
    reason: str
    hash_before: str | None
    text_chars: int | None = None
    settled_before: float | None = None
    part_of: str | None = None
    unsure: bool = False
    changed_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """It came out as acknowledged: only what is new of it is noted.

    Attributes:
        aliases: None keeps what is known.
    """

    external_id: str
    version: str
    source_hash: str
    rules: str
    links: tuple[tuple[str, str | None], ...]
    aliases: tuple[str, ...] | None = None
    text_chars: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """Its document is the one that its page was made of, under another version."""

    external_id: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A page is parked: what Intercom has stays until the item, the rules or a person change something.

    Attributes:
        retry: True if the next run should try again whatever the version says (a passing fault).
        retry_at: Unix seconds from which on a run should; None: none before something changes.
        url, aliases: where readers find it all the same; None keeps what is known.
        links: what it includes, which may be what is wrong with it; None keeps what is known.
        page_id: of a page that was found in Intercom; None keeps what is known.
        part_of: as in Intent; None keeps what is known.
    """

    external_id: str
    version: str
    rules: str
    error: str
    part_of: str | None = None
    retry: bool = False
    retry_at: float | None = None
    url: str | None = None
    aliases: tuple[str, ...] | None = None
    links: tuple[tuple[str, str | None], ...] | None = None
    page_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An item that was never published has nothing to publish: left out until it or the rules change.

    Attributes:
        url, aliases: where readers find it all the same; None keeps what is known.
        links: what it includes, which may be what is wrong with it; None keeps what is known.
    """

    external_id: str
    version: str
    rules: str
    reason: str
    url: str | None = None
    aliases: tuple[str, ...] | None = None
    links: tuple[tuple[str, str | None], ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertain:
    """A request ended without a valid answer: it may have been, or may yet be, applied.

    `earlier`: it was made before this run, which sent nothing for the page. `part_of`: as in Failed.
    """

    external_id: str
    error: str
    part_of: str | None = None
    earlier: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Intercom shows it as it was acknowledged.

    Attributes:
        settled_before: no request that was begun before this moment, in Unix seconds, can be applied any
            more; a doubt from before then ends.
        page_id: of the page that shows it; None keeps what is known.
    """

    external_id: str
    settled_before: float
    page_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """Intercom shows something else than what was acknowledged, or nothing: it has to be sent again.

    Attributes:
        page_id: of the page that is there; None if there is none.
        settled_before: as in Verified.
    """

    external_id: str
    page_id: str | None
    settled_before: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """No request for it can be applied any more, and Intercom shows no page of it: its row goes."""

    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """The page no longer has this part: it is to be deleted."""

    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A complete listing did not name it."""

    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """It was absent and a listing names it again; whether Intercom still has it is in doubt."""

    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleting:
    """A page is about to be deleted.

    Attributes:
        approved_until: of the approval that the delete rests on, which must still stand; None for one that
            needs none.
    """

    external_id: str
    ground: Ground = Ground.ABSENT
    approved_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Intercom no longer has the page.

    Attributes:
        evidence: what proved that the origin no longer has the item.
        page_id: the page that was deleted; None if Intercom never had one.
        unsure: an earlier try of the same request got no answer, and may be applied after newer ones.
    """

    external_id: str
    page_id: str | None
    evidence: str
    hash_before: str | None
    unsure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """An item that never was published is gone: its row is of no use any more."""

    external_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something was seen and not done: a page that has another name now."""

    external_id: str
    action: Action
    reason: str


Entry = (
    Intent
    | Opened
    | Sent
    | Unchanged
    | Touched
    | Failed
    | Skipped
    | Uncertain
    | Verified
    | Drifted
    | Dropped
    | Surplus
    | Absent
    | Returned
    | Deleting
    | Deleted
    | Forgotten
    | Noted
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is remembered of a source as a whole, between runs.

    Attributes:
        import_source_id: Intercom's id of the Content Import Source; None until it was found or made.
        import_source_url: the URL under which it was found, so that a change of the setting is noticed.
        revision: of the last complete run that left nothing open; equal, with equal `rules`, means that
            there is nothing to do.
        origin_revision: of the last complete run, whatever it left open: what the origin is asked about.
        identity: of the origin at the last complete run.
        fingerprint: of the settings that decide what is listed, at the last complete run.
        rules: key of the rendering rules at the last complete run.
        listed: items of the last complete listing; None before the first.
        unlisted: digest of what the last listing left out or could not see, with the reasons.
        completed_at: Unix seconds of the last complete run.
        verified_at: Unix seconds when all pages were last compared with what Intercom shows, or were new;
            None while the state does not know what is there: nothing is deleted then.
        drifted: pages that were not as they had been sent then, and were left so.
        strangers: pages in the import source then that were nobody's of this state.
        contested: more of those had come, and pages of this state were changed: somebody else writes there.
        decisions: how often a person decided something; kept by the store, and told to a run, so that
            one that did not know of the newest decision is not taken for a run that left nothing open.
        unchanged, skipped, notices: of the last complete run, what a next one would say again if nothing
            changed; the notices one a line.
    """

    import_source_id: int | None = None
    import_source_url: str | None = None
    revision: str | None = None
    origin_revision: str | None = None
    identity: str | None = None
    fingerprint: str | None = None
    rules: str | None = None
    listed: int | None = None
    unlisted: str | None = None
    completed_at: float | None = None
    verified_at: float | None = None
    drifted: int = 0
    strangers: int = 0
    contested: bool = False
    decisions: int = 0
    unchanged: int = 0
    skipped: int = 0
    notices: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to be the one writer of a source, for a while.

    Attributes:
        owner: the process that has it, in words.
        since, until: Unix seconds.
        epoch: grows with each acquisition of the source, whoever makes it.
        former: the owner that let its lease run out without giving it back; None if there was none.
    """

    source: str
    owner: str
    since: float
    until: float
    epoch: int
    former: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Deletions, or updates, that wait for a person.

    Attributes:
        kind: "deletions" (the budget), "scope" (a setting changed), "identity" (another origin), "empty" (the
            source lists nothing), "writer" (somebody else writes to the import source), "rewrite" (most pages
            change and shrink).
        count: pages that would go.
        digest: SHA-256 over their sorted external ids: an approval is for this set or a part of it.
        since: Unix seconds when it was first held.
        approved: most pages that may go; None until somebody approved.
        approved_until: Unix seconds; after it the approval is void.
        approved_by: who approved.
    """

    kind: str
    count: int
    digest: str
    reason: str
    since: float
    approved: int | None = None
    approved_until: float | None = None
    approved_by: str | None = None

    @property
    def question(self) -> Question:
        """What a person is asked about."""
        return Question.UPDATES if self.kind == "rewrite" else Question.DELETES

    def after(self, given: Hold | None, known: Hold | None) -> Hold:
        """The same hold at the end of a run that `known` of another one, where now `given` stands.

        An approval that was given or taken back meanwhile counts: the run could not have known of it.
        """
        if given is None or given.approval == (None if known is None else known.approval):
            return self
        return replace(
            self,
            approved=given.approved,
            approved_until=given.approved_until,
            approved_by=given.approved_by,
        )

    @property
    def approval(self) -> tuple[int, float | None, str | None] | None:
        """What tells one approval from another; None where there is none."""
        return None if self.approved is None else (self.approved, self.approved_until, self.approved_by)
