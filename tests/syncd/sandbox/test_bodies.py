"""Bodies of any shape: an answer comes, and it is never a crash."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.sandbox.bodies import is_public
from tests.syncd.sandbox.client import PAGES, SOURCES, Client, page_body

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
_NAMES = [
    "source_id",
    "external_id",
    "title",
    "html",
    "locale",
    "url",
    "sync_behavior",
    "status",
    "audience_ids",
    "ai_agent_availability",
    "fin_availability",
    "apply_audience_to_existing_content",
]
_FIELDS = st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=4)


@given(fields=_FIELDS, version=st.sampled_from(["2.12", "2.16", "2.17", "Preview"]))
def test_any_json_gets_an_answer(fields: dict[str, object], version: str) -> None:
    """Whatever stands in the fields, it is taken or refused, and a refusal changes nothing."""
    client = Client(version=version)
    client.source()
    client.page()
    source = {"sync_behavior": "api", "url": "https://docs.acme.com"}
    for method, path, body in (
        ("POST", PAGES, page_body()),
        ("PUT", f"{PAGES}/1", page_body()),
        ("POST", SOURCES, source),
        ("PUT", f"{SOURCES}/1", source),
    ):
        before = client.sandbox.workspace.sources, client.sandbox.workspace.pages
        reply = client.call(method, path, body | fields)
        assert reply.status in (200, 400, 404, 409, 422)
        if reply.status != 200:
            assert (client.sandbox.workspace.sources, client.sandbox.workspace.pages) == before


@given(host=st.text(max_size=20), scheme=st.sampled_from(["http://", "https://", "", "//"]))
def test_any_text_is_a_public_url_or_not(host: str, scheme: str) -> None:
    """A decision and no error; and never for a name without a dot."""
    assert not is_public(scheme + host) or "." in host or "\u3002" in host or "\uff0e" in host
