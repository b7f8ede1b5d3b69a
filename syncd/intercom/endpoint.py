"""Where the API is: one base URL for each region, or an address of the operator's own."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

# Servers of the OpenAPI description 2.16. The US host would pass requests on to the right region, but
# then the data takes a way through the US.
REGIONS = {
    "us": "https://api.intercom.io",
    "eu": "https://api.eu.intercom.io",
    "au": "https://api.au.intercom.io",
}

VERSION = "2.16"
"""The API version that syncd is written against; `Intercom-Version` is always sent."""

PREVIEW = "Preview"
"""The version that moves with Intercom's development."""


def has_sales_agent(version: str) -> bool:
    """Whether a request of this version may set `ai_sales_agent_availability`: 2.17 and later, and Preview.

    What is documented of 2.17 is the update; its create is taken to be alike.
    """
    if version == PREVIEW:
        return True
    major, _, minor = version.partition(".")
    return major.isdigit() and minor.isdigit() and (int(major), int(minor)) >= (2, 17)


def base_url(region: str = "us", override: str | None = None) -> str:
    """Return the base URL without a trailing slash; `override` wins over the region.

    Raises:
        ValueError: the region is unknown, or the token would travel unprotected; in words for the operator.
    """
    if override is not None:
        return _checked(override)
    try:
        return REGIONS[region]
    except KeyError:
        raise ValueError(f"no region is called {region!r}; there are {', '.join(REGIONS)}") from None


def is_loopback(url: str) -> bool:
    """Whether the URL leads back to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _checked(url: str) -> str:
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("the base_url holds white space or control characters; write it as https://host")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # reading the port checks it
    except ValueError as error:
        raise ValueError(f"the base_url is not a URL ({error}); write it as https://host") from None
    # The URL itself is not quoted before this point: it may hold a password.
    if parts.username is not None or parts.password is not None:
        raise ValueError(
            "the base_url holds a user name or password; leave it out, the token goes into a header"
        )
    if not host or parts.scheme not in {"http", "https"}:
        raise ValueError(f"the base_url {url!r} is not an https URL; write it as https://host")
    if parts.query or parts.fragment:
        raise ValueError(f"the base_url {url!r} has a query or a fragment; leave it out")
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError(
            f"the base_url {url!r} would send the token in the clear; "
            "plain http is for a loopback address only, use https"
        )
    return url.rstrip("/")
