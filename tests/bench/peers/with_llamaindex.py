"""LlamaIndex: SimpleDirectoryReader and IngestionPipeline with a document store on disk."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from llama_index.core import SimpleDirectoryReader
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.schema import BaseNode, TransformComponent
from llama_index.core.storage.docstore import SimpleDocumentStore
from sending import send


class _Send(TransformComponent):
    """The last step of the pipeline; only what changed comes here."""

    url: str

    def __call__(self, nodes: list[BaseNode], **_: Any) -> list[BaseNode]:
        for node in nodes:
            send(self.url, node.metadata["file_path"], node.get_content())
        return nodes


def main(root: str, state: str, url: str) -> None:
    """Bring what was sent up to date with a folder."""
    store = Path(state) / "docstore.json"
    known = SimpleDocumentStore.from_persist_path(str(store)) if store.exists() else SimpleDocumentStore()
    reader = SimpleDirectoryReader(root, recursive=True, required_exts=[".md"], filename_as_id=True)
    pipeline = IngestionPipeline(transformations=[_Send(url=url)], docstore=known)
    pipeline.run(documents=reader.load_data(), in_place=False)
    store.parent.mkdir(parents=True, exist_ok=True)
    known.persist(str(store))


main(*sys.argv[1:])
