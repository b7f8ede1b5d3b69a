"""Faults on demand: which requests go wrong, and how.

A rule is one line, parts between colons:

    KIND [: filter ...] [: when]

kinds     `503`            any status from 400 to 599, answered before anything was applied (502 and 504
                           as HTML, as proxies do; 429 with its rate headers)
          `503-after`      applied, then that status
          `drop`           the connection closes before anything was applied
          `drop-after`     applied, then the connection closes without an answer
          `truncate`       applied, then the connection closes in the middle of the answer
          `redirect`       307 to another host, nothing applied
          `garbage`        200 with a page of HTML, nothing applied
          `garbage-after`  the same, applied
          `slow=2s`        applied and answered after that time; `slow=100ms-300ms` for a range
filters   `POST`           a method; `WRITE` for all but GET
          `pages`, `sources`   by path
          `id=guide-*`     by the external_id in the body; `*` is any text, `?` one character; the last part
when      `3`, `3-5`       the third matching request; the third to the fifth
          `every=10`       each tenth
          `p=0.02`         with this probability
for 429   `reset=-5`       seconds from now to X-RateLimit-Reset; `reset=none` leaves the headers out
          `retry-after=7`  sends Retry-After

A request is counted by each rule that its filters let through; the first rule that strikes decides.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from syncd.errors import ConfigError
from syncd.sandbox.exchange import Request

_STATUS = re.compile(r"([45]\d\d)(-after)?\Z")
_NTH = re.compile(r"([1-9]\d*)(?:-([1-9]\d*))?\Z")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)\Z")
_METHODS = ("GET", "POST", "PUT", "DELETE", "WRITE")
_RESOURCES = {"pages": "/ai/external_pages", "sources": "/ai/content_import_sources"}
_KINDS = ("drop", "drop-after", "truncate", "redirect", "garbage", "garbage-after", "slow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule, parsed. The grammar is in the module's docstring.

    Attributes:
        spec: the line as it was written.
        kind: "status", or one of drop, drop-after, truncate, redirect, garbage, garbage-after, slow.
        status: for kind "status".
        after: whether the request is applied first.
        delay_s: least and most seconds, for kind "slow".
        nth: first and last matching request that it strikes; None for all.
        reset_s: for 429: seconds from now; None for the true window, NaN for no headers.
    """

    spec: str
    kind: str
    after: bool
    status: int = 0
    delay_s: tuple[float, float] = (0.0, 0.0)
    method: str | None = None
    resource: str | None = None
    external_id: str | None = None
    nth: tuple[int, float] | None = None
    every: int | None = None
    probability: float | None = None
    reset_s: float | None = None
    retry_after_s: int | None = None

    @classmethod
    def parse(cls, spec: str) -> Fault:
        """Read one line. Raises ConfigError for one that says nothing."""
        head, _, rest = spec.strip().partition(":")
        fault = _kind(spec, head)
        while rest:
            if rest.startswith("id="):
                # Last, because an external_id may hold colons.
                return replace(fault, external_id=rest[3:])
            part, _, rest = rest.partition(":")
            fault = _with_part(fault, part)
        return fault

    def matches(self, request: Request) -> bool:
        """Whether the filters let the request through."""
        if self.method is not None and (
            request.method == "GET" if self.method == "WRITE" else request.method != self.method
        ):
            return False
        if self.resource is not None and not request.path.startswith(_RESOURCES[self.resource]):
            return False
        return self.external_id is None or fnmatchcase(
            _external_id(request), self.external_id.replace("[", "[[]")
        )


