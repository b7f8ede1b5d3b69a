"""Every error that syncd raises on purpose, grouped by what the run does about it.

SyncdError
├── PageError          this page stays as it is, the run goes on
│   ├── ItemError          the origin could not give this item
│   ├── RenderError        it could not be turned into a page
│   │   └── EmptyPage          there is no text in it
│   ├── PageWithheld       the document itself says that it is not to be published
│   ├── PageRejected       Intercom refused it
│   └── PageUncertain      no valid answer came: it may or may not have been applied
├── SourceError        this source's run ends, the others go on
│   ├── SourceUnavailable  the origin cannot be seen, or looks wrong
│   │   └── ListingIncomplete  a listing broke off
│   ├── SourceBusy         another process holds it
│   │   └── LeaseLost          it was held here, and is no longer
│   ├── SourceMisconfigured its settings do not fit what is there
│   ├── CredentialsRefused Intercom answered 401 or 403
│   ├── TooManyFailures    so many pages fail that the fault is not theirs
│   └── TargetUnavailable  Intercom, or the import source, cannot be used now
└── FatalError         the process ends
    ├── ConfigError        usage or configuration
    └── StateStoreError    the state store is unusable

A message names the thing, what was done, and the way out, in three lines or fewer.
"""

from __future__ import annotations


class SyncdError(Exception):
    """Base of all errors that syncd raises on purpose."""


class PageError(SyncdError):
    """One page stays as Intercom has it; the run goes on."""


class ItemError(PageError):
    """The origin could not give this item: unreadable, not text, changed while it was read."""


class RenderError(PageError):
    """A document could not be turned into a page without losing or breaking something."""


class PageDeadly(RenderError):
    """The process died at it twice: it is left alone until `until`, in Unix seconds."""

    def __init__(self, message: str, *, until: float) -> None:
        super().__init__(message)
        self.until = until


class EmptyPage(RenderError):
    """There is no text to publish. Left out if it never was published; else what Intercom has stays."""


class PageWithheld(PageError):
    """The document itself says that it is not to be published, such as a draft: it must not stay online."""


class PageRejected(PageError):
    """Intercom refused the page (400, 409, 413, 422): sending it again unchanged will not help."""


class PageUncertain(PageError):
    """No valid answer came. The request may have been applied, so the row is ambiguous, not failed."""


class SourceError(SyncdError):
    """This source's run ends here; other sources go on."""


class SourceUnavailable(SourceError):
    """The origin cannot be seen or looks wrong; nothing was sent, nothing is deleted."""


class ListingIncomplete(SourceUnavailable):
    """A listing broke off. What it named so far is true; what it did not name is unknown."""


class SourceBusy(SourceError):
    """Another process holds the lock or the lease."""


class LeaseLost(SourceBusy):
    """The lease ran out, or another process took it: this one sends and records nothing more."""


class SourceMisconfigured(SourceError):
    """This source's settings do not fit what is there, which only Intercom or the origin could tell."""


class CredentialsRefused(SourceError):
    """Intercom answered 401 or 403. Nothing more is sent with this token."""


class TooManyFailures(SourceError):
    """So many pages fail that something else must be wrong. Those that failed are parked."""


class TargetUnavailable(SourceError):
    """Intercom, or the Content Import Source, cannot be used now."""


class FatalError(SyncdError):
    """The process ends."""


class ConfigError(FatalError):
    """Wrong usage or configuration."""


class StateStoreError(FatalError):
    """The state store cannot be opened, read or written."""
