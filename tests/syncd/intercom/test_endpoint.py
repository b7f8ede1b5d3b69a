"""Tests of where the token may be sent."""

from __future__ import annotations

import pytest

from syncd.intercom.endpoint import base_url


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("us", "https://api.intercom.io"),
        ("eu", "https://api.eu.intercom.io"),
        ("au", "https://api.au.intercom.io"),
    ],
)
def test_regions(region: str, url: str) -> None:
    """Servers of the OpenAPI description."""
    assert base_url(region) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://localhost:8000",
        "http://[::1]:8000",
        "http://127.9.9.9",
        "https://gateway.example.com/intercom",
        "https://10.0.0.7",
    ],
)
def test_own_address(url: str) -> None:
    """https anywhere, plain http on this machine."""
    assert base_url("us", url + "/") == url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://api.intercom.io", "would send the token in the clear"),
        ("http://127.0.0.1.example.com", "would send the token in the clear"),
        ("http://localhost.example.com", "would send the token in the clear"),
        ("http://0.0.0.0", "would send the token in the clear"),
        ("http://169.254.169.254", "would send the token in the clear"),
        ("http://2130706433", "would send the token in the clear"),
        ("https://me:pw@api.intercom.io", "user name or password"),
        ("http://me@127.0.0.1", "user name or password"),
        ("ftp://127.0.0.1", "is not an https URL"),
        ("api.intercom.io", "is not an https URL"),
        ("https://", "is not an https URL"),
        ("", "is not an https URL"),
        ("https://api.intercom.io?x=1", "query or a fragment"),
        ("https://api.intercom.io#x", "query or a fragment"),
        ("https://api.intercom.io:port", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://api.intercom.io\n", "white space or control characters"),
        ("https://api intercom.io", "white space or control characters"),
    ],
)
def test_unsafe_address_is_refused(url: str, told: str) -> None:
    """In words for the operator, and without repeating a password."""
    with pytest.raises(ValueError, match=told) as caught:
        base_url("us", url)

    assert "pw" not in str(caught.value)


def test_unknown_region_names_the_known() -> None:
    """A wrong region looks like a wrong token, so it is caught before."""
    with pytest.raises(ValueError, match="no region is called 'uk'; there are us, eu, au"):
        base_url("uk")
