"""Keys, tokens and passwords in a text that is about to be published.

Only what is almost surely a secret counts: a token of a known form whose random part looks random, a
private key with its body, or a value that is assigned to a password and that nobody would make up. What
documentation shows instead of a secret (AKIAIOSFODNN7EXAMPLE, ghp_xxxx, <token>, 1234567890) is none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple


class Secret(NamedTuple):
    """One find, told without telling it.

    Attributes:
        kind: what it seems to be: "a GitHub token".
        excerpt: its first characters, where these only tell its kind; the rest is masked.
        fingerprint: "sha256:" and 12 hex digits, by which it can be allowed.
    """

    kind: str
    excerpt: str
    fingerprint: str


class _Form(NamedTuple):
    """A form that secrets have.

    Attributes:
        starts: what a match may begin with, in lower case.
        pattern: its group 1 is the secret.
        shown: how many characters tell the kind and no more.
        judge: whether a match is a secret indeed.
    """

    kind: str
    starts: tuple[str, ...]
    pattern: re.Pattern[str]
    shown: int
    judge: Callable[[str], bool]


_MADE_UP = re.compile(
    r"example|sample|placeholder|dummy|fake|redact|change.?me|replace|your|insert|secret|password|token|apikey"
    r"|f[o0]{2}b[a4]r|\.\.\.|…|\*\*|1234567|abcdef|0{6}|(.)\1{4}|x{4}",
    re.IGNORECASE,
)
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:[.:/\\-][A-Za-z_]\w*)+")
_CLAIMS = {"aud", "exp", "iat", "iss", "jti", "nbf", "sub"}
"""Registered claims of RFC 7519."""
_FUNCTION = re.compile(r"[(){}\[\]<>$%]")


def find_secrets(text: str) -> list[Secret]:
    """Return what looks like a secret in a plain text, each once, in the order of their forms."""
    lower = text.lower()
    if len(lower) != len(text):  # a letter became two
        lower = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)
    found: dict[str, Secret] = {}
    for form in _FORMS:
        end = 0
        for at in _places(lower, form.starts):
            match = form.pattern.match(text, at) if at >= end else None
            if match is None:
                continue
            end, secret = match.end(), match[1]
            if form.judge(secret):
                fingerprint = "sha256:" + hashlib.sha256(secret.encode()).hexdigest()[:12]
                excerpt = f"{secret[: form.shown]}… ({len(secret)} characters)"
                found.setdefault(fingerprint, Secret(form.kind, excerpt, fingerprint))
    return list(found.values())


def _places(lower: str, starts: tuple[str, ...]) -> list[int]:
    """Where any of some texts stands, from left to right."""
    # To look for plain texts first is ten times as fast as to let an expression try every character.
    places = []
    for start in starts:
        at = lower.find(start)
        while at >= 0:
            places.append(at)
            at = lower.find(start, at + 1)
    return sorted(places)


def looks_random(text: str) -> bool:
    """Whether a text looks like a token that a machine made."""
    return _random(3.5)(text)


def _entropy(text: str) -> float:
    """Bits a character, of the characters as often as they occur."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def _random(bits: float, prefix: int = 0) -> Callable[[str], bool]:
    """Whether all after the prefix looks like chance, at so many bits a character."""

    def judge(secret: str) -> bool:
        rest = secret[prefix:]
        return _MADE_UP.search(rest) is None and _entropy(rest) >= bits

    return judge


def _is_token(secret: str) -> bool:
    """Whether a JSON Web Token is for somebody: those of documentation are for 1234567890, or nobody."""
    try:
        body = secret.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    if not isinstance(claims, dict) or claims.get("sub") == "1234567890" or len(_CLAIMS & claims.keys()) < 2:
        return False
    return _random(4.0)(secret.rpartition(".")[2])


def _is_password(secret: str) -> bool:
    """Whether nobody would make a value up: long, of mixed characters, and neither code nor a name."""
    kinds = [any(map(test, secret)) for test in (str.islower, str.isupper, str.isdigit)]
    if not all(kinds) or _FUNCTION.search(secret) or _DOTTED.fullmatch(secret):
        return False
    return _random(3.5)(secret)


