"""dlt: files of a folder, their hashes in the state of the resource, and a destination that sends."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dlt
from dlt.sources.filesystem import FileItemDict, filesystem
from sending import send


def main(root: str, state: str, url: str) -> None:
    """Bring what was sent up to date with a folder."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

    @dlt.transformer(name="pages")
    def changed(files: list[FileItemDict]) -> Iterator[dict[str, Any]]:
        known = dlt.current.resource_state().setdefault("hashes", {})
        for file in files:
            content = file.read_bytes()
            name, digest = file["relative_path"], hashlib.sha256(content).hexdigest()
            if known.get(name) != digest:
                known[name] = digest
                yield {"name": name, "text": content.decode()}

    @dlt.destination(batch_size=100, naming_convention="direct", skip_dlt_columns_and_tables=True)
    def intercom(rows: list[dict[str, Any]], table: Any) -> None:
        for row in rows:
            send(url, row["name"], row["text"])

    pipeline = dlt.pipeline("bench", destination=intercom, pipelines_dir=state)
    pipeline.run(filesystem(bucket_url=Path(root).as_uri(), file_glob="**/*.md") | changed)


main(*sys.argv[1:])
