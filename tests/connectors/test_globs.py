"""File patterns: what they fit, and that no pattern is slow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.globs import check_glob, compile_globs, fitting_glob


@pytest.mark.parametrize(
    ("pattern", "fits", "misses"),
    [
        ("**/*.md", ["a.md", "x/y/A.MD"], ["a.mdx", "a.md/x", "amd"]),
        ("*.md", ["a.md", ".md"], ["x/a.md"]),
        ("docs/", ["docs/a", "docs/a/b"], ["docs", "x/docs/a"]),
        ("docs/**", ["docs/a", "docs/a/b"], ["docs", "docs2/a"]),
        ("a/**/z.md", ["a/z.md", "a/b/c/z.md"], ["a/bz.md", "z.md"]),
        ("**/b/**/b/*.md", ["b/b/x.md", "b/b/b/x.md", "a/b/c/b/x.md"], ["b/x.md"]),
        ("a*b*c", ["abc", "abbbcbc", "a b c"], ["abbbcb", "a/bc"]),
        ("?[!a-c][]x].txt", ["éd].txt", "adx.txt"], ["aax.txt", "ad.txt", "a/x.txt"]),
        ("{a,b/*}.{md,{txt,rst}}", ["a.md", "b/x.rst"], ["b.md", "a.{txt", "a."]),
        ("**", ["a", "a/b"], []),
        ("a+(b)$.md", ["a+(b)$.md"], ["aab.md"]),
    ],
)
def test_pattern_fits(pattern: str, fits: list[str], misses: list[str]) -> None:
    """`*` stays within a name, `**` stands for any folders, and none for none."""
    match = compile_globs([pattern]).match

    assert [path for path in fits if not match(path)] == []
    assert [path for path in misses if match(path)] == []


@pytest.mark.parametrize("pattern", ["**/node_modules", "**/node_modules/", "**/node_modules/**"])
def test_left_out_folder_takes_all_below_it(pattern: str) -> None:
    """However it is written, a folder that is left out is left out whole."""
    match = compile_globs(["x/*.tmp", pattern], below=True).match

    assert match("a/node_modules")
    assert match("node_modules/b/c.md")
    assert not match("my_node_modules/c.md")
    assert fitting_glob(["x/*.tmp", pattern], "a/node_modules/b") == pattern


@given(
    patterns=st.lists(
        st.sampled_from(["**/a", "a/*.b", "**/*.a", "**/*b?", "**/b/a/**", "[!a]"]), max_size=3
    ),
    path=st.text(alphabet="ab./", min_size=1, max_size=8),
)
def test_walk_that_enters_no_folder_that_is_left_out_may_ask_about_the_path_alone(
    patterns: list[str], path: str
) -> None:
    """Both ways leave the same files out, and the shorter one is asked for each file of a source."""
    below, walked = compile_globs(patterns, below=True), compile_globs(patterns, below=True, walked=True)
    parts = path.split("/")
    ways = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]

    assert any(walked.match(way) for way in ways) == bool(below.match(path))


def test_no_pattern_fits_nothing() -> None:
    """An empty list leaves nothing out."""
    assert not compile_globs([], below=True).match("a")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", 'a pattern is empty; write "**/*.md" for all Markdown files'),
        ("[", 'the pattern \'[\' has "[" without "]"'),
        ("{a", 'the pattern \'{a\' has "{" without "}"'),
        ("a}", 'the pattern \'a}\' has "}" without "{"'),
        ("../x", "the pattern '../x' has \"..\" between slashes; name folders below the root"),
        ("/x", "the pattern '/x' starts with \"/\"; patterns are relative to the root"),
        (
            "**.md",
            'the pattern \'**.md\' has "**" inside a name; it stands alone between slashes, as in "**/*.md"',
        ),
        ("a\\b", "the pattern 'a\\\\b' has a backslash; folders are separated by \"/\""),
        ("[z-a]", "the pattern '[z-a]' has the range \"z-a\", which runs backwards"),
        ("{a,b}" * 9, f"the pattern {'{a,b}' * 9!r} stands for more than 256 patterns; use fewer braces"),
    ],
)
def test_wrong_pattern_is_explained(pattern: str, message: str) -> None:
    """A pattern that is none is refused with a sentence that says what to write."""
    with pytest.raises(ValueError, match=r"pattern") as caught:
        check_glob(pattern)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 300 + "b", "a" * 4000),
        ("**/a/" * 190 + "b", "a/" * 2000),
        ("**/" * 50 + "a*a*a*a*a*a/" * 9 + "b", ("a" * 20 + "/") * 100),
        ("**/*a*a*a*a*a*b*", "/".join(["a" * 60] * 30)),
    ],
)
def test_no_pattern_is_catastrophic(pattern: str, path: str) -> None:
    """A pattern comes from a configuration; it must not be able to hang a run (a hang fails here)."""
    assert not compile_globs([pattern]).match(path)


NAMES = st.text(alphabet="ab./", min_size=1, max_size=12)


@given(pattern=st.text(alphabet="ab*?./", min_size=1, max_size=10), path=NAMES)
def test_patterns_agree_with_a_plain_search(pattern: str, path: str) -> None:
    """The fast translation and the slow definition of a pattern say the same."""
    try:
        check_glob(pattern)
    except ValueError:
        return
    parts = [*pattern.removesuffix("/").split("/"), *(["**"] if pattern.endswith("/") else [])]
    assert bool(compile_globs([pattern]).match(path)) == _fits(parts, path.split("/"))


def _fits(parts: list[str], names: list[str]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        # At the end it stands for something; before that it may stand for nothing.
        return bool(names) and (len(parts) == 1 or _fits(parts[1:], names) or _fits(parts, names[1:]))
    return bool(names) and _name_fits(parts[0], names[0]) and _fits(parts[1:], names[1:])


def _name_fits(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return _name_fits(pattern[1:], name) or (bool(name) and _name_fits(pattern, name[1:]))
    return bool(name) and pattern[0] in ("?", name[0]) and _name_fits(pattern[1:], name[1:])
