"""A local stand-in for Intercom's AI Content API: import sources, External Pages, limits and faults.

    with serving(Sandbox(faults=["drop-after:POST:3"])) as running:
        ...  # talk to running.url, look at running.workspace and running.requests

Every behaviour that Intercom does not document is a field of `Switches`.
"""

from syncd.sandbox.content import Page, Source, Writing
from syncd.sandbox.exchange import Answer, Exchange, ExchangeLog, Request
from syncd.sandbox.faults import Faults
from syncd.sandbox.sandbox import Sandbox
from syncd.sandbox.server import Running, serving
from syncd.sandbox.switches import Switches
from syncd.sandbox.workspace import Workspace

__all__ = [
    "Answer",
    "Exchange",
    "ExchangeLog",
    "Faults",
    "Page",
    "Request",
    "Running",
    "Sandbox",
    "Source",
    "Switches",
    "Workspace",
    "Writing",
    "serving",
]
