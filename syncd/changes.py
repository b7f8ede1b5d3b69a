"""The middle of a trip: read → render → compare, as a stream of changes.

`syncd sync` applies the stream and `syncd plan` prints it, so there is no dry run anywhere else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from syncd.at_work import REST_S
from syncd.change import Change, Failure, Part, Parts, Same, Upsert
from syncd.digest import content_hash, remote_digest, source_hash, text_chars
from syncd.drift import shows
from syncd.errors import PageDeadly, PageError, RenderError
from syncd.library import remembered
from syncd.linking import Published
from syncd.model import Action, Document, Draft, Item, Page, Record, RecordState, RemotePage
from syncd.plan import Task, moment
from syncd.render.links import LinkIndex, finish, with_fragment
from syncd.survey import Run, Source, Survey

READ_AHEAD = 32
"""Pages read and rendered ahead of the one that is applied next: so much text is in memory at most."""

PREPARE = 1000
"""Items announced to a snapshot in one go."""


async def changes(source: Source, run: Run, survey: Survey) -> AsyncGenerator[Change]:
    """Read, render and compare what the plan names, in its order. Ends early when the run is to stop.

    Raises:
        SourceUnavailable: the origin went away while it was read.
    """
    ahead: deque[asyncio.Task[Change]] = deque()
    at_work = survey.at_work
    tasks = at_work.in_order(survey.plan.tasks)
    try:
        for place, task in enumerate(tasks):
            if run.stop.is_set():
                return
            if place % PREPARE == 0:
                window = tasks[place : place + PREPARE]
                await at_work.begin([task.item.external_id for task in window], still=READ_AHEAD)
                await run.crawl(survey.snapshot.prepare, [task.item for task in window])
            if at_work.is_suspect(task.item.external_id):
                while ahead:
                    yield await ahead.popleft()
                yield await _suspect(source, run, survey, task)
                continue
            ahead.append(asyncio.create_task(_change(source, run, survey, task)))
            if len(ahead) >= READ_AHEAD:
                yield await ahead.popleft()
        while ahead and not run.stop.is_set():
            yield await ahead.popleft()
    finally:
        for waiting in ahead:
            waiting.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)


async def _suspect(source: Source, run: Run, survey: Survey, task: Task) -> Change:
    """A page that was at hand when the process was killed: nothing else is, this time."""
    external_id = task.item.external_id
    if survey.at_work.is_deadly(external_id):
        until = run.clock.now() + REST_S
        error = PageDeadly(
            f"{task.item.path}: syncd was killed twice while it worked on this page (out of memory, or by "
            f"somebody?), so it is left alone until it changes, or until {moment(until)}; to try it before: "
            "syncd sync --full",
            until=until,
        )
        url = survey.published.urls.get(external_id)
        return Failure(task=task, error=error, version=task.item.version, url=url)
    await survey.at_work.begin_alone(external_id)
    return await _change(source, run, survey, task)


async def _change(source: Source, run: Run, survey: Survey, task: Task) -> Change:
    external_id = task.item.external_id
    published, known = survey.published, survey.plan.parts.get(external_id, ())
    aliases = published.aliases.get(external_id)
    included: tuple[tuple[str, str | None], ...] | None = None
    version = task.item.version
    try:
        document = await run.crawl(survey.library.whole, task.item, survey.rules)
        version = document.version
        included = remembered(document) or None
        source_digest = source_hash(document, published.urls.get(external_id))
        draft = await run.renderer.render(document, survey.rules)
        made = page_of(source, task.item, document, draft, published)
        _check_ids(made, survey)
    except PageError as error:
        return Failure(
            task=task,
            error=error,
            version=version,
            url=published.urls.get(external_id),
            aliases=aliases,
            links=included,
            parts=known,
        )
    links = (*made.links, *(included or ()))
    parts = _compared(made.parts, known, survey.remote)
    digest = content_hash(made.page)
    length = sum(text_chars(page.html) for page in (made.page, *made.parts))
    record = task.record
    changed_at = _changed_at(task, document, survey.completed_at)
    if (
        record is not None
        and record.state in (RecordState.LIVE, RecordState.QUARANTINED)
        and record.content_hash == digest
        and record.part_of is None
    ):
        return Same(
            task=task,
            version=document.version,
            source_hash=source_digest,
            links=links,
            text_chars=length,
            changed_at=changed_at,
            aliases=aliases,
            warnings=draft.warnings,
            parts=parts,
        )
    return Upsert(
        task=task,
        version=document.version,
        page=made.page,
        content_hash=digest,
        source_hash=source_digest,
        links=links,
        text_chars=length,
        changed_at=changed_at,
        aliases=aliases,
        warnings=draft.warnings,
        there=_there(made.page, task.remote),
        parts=parts,
    )


def _changed_at(task: Task, document: Document, completed_at: float | None) -> float | None:
    """When its origin changed what is sent now, in Unix seconds; None if nobody can tell.

    What a first sync finds was there all along, and what the rules, a link or a repair send again did not
    change. A new page was not there at the last complete run, whatever date its file was copied with.
    """
    record = task.record
    if completed_at is None or document.updated_at is None or task.remote is not None:
        return None
    if task.reason not in ("new", "changed", "pending"):
        return None
    changed_at = document.updated_at.timestamp()
    if record is None or record.content_hash is None:
        return max(changed_at, completed_at)
    return changed_at if record.version != task.item.version else None


def _there(page: Page, remote: RemotePage | None) -> RemotePage | None:
    """What Intercom has of the page, if a write of it would change nothing of what it shows."""
    if remote is None:
        return None
    digest = remote_digest(title=page.title, html=page.html, url=page.url)
    flags = page.availability is None or shows(remote.availability, page.availability)
    same = flags and (digest, page.locale) == (remote.remote_digest, remote.locale)
    return remote if same else None


def _compared(pages: Sequence[Page], known: Sequence[Record], remote: Mapping[str, RemotePage]) -> Parts:
    """What has to be done about the parts of a page, beside what was delivered of them."""
    before = {record.external_id: record for record in known}
    sent: list[Part] = []
    kept: list[str] = []
    for page in pages:
        record, digest = before.pop(page.external_id, None), content_hash(page)
        if record is not None and record.state == RecordState.LIVE and record.content_hash == digest:
            kept.append(page.external_id)
        else:
            found = remote.get(page.external_id) if record is None else None
            page_id = found.page_id if found is not None else record.page_id if record is not None else None
            there = _there(page, found)
            sent.append(Part(page=page, content_hash=digest, record=record, page_id=page_id, there=there))
    # New ones first: what moves to another part is then twice in Intercom for a moment, and never lost.
    sent.sort(key=lambda part: part.action is not Action.CREATE)
    return Parts(sent=tuple(sent), kept=tuple(kept), surplus=tuple(before.values()))


def _check_ids(made: Made, survey: Survey) -> None:
    """Refuse a long page of which a part would overwrite another page."""
    for part in made.parts:
        name = part.external_id
        record = survey.records.get(name)
        other = record is not None and record.part_of != made.page.external_id and record.may_be_published
        if other or name in survey.listing.items or name in survey.listing.clashes:
            raise RenderError(
                f"it is too long for one page, and a part of it would be {name!r}, which is another page. "
                "Rename the heading or that page, or set 'rendering.split_above'."
            )


class Made(NamedTuple):
    """A page, with (target, URL it was resolved to or None) for each of its links to other pages.

    `parts`: what comes after the first part of a long one, in order; each can be read on its own.
    """

    page: Page
    links: tuple[tuple[str, str | None], ...]
    parts: tuple[Page, ...] = ()


def page_of(source: Source, item: Item, document: Document, draft: Draft, published: Published) -> Made:
    """Put the links of a draft in, and all else that is sent with it.

    Raises:
        RenderError: it claims a URL that is none.
    """
    url = document.url or published.urls.get(item.external_id) or draft.url
    if url is not None and not url.lower().startswith(("https://", "http://")):
        # It would become a link that Fin shows to customers.
        raise RenderError(f"{item.path}: its URL does not begin with https:// or http://")
    page = Page(
        external_id=document.external_id,
        title=draft.title,
        html="",
        url=url,
        locale=document.locale or source.locale,
        availability=source.availability,
    )
    return in_parts(page, draft, published.index)


def in_parts(page: Page, draft: Draft, index: LinkIndex) -> Made:
    """Put the text of a draft into a page, and into further ones like it where the draft is cut."""
    url = page.url
    cuts = [0, *(section.start for section in draft.sections), len(draft.html)]
    pieces = [
        finish(replace(draft, html=draft.html[start:end].strip()), url=url, index=index)
        for start, end in pairwise(cuts)
    ]
    parts = tuple(
        replace(
            page,
            external_id=f"{page.external_id}#{section.key}",
            title=section.title,
            html=piece.html,
            url=None if url is None else with_fragment(url, section.fragment),
        )
        for section, piece in zip(draft.sections, pieces[1:], strict=True)
    )
    links = tuple(sorted({link for piece in pieces for link in piece.links}))
    return Made(replace(page, html=pieces[0].html), links, parts)