def _form(kind: str, starts: str, pattern: str, shown: int, judge: Callable[[str], bool]) -> _Form:
    return _Form(kind, tuple(starts.split()), re.compile(pattern), shown, judge)


# The forms are those that their makers document, so that scanners find them.
_FORMS = (
    _form(
        "a private key",
        "-----begin",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
        r"((?:\s+[A-Za-z-]+: [^\n]*)*[A-Za-z0-9+/=\s]{100,})",
        0,
        lambda body: _random(4.5)("".join(body.split())),
    ),
    _form("an AWS access key", "akia asia", r"\b((?:AKIA|ASIA)[A-Z2-7]{16})\b", 4, _random(2.8, 4)),
    _form(
        "an AWS secret key",
        "secret",
        r"(?i:secret_?access_?key)[\"']?\s*[:=]\s*[\"']?([A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=])",
        0,
        _random(4.0),
    ),
    _form(
        "a GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_",
        r"\b(gh[pousr]_[A-Za-z0-9]{36,251})\b",
        4,
        _random(3.8, 4),
    ),
    _form("a GitHub token", "github_pat_", r"\b(github_pat_[A-Za-z0-9_]{70,250})\b", 11, _random(4.0, 11)),
    _form("a GitLab token", "glpat-", r"\b(glpat-[A-Za-z0-9_.-]{20,120})", 6, _random(3.3, 6)),
    _form("a Slack token", "xox", r"\b(xox[abeprs]-[A-Za-z0-9-]{24,250})", 5, _random(3.0, 5)),
    _form(
        "a Slack webhook",
        "hooks.slack.com",
        r"hooks\.slack\.com/services/(T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{20,32})",
        0,
        _random(3.8),
    ),
    _form("a Stripe key", "sk_live_ rk_live_", r"\b([sr]k_live_[A-Za-z0-9]{24,250})\b", 8, _random(3.5, 8)),
    _form("a Google API key", "aiza", r"\b(AIza[A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])", 4, _random(3.8, 4)),
    _form("a Google client secret", "gocspx-", r"\b(GOCSPX-[A-Za-z0-9_-]{28})", 7, _random(3.5, 7)),
    _form("an Intercom token", "dg9ro", r"\b(dG9rO[A-Za-z0-9+/]{50,80}={0,2})", 5, _random(4.0, 5)),
    _form(
        "an OpenAI key",
        "sk-",
        r"\b(sk-[A-Za-z0-9_-]{20,120}T3BlbkFJ[A-Za-z0-9_-]{20,120})",
        3,
        _random(3.8),
    ),
    _form("an Anthropic key", "sk-ant-", r"\b(sk-ant-[A-Za-z0-9_-]{80,120})", 7, _random(3.8, 7)),
    _form("an npm token", "npm_", r"\b(npm_[A-Za-z0-9]{36})\b", 4, _random(3.8, 4)),
    _form("a PyPI token", "pypi-", r"\b(pypi-AgE[A-Za-z0-9_-]{60,250})", 8, _random(4.0, 8)),
    _form("a SendGrid key", "sg.", r"\b(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})", 3, _random(4.0, 3)),
    _form("a JSON Web Token", "eyj", r"\b(eyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}\.[\w-]{20,1000})", 0, _is_token),
    _form(
        "a password",
        "passw pwd secret api_key apikey api-key access_token access-token auth_token auth-token",
        # In the query of an address it is mostly meant for the reader, such as a meeting's.
        r"(?<![?&])(?i:passw(?:or)?d|pwd|secret(?:_key)?|api[_-]?key|(?:access|auth)[_-]token)[\"']?"
        r"[ \t]*(?:=|:=|:|=>)[ \t]*[\"']?([^\s\"'`,;&|]{16,120})",
        0,
        _is_password,
    ),
)
