"""What people read: which source, how many, what to do. No text, title or id of a page, no error's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from syncd.config.notifications import Kind
from syncd.notify.ledger import Told, Why
from syncd.notify.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that is told.

    Attributes:
        said: what it is, in one sentence.
        todo: what to do about it; "" if nothing is left to do.
        facts: the same for programs.
    """

    said: str
    todo: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent to one channel.

    Attributes:
        at: Unix seconds.
        dashboard: where people find more, if that is configured.
    """

    lines: tuple[Line, ...]
    at: float
    dashboard: str | None = None

    @property
    def subject(self) -> str:
        """The first line, and how many there are besides."""
        more = f" (and {len(self.lines) - 1} more)" if len(self.lines) > 1 else ""
        return f"syncd: {self.lines[0].said}{more}"

    @property
    def text(self) -> str:
        """All of it, for people."""
        parts = [f"{line.said}\n{line.todo}".strip() for line in self.lines]
        if self.dashboard is not None:
            parts.append(f"Dashboard: {self.dashboard}")
        return "\n\n".join(parts)

    @property
    def document(self) -> dict[str, Any]:
        """All of it, for programs: the body of a signed webhook."""
        return {
            "type": "syncd.notification",
            "timestamp": datetime.fromtimestamp(self.at, UTC).isoformat(),
            "data": {
                "text": self.text,
                "dashboard": self.dashboard,
                "notices": [line.facts for line in self.lines],
            },
        }


def message(told: Sequence[Told], *, at: float, dashboard: str | None) -> Message:
    """Put into one message what one channel is told at one time."""
    return Message(lines=tuple(_line(one, at) for one in told), at=at, dashboard=dashboard)


def test_message(*, at: float, dashboard: str | None) -> Message:
    """What `syncd notify --test` sends."""
    said = "this is a test of syncd's notifications: this channel works"
    facts = {
        "source": None,
        "kind": "test",
        "why": "test",
        "count": 0,
        "since": None,
        "text": said,
        "todo": "",
    }
    return Message(lines=(Line(said=said, todo="", facts=facts),), at=at, dashboard=dashboard)


def _line(one: Told, at: float) -> Line:
    problem, name = one.problem, one.problem.source
    if one.why is Why.OVER:
        said, todo = f"{name}: solved after {_age(one.lasted_s)}: {_over(problem)}", ""
    else:
        prefix = {Why.ALARM: "ALARM: ", Why.REMINDER: "still: ", Why.GREW: "more: "}.get(one.why, "")
        what, todo = _said(problem, at)
        said = f"{name}: {prefix}{what}"
    facts = {
        "source": name,
        "kind": problem.kind.value,
        "about": problem.about,
        "why": one.why.value,
        "count": problem.count,
        "since": problem.since,
        "text": said,
        "todo": todo,
    }
    return Line(said=said, todo=todo, facts=facts)


def _said(problem: Problem, at: float) -> tuple[str, str]:
    """What it is, and what to do."""
    name, count = problem.source, problem.count
    lasting = "" if problem.since is None else f" for {_age(at - problem.since)}"
    match problem.kind:
        case Kind.HOLD if problem.about == "source":
            return (
                f"the source is on hold{lasting}: nothing is sent",
                f"To let it go on: syncd release {name}",
            )
        case Kind.HOLD:
            what, why = {
                "deletes": (f"{_pages(count)} wait{lasting} to be deleted from Intercom", "--deletes"),
            }.get(problem.about, (f"updates of {_pages(count)} wait{lasting} for a person", "--updates"))
            return what, (
                f"'syncd status' says why, 'syncd plan {name}' which ones. To let them go: "
                f"syncd approve {name} {why} {count}. To keep them: syncd reject {name}"
            )
        case Kind.FAILURE:
            runs = "the last run" if count == 1 else f"the last {count} runs"
            return f"{runs} failed, and nothing was completed{lasting}", (
                "'syncd status' says why, 'syncd check' tries everything that a run needs"
            )
        case Kind.CREDENTIAL:
            return "Intercom refused the access token: nothing can be sent", (
                "Put a valid one where 'intercom.token' or 'token_file' says, then: syncd check"
            )
        case Kind.STALE if problem.about == "changes":
            return f"changes take longer than {_age(problem.limit_s)} to reach Intercom", (
                f"'syncd status' says how long, 'syncd runs --source {name}' when it ran"
            )
        case Kind.STALE:
            return (
                f"no complete run{lasting}, which may be {_age(problem.limit_s)} at most: Fin has old text",
                (f"'syncd status' says why. To try now: syncd sync {name}"),
            )
        case Kind.BLOCKED:
            return f"{_pages(count)} gone from the source stay in Intercom{lasting}", (
                f"'syncd status' and 'syncd runs --source {name}' say what keeps them. To try now: "
                f"syncd sync {name}"
            )
        case Kind.INGESTION:
            return f"Intercom took {_pages(count)}, and did not read them in for Fin{lasting}", (
                "See in Intercom whether the source's content is in order, and ask its support. "
                "An edit of the document sends a page again"
            )
        case Kind.DRIFT:
            return f"{_pages(count)} are not in Intercom as they were sent", (
                f"'syncd verify {name}' names them. To send them again: syncd verify {name} --repair"
            )
        case Kind.QUARANTINE:
            return f"{_pages(count)} could not be published, and keep their last version", (
                f"'syncd pages --skipped --source {name}' names them and says why"
            )
        case Kind.TAKEDOWN:
            return f"{_pages(count)} taken down by a person, and kept out", (
                f"'syncd audit --decisions --source {name}' says who and why"
            )


def _over(problem: Problem) -> str:
    match problem.kind:
        case Kind.HOLD if problem.about == "source":
            return "the source goes on"
        case Kind.HOLD:
            return "nothing waits for a decision any more"
        case Kind.FAILURE:
            return "a run ended well"
        case Kind.CREDENTIAL:
            return "Intercom takes the access token"
        case Kind.STALE:
            return "changes arrive in time"
        case Kind.BLOCKED:
            return "pages that are gone from the source are gone from Intercom"
        case Kind.INGESTION:
            return "Intercom has read in for Fin what it took"
        case Kind.DRIFT:
            return "all pages are in Intercom as they were sent"
        case Kind.QUARANTINE:
            return "no page is in quarantine"
        case Kind.TAKEDOWN:
            return "no page is taken down"


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"


def _age(seconds: float) -> str:
    for size, unit, from_ in ((86_400, "d", 172_800), (3_600, "h", 3_600), (60, "min", 60)):
        if seconds >= from_:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
