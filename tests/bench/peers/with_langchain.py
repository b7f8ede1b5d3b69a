"""LangChain: DirectoryLoader and `index`, full clean-up, with SQLRecordManager."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from langchain_classic.indexes import SQLRecordManager
from langchain_community.document_loaders import DirectoryLoader, TextLoader
from langchain_core.documents import Document
from langchain_core.indexing import index
from langchain_core.vectorstores import VectorStore
from sending import delete, send


class _Pages(VectorStore):
    """Sends what it is given."""

    def __init__(self, url: str) -> None:
        self._url = url

    def add_documents(self, documents: list[Document], *, ids: list[str], **_: Any) -> list[str]:
        for document in documents:
            send(self._url, document.metadata["source"], document.page_content)
        return ids

    def delete(self, ids: list[str] | None = None, **_: Any) -> bool:
        for name in ids or ():
            delete(self._url, name)
        return True

    def similarity_search(self, query: str, k: int = 4, **_: Any) -> list[Document]:
        raise NotImplementedError

    @classmethod
    def from_texts(cls, *_: Any, **__: Any) -> _Pages:
        raise NotImplementedError


def main(root: str, state: str, url: str) -> None:
    """Bring what was sent up to date with a folder."""
    Path(state).mkdir(parents=True, exist_ok=True)
    records = SQLRecordManager("bench", db_url=f"sqlite:///{state}/records.db")
    records.create_schema()
    loader = DirectoryLoader(root, glob="**/*.md", loader_cls=TextLoader, loader_kwargs={"encoding": "utf-8"})
    index(
        loader.lazy_load(), records, _Pages(url), cleanup="full", source_id_key="source", key_encoder="sha256"
    )


main(*sys.argv[1:])
