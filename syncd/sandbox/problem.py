"""A refusal, as Intercom words it."""

from __future__ import annotations


class Problem(Exception):
    """The request is refused and nothing was changed.

    Attributes:
        status: the HTTP status.
        code: of the `error` object ("Intercom REST API 2.16, schema error").
        message: in Intercom's words where they are known.
        field: the field of the body that is at fault, if one is.
    """

    def __init__(self, status: int, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field


def not_found() -> Problem:
    """The commonest 404 of Intercom's own examples."""
    return Problem(404, "not_found", "Resource Not Found")
