"""Fixed rate windows, per app and per workspace, as Intercom counts them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from syncd.sandbox.switches import Switches


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Where one counter stands after a request.

    Attributes:
        limit: requests in a window; 0 is unlimited.
        remaining: requests left in this window.
        reset_at: Unix seconds of the window's end, rounded up.
        exceeded: True if this request was one too many.
    """

    limit: int
    remaining: int
    reset_at: int
    exceeded: bool


class RateWindow:
    """One counter."""

    def __init__(self, limit: int, length_s: float, *, aligned: bool) -> None:
        self.limit = limit
        self.length_s = length_s
        self.aligned = aligned
        self._ends_at = -math.inf
        self._used = 0

    def full(self, now: float) -> bool:
        """Whether the next request at `now` is one too many."""
        self._turn(now)
        return 0 < self.limit <= self._used

    def count(self, now: float, *, refused: bool = False) -> Allowance:
        """Count one request; one that is refused uses nothing up."""
        self._turn(now)
        if not refused:
            self._used += 1
        return Allowance(
            limit=self.limit,
            remaining=max(self.limit - self._used, 0),
            reset_at=math.ceil(self._ends_at),
            exceeded=refused,
        )

    def _turn(self, now: float) -> None:
        # A clock that was set back must not leave the window closed for ever.
        if self._ends_at - self.length_s <= now < self._ends_at:
            return
        started_at = now // self.length_s * self.length_s if self.aligned else now
        self._ends_at = started_at + self.length_s
        self._used = 0


class Limits:
    """The windows of all apps of one workspace; an app is a token."""

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        self._workspace = self._window(switches.workspace_rate_limit)
        self._apps: dict[str, RateWindow] = {}

    def admit(self, token: str, now: float) -> Allowance:
        """Count one request of an app, and say what its answer's headers tell."""
        app = self._apps.get(token)
        if app is None:
            app = self._apps[token] = self._window(self.switches.rate_limit)
        app_full, workspace_full = app.full(now), self._workspace.full(now)
        refused = app_full or workspace_full
        of_app = app.count(now, refused=refused)
        of_workspace = self._workspace.count(now, refused=refused)
        if workspace_full and not app_full:
            return of_workspace
        if self.switches.rate_headers == "tightest" and of_workspace.limit > 0:
            return min(of_app, of_workspace, key=lambda each: each.remaining if each.limit else math.inf)
        return of_app

    def _window(self, limit: int) -> RateWindow:
        return RateWindow(
            limit, max(self.switches.rate_window_s, 1), aligned=self.switches.rate_windows == "clock"
        )
