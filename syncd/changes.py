"""The middle of a trip: read → render → compare, as a stream of changes.

`syncd sync` applies the stream and `syncd plan` prints it, so there is no dry run anywhere else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import NamedTuple

from syncd.change import Change, Failure, Same, Upsert
from syncd.digest import content_hash, remote_digest, source_hash, text_chars
from syncd.drift import shows
from syncd.errors import PageError, RenderError
from syncd.library import remembered
from syncd.linking import Published
from syncd.model import Document, Draft, Item, Page, RecordState, RemotePage
from syncd.plan import Task
from syncd.render.links import finish
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
    tasks = survey.plan.tasks
    try:
        for place, task in enumerate(tasks):
            if run.stop.is_set():
                return
            if place % PREPARE == 0:
                await run.crawl(
                    survey.snapshot.prepare, [task.item for task in tasks[place : place + PREPARE]]
                )
            ahead.append(asyncio.create_task(_change(source, run, survey, task)))
            if len(ahead) >= READ_AHEAD:
                yield await ahead.popleft()
        while ahead and not run.stop.is_set():
            yield await ahead.popleft()
    finally:
        for waiting in ahead:
            waiting.cancel()
        await asyncio.gather(*ahead, return_exceptions=True)


async def _change(source: Source, run: Run, survey: Survey, task: Task) -> Change:
    published = survey.published
    external_id = task.item.external_id
    aliases = published.aliases.get(external_id)
    included: tuple[tuple[str, str | None], ...] | None = None
    try:
        document = await run.crawl(survey.library.whole, task.item, survey.rules)
        included = remembered(document) or None
        source_digest = source_hash(document, published.urls.get(external_id))
        if included is None and _is_made_of_it(source, task, published, source_digest):
            return Same(
                task=task, version=document.version, source_hash=source_digest, links=None, aliases=aliases
            )
        draft = await run.renderer.render(document, survey.rules)
        made = page_of(source, task.item, document, draft, published)
    except PageError as error:
        return Failure(
            task=task,
            error=error,
            url=published.urls.get(external_id),
            aliases=aliases,
            links=included,
        )
    links = (*made.links, *(included or ()))
    digest = content_hash(made.page)
    record = task.record
    if (
        record is not None
        and record.state in (RecordState.LIVE, RecordState.QUARANTINED)
        and record.content_hash == digest
    ):
        return Same(
            task=task,
            version=document.version,
            source_hash=source_digest,
            links=links,
            text_chars=text_chars(made.page.html),
            aliases=aliases,
            warnings=draft.warnings,
        )
    return Upsert(
        task=task,
        version=document.version,
        page=made.page,
        content_hash=digest,
        source_hash=source_digest,
        links=links,
        text_chars=text_chars(made.page.html),
        aliases=aliases,
        warnings=draft.warnings,
        there=task.remote if task.remote is not None and _is_there(made.page, task.remote) else None,
    )


def _is_there(page: Page, remote: RemotePage) -> bool:
    """Whether a write of the page would change nothing of what Intercom shows."""
    digest = remote_digest(title=page.title, html=page.html, url=page.url)
    flags = page.availability is None or shows(remote.availability, page.availability)
    return flags and (digest, page.locale) == (remote.remote_digest, remote.locale)


def _is_made_of_it(source: Source, task: Task, published: Published, source_digest: str) -> bool:
    """Whether the page that was acknowledged was made of this very document, under these rules and links.

    Then it comes out the same, as after a fresh clone, where every file is new and nothing is.
    """
    record = task.record
    return (
        task.reason == "changed"
        and record is not None
        and record.state == RecordState.LIVE
        and record.rules == source.rules_key
        and record.external_id not in published.linking
        and published.documents.get(record.external_id) == source_digest
    )


class Made(NamedTuple):
    """A page, with (target, URL it was resolved to or None) for each of its links to other pages."""

    page: Page
    links: tuple[tuple[str, str | None], ...]


def page_of(source: Source, item: Item, document: Document, draft: Draft, published: Published) -> Made:
    """Put the links of a draft in, and all else that is sent with it.

    Raises:
        RenderError: it claims a URL that is none.
    """
    url = document.url or published.urls.get(item.external_id) or draft.url
    if url is not None and not url.lower().startswith(("https://", "http://")):
        # It would become a link that Fin shows to customers.
        raise RenderError(f"{item.path}: its URL does not begin with https:// or http://")
    finished = finish(draft, url=url, index=published.index)
    page = Page(
        external_id=document.external_id,
        title=draft.title,
        html=finished.html,
        url=url,
        locale=document.locale or source.locale,
        availability=source.availability,
    )
    return Made(page, finished.links)
