"""Durations and sizes as people write them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_DURATION = re.compile(
    r"(?:(?P<w>\d{1,6})w)?(?:(?P<d>\d{1,6})d)?(?:(?P<h>\d{1,6})h)?(?:(?P<m>\d{1,6})m)?(?:(?P<s>\d{1,6})s)?",
    re.ASCII,
)
_ISO_DURATION = re.compile(
    r"P(?:(?P<w>\d{1,6})W)?(?:(?P<d>\d{1,6})D)?(?:T(?=\d)(?:(?P<h>\d{1,6})H)?(?:(?P<m>\d{1,6})M)?(?:(?P<s>\d{1,6})S)?)?",
    re.ASCII,
)
# The same two forms in the regular expressions that JSON Schema knows (ECMA-262).
DURATION_PATTERN = (
    r"^(?=\d)(\d{1,6}w)?(\d{1,6}d)?(\d{1,6}h)?(\d{1,6}m)?(\d{1,6}s)?$"
    r"|^0$"
    r"|^P(?=\d|T\d)(\d{1,6}W)?(\d{1,6}D)?(T(?=\d)(\d{1,6}H)?(\d{1,6}M)?(\d{1,6}S)?)?$"
)
_UNIT_S = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}

_SIZE = re.compile(r"(?P<number>\d{1,9}) ?(?P<unit>B|kB|KB|MB|GB|KiB|MiB|GiB)", re.ASCII)
SIZE_PATTERN = r"^\d{1,9} ?(B|kB|KB|MB|GB|KiB|MiB|GiB)$"
_UNIT_BYTES = {
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}


def parse_duration(value: object) -> float:
    """Return the seconds of "15m", "1h30m", "90s", "2d" or ISO 8601 "PT15M", "P1D".

    Raises:
        ValueError: another form. A bare number has no unit, and is refused, but for 0, which needs none.
    """
    if value == "0" or (value == 0 and not isinstance(value, bool)):
        return 0.0
    if isinstance(value, str) and len(value) > 1:
        match = _DURATION.fullmatch(value) or _ISO_DURATION.fullmatch(value)
        if match is not None and any(match.groups()):
            return float(sum(int(match[unit] or 0) * seconds for unit, seconds in _UNIT_S.items()))
    raise ValueError('must be a duration with its unit, such as "90s", "15m", "1h30m", "2d" or "PT15M"')


def format_duration(seconds: float) -> str:
    """Return seconds as `parse_duration` reads them: 5400 as "1h30m"."""
    rest = int(seconds)
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, _UNIT_S[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_size(value: object) -> int:
    """Return the bytes of "800B", "500kB", "2MB" (decimal) or "2MiB" (binary).

    Raises:
        ValueError: another form. A bare number has no unit, and is refused.
    """
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a size with its unit, such as "500kB", "2MB" or "2MiB"')
    return int(match["number"]) * _UNIT_BYTES[match["unit"]]


def format_size(size_bytes: int) -> str:
    """Return bytes as `parse_size` reads them, in the largest unit without a remainder."""
    for unit in ("GB", "MB", "kB"):
        if size_bytes and size_bytes % _UNIT_BYTES[unit] == 0:
            return f"{size_bytes // _UNIT_BYTES[unit]}{unit}"
    return f"{size_bytes}B"


def parse_size_or_off(value: object) -> int | None:
    """Return the bytes of a size above 0, None for "off", which YAML reads as false.

    Raises:
        ValueError: another form.
    """
    if value is False or value == "off":
        return None
    size = parse_size(value)
    if size == 0:
        raise ValueError('must be a size above 0, such as "50kB", or off')
    return size


Seconds = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": DURATION_PATTERN}, {"const": 0}],
            "examples": ["90s", "15m", "1h30m", "PT15M"],
        }
    ),
]
"""Seconds; written as a duration with its unit."""

Bytes = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN, "examples": ["500kB", "2MB", "2MiB"]}),
]
"""Bytes; written as a size with its unit."""

BytesOrOff = Annotated[
    int | None,
    BeforeValidator(parse_size_or_off),
    PlainSerializer(lambda size: False if size is None else format_size(size)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": SIZE_PATTERN, "not": {"pattern": r"^0+ ?\D"}},
                {"enum": [False, "off"]},
            ],
            "examples": ["50kB", False],
        }
    ),
]
"""Bytes, or None for off."""
