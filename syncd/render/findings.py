"""What a person should know of a page before, or after, it is published: secrets, and words to an AI.

The second is advice and no protection: nothing that reads text can tell every instruction to an agent
from a text about one, so what a customer-facing agent may do has to be limited where it runs.
"""

from __future__ import annotations

import re
from html import unescape

from syncd.errors import RenderError
from syncd.render.rules import Rules
from syncd.render.secrets import find_secrets, looks_random

_TAGS = re.compile(r"<[^>]*>")
_ADDRESSES = re.compile(r'(?:href|src)="([^"]*)"')

_QUERY_TOKEN = re.compile(
    r"https?://([^/?#\s]+)[^?#\s]*\?(?:[^#\s]*&)?"
    r"((?:access_|auth_|api_?)?(?:token|key)|secret|password|sig|signature|x-amz-signature)=([\w%.~+/-]{20,})",
    re.IGNORECASE,
)

_FORMER = (
    r"(?:all\s+|any\s+|the\s+|your\s+|of\s+|my\s+|these\s+){0,3}"
    r"(?:previous|prior|preceding|above|earlier|former|system)\s+"
    r"(?:instructions?|prompts?|messages?|directions|guidelines|rules|context)"
)
_HIDDEN = r"(?:me\s+)?(?:your|the)\s+(?:system|initial|hidden)\s+(?:prompt|instructions|message)"
_ENTIRELY = r"(?:everything|all)\s+(?:above|before|you\s+(?:were|have\s+been)\s+told)"

# Each by the letters that it begins with, in lower case: to look for those first is ten times as fast.
_INSTRUCTIONS = tuple(
    (start, re.compile(re.escape(start) + rest))
    for starts, rest in (
        ("ignore disregard forget override", rf"\s+{_FORMER}"),
        ("reveal repeat print show output leak", rf"\s+{_HIDDEN}"),
        ("forget", rf"\s+{_ENTIRELY}"),
        ("you", r"\s+are\s+now\s+(?:dan|unrestricted|jailbroken|in\s+developer\s+mode)\b"),
        ("do", r"\s+not\s+(?:tell|inform|alert|warn)\s+the\s+(?:user|customer)"),
        ("<|", r"(?:im_start|im_end|system|endoftext)\|>"),
        ("[inst [/inst", r"\]"),
        ("<<sys <</sys", r">>"),
    )
    for start in starts.split()
)


def examine(title: str, html: str, external_id: str, rules: Rules) -> list[str]:
    """Return one sentence for each thing that a person should know of a finished page.

    Raises:
        RenderError: it holds what looks like a secret, and the rules withhold such pages.
    """
    text = f"{title}\n{unescape(_TAGS.sub('', html))}"
    warnings = []
    if rules.secrets != "off" and external_id not in rules.allowed_secrets:
        # An address can hold a token that no reader sees.
        addresses = [unescape(address) for address in _ADDRESSES.findall(html)]
        whole = "\n".join([text, *addresses])
        found = [one for one in find_secrets(whole) if one.fingerprint not in rules.allowed_secrets]
        if found:
            named = ", ".join(f"{one.kind} {one.excerpt}, {one.fingerprint}" for one in found[:3])
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            what = f"it seems to hold {named}{more}"
            if rules.secrets == "withhold":
                raise RenderError(
                    f"{what}. It is not sent: take it out, or, if it is none, "
                    "add sha256:… to rendering.allowed_secrets"
                )
            warnings.append(f"{what}; it was published all the same")
        for address in addresses:
            token = _QUERY_TOKEN.match(address)
            if token is not None and looks_random(token[3]):
                warnings.append(
                    f"a link to {token[1]} has what seems to be a token in its query ({token[2]}=…)"
                )
    instruction = _instruction(text.lower())
    if instruction is not None:
        quoted = " ".join(instruction.split())[:80]
        warnings.append(f"it reads like instructions to an AI agent ({quoted!r}); it is published as it is")
    return warnings


def _instruction(lower: str) -> str | None:
    for start, pattern in _INSTRUCTIONS:
        found = pattern.search(lower) if start in lower else None
        if found is not None:
            return found[0]
    return None