class Faults:
    """The rules in force, and how often each of them was asked. One seed gives one sequence."""

    def __init__(self, specs: Iterable[str] = (), *, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311
        self._rules: list[tuple[Fault, list[int]]] = []
        self.put(specs)

    @property
    def specs(self) -> list[str]:
        """The rules as they were written."""
        return [fault.spec for fault, _ in self._rules]

    def put(self, specs: Iterable[str]) -> None:
        """Replace all rules; counting starts again. Raises ConfigError and changes nothing."""
        self._rules = [(Fault.parse(spec), [0]) for spec in specs]

    def add(self, *specs: str) -> None:
        """Add rules after those in force."""
        self._rules = self._rules + [(Fault.parse(spec), [0]) for spec in specs]

    def clear(self) -> None:
        """Drop all rules."""
        self._rules = []

    def draw(self, request: Request) -> Fault | None:
        """The fault that strikes this request, if one does."""
        struck: Fault | None = None
        for fault, seen in self._rules:
            if fault.matches(request):
                seen[0] += 1
                if struck is None and self._strikes(fault, seen[0]):
                    struck = fault
        return struck

    def delay_s(self, between: Sequence[float]) -> float:
        """A delay between the two, in seconds."""
        return self._random.uniform(between[0], between[1]) if between[1] else 0.0

    def _strikes(self, fault: Fault, count: int) -> bool:
        if fault.nth is not None and not fault.nth[0] <= count <= fault.nth[1]:
            return False
        if fault.every is not None and count % fault.every:
            return False
        return fault.probability is None or self._random.random() < fault.probability


def delay(text: str) -> tuple[float, float]:
    """Read "100ms", "2s" or "100ms-300ms" as least and most seconds. Raises ConfigError."""
    least, _, most = text.partition("-")
    ends = [_DURATION.match(end.strip()) for end in (least, most or least)]
    values = [float(end[1]) / (1000 if end[2] == "ms" else 1) for end in ends if end]
    if len(values) != 2 or values[0] > values[1]:
        raise ConfigError(f"{text!r} is no delay; write 100ms, 2s or a range such as 100ms-300ms.")
    return values[0], values[1]


def _kind(spec: str, head: str) -> Fault:
    status = _STATUS.match(head)
    if status:
        return Fault(spec=spec, kind="status", status=int(status[1]), after=status[2] is not None)
    kind, equals, value = head.partition("=")
    if kind not in _KINDS or (kind == "slow") != bool(equals):
        raise ConfigError(
            f"{head!r} in the fault {spec!r} is no kind of fault; "
            f"write a status from 400 to 599, {', '.join(_KINDS[:-1])} or slow=2s."
        )
    if kind == "slow":
        return Fault(spec=spec, kind=kind, after=True, delay_s=delay(value))
    return Fault(spec=spec, kind=kind, after=kind.endswith("-after") or kind == "truncate")


def _with_part(fault: Fault, part: str) -> Fault:
    name, _, value = part.partition("=")
    nth = _NTH.match(part)
    try:
        if nth:
            return replace(fault, nth=(int(nth[1]), int(nth[2] or nth[1])))
        if part in _METHODS:
            return replace(fault, method=part)
        if part in _RESOURCES:
            return replace(fault, resource=part)
        if name == "every" and int(value) > 0:
            return replace(fault, every=int(value))
        if name == "p" and 0 <= float(value) <= 1:
            return replace(fault, probability=float(value))
        if name == "reset" and fault.status == 429 and (value == "none" or math.isfinite(float(value))):
            return replace(fault, reset_s=math.nan if value == "none" else float(value))
        if name == "retry-after" and fault.status == 429:
            return replace(fault, retry_after_s=int(value))
    except ValueError:
        pass
    raise ConfigError(
        f"{part!r} in the fault {fault.spec!r} means nothing; write a method, pages, sources, 3, 3-5, "
        "every=10, p=0.02 or, at the end, id=guide-* (reset= and retry-after= only for 429)."
    )


def _external_id(request: Request) -> str:
    try:
        body: Any = json.loads(request.body or b"null")
    except (ValueError, RecursionError):
        return ""
    external_id = body.get("external_id") if isinstance(body, dict) else None
    return external_id if isinstance(external_id, str) else ""
