"""Document → Draft: what Fin should read, as clean HTML whose links to other pages are still open.

`render` is pure: the same document under the same rules gives the same draft, in any process and at any
time. Its parsers are imported at its first call, so that a run with nothing to render never loads them.
"""

from __future__ import annotations

from syncd.model import Document, Draft
from syncd.render.rules import RENDERER_VERSION, Rules

__all__ = ["RENDERER_VERSION", "Rules", "render"]


def render(document: Document, rules: Rules) -> Draft:
    """Turn one document into a draft.

    All text that a reader of the document would see arrives, or the call fails.

    Raises:
        RenderError: it is empty (EmptyPage), too large, or too deeply nested.
        PageWithheld: it calls itself a draft.
    """
    from syncd.render.page import draft

    return draft(document, rules)
