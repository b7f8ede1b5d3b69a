"""One request, one answer: the seam where pacing, retrying and counting wrap HTTP, and tests replace it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

# An answer to a write repeats one page; no size limit of a page is documented.
ANSWER_BYTES = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of the API.

    Attributes:
        path: below the base URL, percent-encoded.
        body: sent as JSON; None for no body.
        params: the query.
        repeatable: False if a second one might make a second thing; it is then sent again only if the
            first surely was not carried out.
        answer_bytes: the longest answer that is read.
    """

    method: str
    path: str
    body: Mapping[str, object] | None = field(default=None, repr=False)
    params: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    answer_bytes: int = ANSWER_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, whatever the status.

    Attributes:
        headers: names in lower case.
        unsure: whether an earlier try of the same request may have been carried out, whatever this says.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    unsure: bool = False


class TransportFailed(Exception):
    """No whole answer came. It stays inside this package, which makes a SyncdError of it.

    Attributes:
        may_have_arrived: False only if no connection was made, so that the server saw nothing.
    """

    def __init__(self, message: str, *, may_have_arrived: bool = True) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class Transport(Protocol):
    """Anything that can answer a request; a wrapper is one too."""

    async def send(self, request: Request) -> Answer:
        """Return the answer, of whatever status.

        Raises:
            TransportFailed: none came.
            CredentialsRefused: there is no token that could be sent.
        """
        ...


class Fenced:
    """Asks before each request that changes something whether it may be sent, also when it is a retry."""

    def __init__(self, transport: Transport, fence: Callable[[], None]) -> None:
        """`fence` raises where nothing may be sent any more."""
        self._transport = transport
        self._fence = fence

    async def send(self, request: Request) -> Answer:
        if request.method != "GET":
            self._fence()
        return await self._transport.send(request)


class Counted:
    """Counts the requests that really go out: wrap the innermost transport of one run in it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.requests = 0

    async def send(self, request: Request) -> Answer:
        self.requests += 1
        return await self._transport.send(request)
