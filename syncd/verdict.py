"""Whether Fin knows a page, told from what the state knows of it."""

from __future__ import annotations

from datetime import UTC, datetime

from syncd.state.queries import Explanation

VERDICTS = {
    "yes": "knows it, as it was sent last.",
    "soon": "does not know it as it is now: Intercom took it, and did not read it in yet.",
    "outdated": "knows an older version of it.",
    "unsure": "may or may not know it: a request got no valid answer.",
    "no": "does not know it.",
}


def judged(told: Explanation) -> tuple[str, list[str]]:
    """Whether Fin knows the page (yes, soon, outdated, unsure, no), and the sentences behind it."""
    page, reasons = told.page, []
    if told.frozen is not None:
        reasons.append(f"nothing of the source is sent: on hold by {told.frozen.by}: {told.frozen.why}")
    if told.taken_down is not None:
        order = told.taken_down
        reasons.append(f"taken down by {order.by} on {_when(order.since)}: {order.why}")
    reasons += [f"the last listing left it out, or could not see it: {reason}" for reason in told.unlisted]
    reasons += [f"the source holds {hold.count} page(s) back: {hold.reason}" for hold in told.holds]
    if page is None:
        return "no", reasons or ["no run ever saw it: see whether 'syncd plan' names it"]
    if page.version:
        reasons.append(f"version at the source: {page.version}")
    if page.absences:
        reasons.append(f"missing from the last {page.absences} listing(s)")
    if page.error:
        reasons.append(page.error)
    if page.content_hash is not None and page.page_id is not None and page.state != "tombstone":
        reasons.append(f"sent as content {page.content_hash[:12]}, Intercom's page {page.page_id}")
    if page.state == "tombstone":
        return "no", [*reasons, f"deleted from Intercom on {_when(page.updated)}"]
    if page.ambiguous_at is not None or page.state in ("pending", "deleting"):
        return "unsure", [*reasons, "the next runs look at Intercom and settle it"]
    if page.page_id is None:
        return "no", reasons
    if page.state != "live":
        return "outdated", reasons
    if told.ingesting_since is None:
        return "yes", reasons
    return "soon", [
        *reasons,
        f"Intercom took it on {_when(told.ingesting_since)}; it is asked again after later runs",
    ]


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
