"""Which repositories, branches and folders a configuration may name.

Git takes more for an address than people expect: `ext::` runs a program, a leading dash is an option.
So only what is known to be harmless passes (reliability goals: OWASP ASVS 5.0 1.2.5, CWE-88).
"""

from __future__ import annotations

import re
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

# git-check-ref-format(1), and no leading dash, which would be an option.
_BAD_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|(^|/)\.|\.lock(/|$)|^[-/]|[/.]$|^@$")

_CONTROL = re.compile(r"[\x00-\x20\x7f]")

# An option, a program to run (gitremote-helpers(7)), or a second line somewhere.
_DANGEROUS = re.compile(r"^-|^[A-Za-z0-9+.-]*::|[\x00-\x1f\x7f]")

# [user@]host:path, as scp writes it.
_SCP = re.compile(r"(?:[A-Za-z0-9_][\w.+-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!:|//).+")


class Way(StrEnum):
    """How a repository is reached."""

    HTTPS = "https"
    HTTP = "http"
    SSH = "ssh"
    LOCAL = "file"


def way(url: str) -> Way:
    """Tell how an address is reached.

    Raises:
        ValueError: it is none that syncd uses; the message says what to write instead.
    """
    if not url or _DANGEROUS.search(url):
        raise ValueError(
            "is not the address of a repository; write https://host/path.git or git@host:path.git"
        )
    scheme, separator, rest = url.partition("://")
    if not separator:
        return Way.SSH if _SCP.fullmatch(url) else Way.LOCAL
    if scheme == "file":
        if not rest.startswith("/"):
            raise ValueError("must be file:/// and an absolute path")
        return Way.LOCAL
    if scheme not in ("https", "http", "ssh") or _CONTROL.search(url):
        raise ValueError("must begin with https:// or ssh://, or be written as git@host:path.git")
    parts = urlsplit(url)
    if not re.fullmatch(r"[A-Za-z0-9\[][A-Za-z0-9.:\]-]*", parts.hostname or "") or not parts.path.strip("/"):
        raise ValueError("must name a host and a repository, such as https://host/path.git")
    if parts.query or parts.fragment:
        raise ValueError('must not have "?" or "#"')
    if scheme == "ssh":
        if parts.password is not None or (parts.username or "git").startswith("-"):
            raise ValueError("must not hold a password; ssh uses keys, see 'ssh_key'")
        return Way.SSH
    if "@" in parts.netloc:
        raise ValueError(
            "must not hold a user name or a token; use 'token_file', or 'token' with ${VARIABLE}"
        )
    return Way(scheme)


def is_loopback(url: str) -> bool:
    """Whether an http address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_branch(name: str) -> str:
    """Return the name of a branch as it is. Raises ValueError if Git could not have such a branch."""
    if len(name) > 250 or not name or _BAD_REF.search(name):
        raise ValueError(
            f'is not the name of a branch: {name[:80]!r}; write it as in "git branch", such as main'
        )
    return name.removeprefix("refs/heads/")


def check_root(path: str) -> str:
    """Return a folder of the repository as Git names it: "docs/guides", or "" for the whole repository.

    Raises:
        ValueError: it is not a folder inside of a repository.
    """
    if "\\" in path or any(ord(one) < 32 for one in path):
        raise ValueError('must be a folder of the repository, with "/" between names')
    names = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in names:
        raise ValueError("must be a folder inside of the repository, such as docs")
    return "/".join(names)
