"""What operators do here. Each is one form; each ends on the page that shows what came of it."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request

from syncd.decision import Approve, Freeze, Question, Reject, Release, Restore, Retry, TakeDown
from syncd.guards import APPROVAL_LIFE_S
from syncd.service.guard import Refused
from syncd.state import browse
from syncd.web.access import Visitor
from syncd.web.desk import Desk
from syncd.web.gate import Form

_TRIGGER = "dashboard"
_MAX_WHY = 500


class Acts:
    """Everything that changes something."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._service = desk.service

    async def sync(self, request: Request, visitor: Visitor, form: Form) -> str:
        """Ask for a run."""
        self._service.want_run(_name(request), _TRIGGER)
        return _back(request, form, "asked")

    async def pause(self, request: Request, visitor: Visitor, form: Form) -> str:
        """Let the source run only if somebody asks."""
        self._service.pause(_name(request))
        return _back(request, form, "paused")

    async def resume(self, request: Request, visitor: Visitor, form: Form) -> str:
        """Let it run by itself again."""
        self._service.resume(_name(request))
        return _back(request, form, "resumed")

    async def hold(self, request: Request, visitor: Visitor, form: Form) -> str:
        """Send nothing of the source any more."""
        await self._service.decide(_name(request), Freeze(by=visitor.name, why=_why(form)))
        return _back(request, form, "frozen")

    async def release(self, request: Request, visitor: Visitor, form: Form) -> str:
        """Let it go on."""
        await self._service.decide(_name(request), Release(by=visitor.name, why=_why(form, needed=False)))
        self._service.want_run(_name(request), _TRIGGER)
        return _back(request, form, "released")

    async def approve(self, request: Request, visitor: Visitor, form: Form) -> str:
        """Let held pages go, if their number was typed, and they are still those that were shown."""
        name, question = _name(request), _question(form)
        held = [
            hold
            for source, hold in (await self._desk.read(browse.waiting)).holds
            if source == name and hold.question is question
        ]
        if not held:
            raise Refused(409, "Nothing of that kind is held any more: nothing was approved.")
        if held[0].digest != form.get("digest"):
            raise Refused(
                409,
                "Other pages are held now than those that you saw: nothing was approved. "
                "Look again, and decide then.",
            )
        typed = form.get("count", "").strip()
        if not typed.isascii() or not typed.isdigit() or int(typed[:9]) != held[0].count:
            raise Refused(
                409,
                f"You typed {typed[:20]!r}, and {held[0].count} pages are held: nothing was approved. "
                "Type their number to let all of them go.",
            )
        decision = Approve(
            question=question,
            count=held[0].count,
            until=self._service.clock.now() + APPROVAL_LIFE_S,
            by=visitor.name,
            why=_why(form, needed=False),
        )
        await self._service.decide(name, decision)
        self._service.want_run(name, _TRIGGER)
        return f"/sources/{name}?said=approved"

    async def reject(self, request: Request, visitor: Visitor, form: Form) -> str:
        """Keep held pages as they are, on record."""
        decision = Reject(question=_question(form), by=visitor.name, why=_why(form, needed=False))
        await self._service.decide(_name(request), decision)
        return f"/sources/{_name(request)}?said=rejected"

    async def take_down(self, request: Request, visitor: Visitor, form: Form) -> str:
        """Delete a page now, and keep it out, if the number of pages that go was typed."""
        name, external_id = _name(request), page_of(form)
        details = await self._desk.read(lambda store: browse.details(store, name, external_id))
        if form.get("count", "").strip() != str(len(details.page_ids)):
            raise Refused(
                409,
                f"You typed {form.get('count', '')[:20]!r}, and Intercom has {len(details.page_ids)} of this "
                "page: nothing was taken down. Type that number to take it down.",
            )
        decision = TakeDown(external_id=external_id, by=visitor.name, why=_why(form))
        done = await self._service.take_down(name, decision)
        if done.error is not None:
            self._service.want_run(name, _TRIGGER)
        said = "not-deleted" if done.error is not None else "taken-down" if done.deleted else "kept-out"
        return page_address(name, external_id, said)

    async def retry(self, request: Request, visitor: Visitor, form: Form) -> str:
        """Try a page in quarantine again, or all of them, although nothing changed."""
        name, external_id = _name(request), form.get("id") or None
        await self._service.decide(name, Retry(external_id=external_id, by=visitor.name))
        self._service.want_run(name, _TRIGGER)
        if external_id is None:
            return f"/sources/{name}?said=retried"
        return page_address(name, external_id, "retried")

    async def restore(self, request: Request, visitor: Visitor, form: Form) -> str:
        """Let a page that was taken down be published again."""
        decision = Restore(external_id=page_of(form), by=visitor.name, why=_why(form, needed=False))
        await self._service.decide(_name(request), decision)
        self._service.want_run(_name(request), _TRIGGER)
        return page_address(_name(request), decision.external_id, "restored")


def page_address(source: str, external_id: str, said: str | None = None) -> str:
    """Where a page is shown."""
    told = {} if said is None else {"said": said}
    return f"/sources/{source}/page?{urlencode({'id': external_id} | told)}"


def page_of(form: Form) -> str:
    """The page that a form is about. Raises Refused if it names none."""
    external_id = form.get("id", "")
    if not external_id or "\0" in external_id:
        raise Refused(400, "The form names no page: nothing was done.")
    return external_id


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    return name


def _question(form: Form) -> Question:
    try:
        return Question(form.get("question", ""))
    except ValueError:
        raise Refused(400, "The form asks about nothing that can be held: nothing was done.") from None


def _why(form: Form, *, needed: bool = True) -> str:
    why = " ".join(form.get("why", "").split())[:_MAX_WHY]
    if needed and not why:
        raise Refused(400, "Say why, for those who come later: nothing was done.")
    return why


def _back(request: Request, form: Form, said: str) -> str:
    """To the overview, or to the source, from where it was asked."""
    return f"/?said={said}" if form.get("from") == "overview" else f"/sources/{_name(request)}?said={said}"
