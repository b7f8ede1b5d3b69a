"""The published JSON Schema says what the reader says."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from syncd.config.load import Loaded, load_text
from syncd.config.schema import json_schema
from syncd.config.tree import parse, plain
from syncd.errors import ConfigError
from syncd.registry import ConnectorType, connector_type, connector_types

Read = Callable[..., Loaded]

EXAMPLE = Path(__file__).resolve().parents[3] / "config.example.yaml"

SOURCE = {"name": "a", "connector": "notes", "root": "r", "import_source": {"url": "https://a.acme.com"}}


def installed() -> dict[str, type[BaseModel]]:
    return {
        name: found.settings for name, found in connector_types().items() if isinstance(found, ConnectorType)
    }


def test_schema_is_valid_and_describes_every_setting(models: dict[str, type[BaseModel]]) -> None:
    """An editor shows the description of whatever is typed."""
    schema = json_schema(models)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    nameless = [
        path for path, prop in properties(schema, "") if "description" not in prop and "$ref" not in prop
    ]
    assert nameless == []


def properties(node: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        # The branches of "either url or id" name settings that are described elsewhere.
        for name, prop in node.get("properties", {}).items() if "type" in node else ():
            yield f"{path}.{name}", prop
        for key, child in node.items():
            yield from properties(child, f"{path}/{key}")
    elif isinstance(node, list):
        for child in node:
            yield from properties(child, path)


def test_each_connector_completes_its_own_settings(models: dict[str, type[BaseModel]]) -> None:
    """The settings of a source are those of every source and those of its connector."""
    definitions = json_schema(models)["$defs"]
    assert {"name", "import_source", "host"} <= definitions["source_mail"]["properties"].keys()
    assert "host" not in definitions["source_notes"]["properties"]
    assert definitions["source_mail"]["properties"]["connector"]["const"] == "mail"


def test_example_is_right_and_complete(read: Read) -> None:
    """The example needs no token, and names every setting that all sources share."""
    text = EXAMPLE.read_text()
    loaded = load_text(text, EXAMPLE, environ={}, settings_model=lambda name: connector_type(name).settings)
    assert [source.name for source in loaded.config.sources] == ["handbook"]
    root = parse(text)
    assert root is not None
    assert list(Draft202012Validator(json_schema(installed())).iter_errors(plain(root))) == []
    schema = json_schema({})
    for name in itertools.chain.from_iterable(
        definition.get("properties", {}) for definition in [schema, *schema["$defs"].values()]
    ):
        assert f"{name}:" in text


def with_source(**changes: object) -> dict[str, object]:
    source = {**SOURCE, **changes}
    return {"sources": [{name: value for name, value in source.items() if value != "DROP"}]}


def with_intercom(**settings: object) -> dict[str, object]:
    return {"intercom": settings, "sources": [SOURCE]}


GOOD = [
    with_source(),
    with_source(connector="mail", host="h", root="DROP"),
    with_source(enabled=False, page_url="https://a.acme.com/{slug}", schedule="0 * * * *", locale="en"),
    with_source(page_url="https://a.acme.com/docs/{address}"),
    with_source(page_url="https://a.acme.com/fixed"),
    with_source(exclude=["a"], style="rich", depth=9, links=False),
    with_source(depth="${DEPTH:-4}", links="${LINKS:-true}", style="${STYLE:-rich}"),
    with_source(login={"user": "u", "password": "${PASSWORD}"}),
    with_source(login=None),
    with_source(import_source={"id": 7, "audience_ids": [1, 2]}),
    with_source(
        schedule="every PT15M", deletions={"confirm": 1, "min_absence": "0s", "hold_above": {"percent": 2.5}}
    ),
    with_source(availability={"ai_agent": None, "managed": True}, limits={"max_html": "2MiB"}),
    with_source(rendering={"split_above": "30kB"}),
    with_source(rendering={"split_above": False}),
    with_source(rendering={"split_above": "off"}),
    with_intercom(token="${INTERCOM_TOKEN}", region="eu", concurrency=1, rate_share=1),
    with_intercom(token=None, version="2.17"),
    with_intercom(token_file="/run/secrets/token", version="Preview", base_url="http://127.0.0.1:8377"),
    with_intercom(concurrency="${N:-8}", rate_share=0.5, ambiguity_window="1h30m"),
    {"state": "postgresql://u:${PASSWORD}@h/d", "sources": [SOURCE]},
    {"defaults": {"schedule": "every 1h", "limits": {"max_source": "1 MB"}}, "sources": [SOURCE]},
]

BAD = [
    {},
    {"sources": []},
    {"sources": {}},
    {"sources": [SOURCE], "more": 1},
    {"sources": [SOURCE], "state": "mysql://x"},
    {"sources": [SOURCE], "state": 5},
    {"sources": [SOURCE], "defaults": {"name": "x"}},
    {"sources": [SOURCE], "defaults": {"schedule": 15}},
    with_source(name="A B"),
    with_source(name="DROP"),
    with_source(connector="nots"),
    with_source(connector="DROP"),
    with_source(connector="mail"),
    with_source(root="DROP"),
    with_source(root=5),
    with_source(exlude=["a"]),
    with_source(exclude="a"),
    with_source(exclude=[1]),
    with_source(depth=0),
    with_source(depth="4"),
    with_source(depth=2.5),
    with_source(links="yes"),
    with_source(style="bold"),
    with_source(login={"user": "u"}),
    with_source(login={"user": "u", "password": "hunter2"}),
    with_source(connector="mail", root="DROP", host=""),
    with_source(enabled="no"),
    with_source(page_url="docs/{path}"),
    with_source(page_url="https://a.acme.com/{title}"),
    with_source(schedule="hourly"),
    with_source(locale="English, please"),
    with_source(import_source={}),
    with_source(import_source={"id": 0}),
    with_source(import_source={"id": "7"}),
    with_source(import_source={"id": 7, "url": "https://a.acme.com"}),
    with_source(import_source={"url": "a.acme.com"}),
    with_source(import_source={"url": None}),
    with_source(deletions={"confirm": 0}),
    with_source(deletions={"min_absence": 15}),
    with_source(deletions={"hold_above": {"percent": 101}}),
    with_source(limits={"max_html": 5}),
    with_source(rendering={"split_above": 50}),
    with_source(rendering={"split_above": True}),
    with_source(rendering={"split_above": "0kB"}),
    with_intercom(token="dG9rOmFiYw=="),
    with_intercom(token=5),
    with_intercom(region="uk"),
    with_intercom(version="2.11"),
    with_intercom(version=2.16),
    with_intercom(concurrency=0),
    with_intercom(concurrency=True),
    with_intercom(rate_share=0),
    with_intercom(base_url="ftp://x"),
    with_intercom(ambiguity_window="ten minutes"),
]


@pytest.mark.parametrize("document", GOOD + BAD, ids=str)
def test_schema_and_reader_agree(
    document: dict[str, object], read: Read, models: dict[str, type[BaseModel]]
) -> None:
    """What an editor accepts, syncd accepts, and the other way round."""
    valid = Draft202012Validator(json_schema(models)).is_valid(document)
    try:
        read(json.dumps(document), PASSWORD="p", INTERCOM_TOKEN="t")
        accepted = True
    except ConfigError:
        accepted = False
    assert (valid, accepted) == (document in GOOD, document in GOOD)
