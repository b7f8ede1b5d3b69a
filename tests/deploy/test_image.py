"""What the image promises to those who stop its container."""

from __future__ import annotations

import json
import re
from pathlib import Path

IMAGE = Path(__file__).resolve().parents[2] / "deploy" / "Dockerfile"


def test_f62_signals_reach_syncd() -> None:
    """A shell as the first process forwards none, and the container is killed after ten seconds."""
    text = IMAGE.read_text(encoding="utf-8")

    entry = re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)
    stop = re.search(r"^STOPSIGNAL (.*)$", text, re.MULTILINE)

    assert entry is not None
    assert json.loads(entry[1]) == ["tini", "--", "syncd"]
    assert stop is None or stop[1] == "SIGTERM"
