"""What folders and Git trees have in common: which files are pages, their ids, and their text."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from connectors.globs import Glob, compile_globs, fitting_glob
from syncd.connector import Context
from syncd.errors import ItemError

# Never pages, whatever a configuration includes: version control, credentials.
NEVER: Final = (
    "**/.{git,hg,svn,bzr,ssh,gnupg,aws,kube}/",
    "**/.env*",
    "**/*.{pem,key,p12,pfx,jks,kdbx}",
    "**/id_{rsa,dsa,ecdsa,ed25519}",
)

_INCLUDE: Final = ("**/*.md", "**/*.mdx", "**/*.markdown", "**/*.html", "**/*.htm", "**/*.txt")

# Partials and templates are parts of pages, not pages. Hugo's _index.md and Jekyll's _posts/ are pages.
_EXCLUDE: Final = (
    "**/.*",
    "**/node_modules/",
    "**/_drafts/",
    "**/_layouts/",
    "**/_partials/",
    "**/_templates/",
    "**/{_,}includes/",
    "**/{_,}snippets/",
    "**/_*.mdx",
    "**/_{[!i],i[!n],in[!d]}*.md",
    "**/{ISSUE,PULL_REQUEST}_TEMPLATE*",
    "**/*~",
)

_MEDIA_TYPES: Final = {
    "md": "text/markdown",
    "mdx": "text/markdown",
    "markdown": "text/markdown",
    "mdown": "text/markdown",
    "mkd": "text/markdown",
    "html": "text/html",
    "htm": "text/html",
    "xhtml": "text/html",
}

_BYTE_ORDER_MARKS: Final = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)

_LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"


class FileSettings(BaseModel):
    """Which files below a root are pages."""

    model_config = ConfigDict(extra="forbid")

    include: Annotated[list[Glob], Field(min_length=1, max_length=200)] = Field(
        default=list(_INCLUDE),
        description=(
            'Files that are pages, as patterns relative to the root: "**/" stands for any folders, "*" and '
            '"?" for characters of a name, [abc] and {one,two} for a choice. Case is ignored.'
        ),
    )
    exclude: Annotated[list[Glob], Field(max_length=200)] = Field(
        default=list(_EXCLUDE),
        description=(
            "Files and whole folders that are left out, and reported as left out; replaces the default. The "
            "default leaves out hidden files, drafts, partials, templates, node_modules and backup files. "
            "Always left out: " + ", ".join(NEVER) + "."
        ),
    )


class Selection:
    """The patterns of a source, compiled.

    Attributes:
        included: `match` of a file's path tells whether it is to be a page.
        excluded: `match` of a file's or folder's path tells whether it is left out, with all below it.
        left_out: the same as `excluded`, for whoever never looks into a folder that is.
        never: the same for what is left out whatever the settings say.
    """

    def __init__(self, settings: FileSettings) -> None:
        self._exclude = (*NEVER, *settings.exclude)
        self.included: re.Pattern[str] = compile_globs(settings.include)
        self.excluded: re.Pattern[str] = compile_globs(self._exclude, below=True)
        self.left_out: re.Pattern[str] = compile_globs(self._exclude, below=True, walked=True)
        self.never: re.Pattern[str] = compile_globs(NEVER, below=True)

    def reason(self, path: str) -> str:
        """Say why an excluded path is left out."""
        return f"left out by the exclude pattern {fitting_glob(self._exclude, path)!r}"


def external_id(path: bytes) -> str:
    r"""Return the id of a file from its path relative to the root, separated by "/".

    It is the path itself. A byte that is not part of valid UTF-8 is written as \xhh and a backslash as
    two, so that different names have different ids, and any id can be turned back into its name.
    """
    return path.replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def file_path(external_id: str) -> bytes:
    """Return the path of which `external_id` made this id."""
    return re.sub(
        rb"\\(?:\\|x([0-9a-f]{2}))",
        lambda found: bytes.fromhex(found[1].decode("ascii")) if found[1] else b"\\",
        external_id.encode("utf-8"),
    )


def place_of(path: str, root: str = "") -> bytes | None:
    """Return where a file lies that a page names by a path from `root`, from the outermost folder on.

    None if that is outside, or no place at all.
    """
    parts: list[bytes] = []
    for part in [*root.encode("utf-8").split(b"/"), *file_path(path).split(b"/")]:
        if part == b"..":
            if not parts:
                return None
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    place = b"/".join(parts)
    return place if place and b"\0" not in place else None


def located(path: Path, base: Path) -> Path:
    """Return where a setting's path leads: "~" is the home folder, and a relative path starts at `base`."""
    # Path.expanduser raises for a user without a home folder, which a container's often is.
    return Path(os.path.abspath(base / os.path.expanduser(path)))


def media_type(path: str) -> str:
    """Return the media type that a file's extension stands for."""
    return _MEDIA_TYPES.get(path.rpartition(".")[2].lower(), "text/plain")


def decode(data: bytes) -> str:
    """Return the text of a file: UTF-8, or what its byte order mark says.

    Raises:
        ItemError: it is not text in that encoding, or a placeholder for a file that Git LFS keeps.
    """
    if data.startswith(_LFS_POINTER):
        raise ItemError("this is a Git LFS pointer, not the file itself; keep the page outside of Git LFS")
    encoding, start = "utf-8", 0
    for mark, of in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            encoding, start = of, len(mark)
            break
    try:
        text = data[start:].decode(encoding)
    except UnicodeDecodeError as error:
        raise ItemError(
            f"not valid {encoding.upper()} at byte {start + error.start} ({data[start + error.start]:#04x}); "
            "save the file as UTF-8"
        ) from error
    if "\0" in text:
        width = 1 if encoding == "utf-8" else 2
        before = text.encode(encoding).find(b"\0" * width) if width == 1 else 2 * text.index("\0")
        raise ItemError(f"not a text file: there is a NUL character at byte {start + before}")
    return text


def check_size(size_bytes: int, context: Context) -> None:
    """Raise ItemError if a file is larger than a document may be."""
    limit_bytes = context.max_document_bytes
    if size_bytes > limit_bytes:
        raise ItemError(
            f"the file has {size_bytes:,} bytes, more than limits.max_source ({limit_bytes:,}); "
            "split it, or raise the limit"
        )
