"""Reading: every bad input ends in a message that names the place, the setting and the way out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from syncd.config.load import Loaded, find_config, load_config
from syncd.config.model import Config, UncheckedSettings
from syncd.config.schedule import Every
from syncd.errors import ConfigError

Read = Callable[..., Loaded]

SOURCE = """\
sources:
  - name: notes
    connector: notes
    root: ./notes
    import_source: { url: "https://notes.acme.com" }
"""


def no_models(connector: str) -> type[BaseModel]:
    raise ConfigError(f"no connector is called {connector!r}")


def message_of(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ={}, settings_model=no_models)
    return str(caught.value)


def test_smallest_configuration_has_the_documented_defaults(read: Read) -> None:
    """Only the sources are required."""
    config = read(SOURCE).config
    [source] = config.sources
    intercom = config.intercom
    assert (intercom.region, intercom.version, intercom.concurrency, intercom.rate_share) == (
        "us",
        "2.16",
        48,
        0.9,
    )
    assert intercom.ambiguity_window == 600.0
    assert config.state == "sqlite:///syncd.db"
    assert source.schedule == Every(interval_s=900.0)
    assert (source.locale, source.enabled, source.page_url) == ("en", True, None)
    flags = source.availability
    assert (flags.ai_agent, flags.ai_copilot, flags.ai_sales_agent, flags.managed) == (
        True,
        True,
        None,
        False,
    )
    deletions = source.deletions
    assert (deletions.confirm, deletions.min_absence) == (2, 900.0)
    assert (deletions.hold_above.pages, deletions.hold_above.percent) == (10, 10.0)
    assert (source.limits.max_source, source.limits.max_html) == (2_000_000, 1_000_000)


def test_connector_settings_are_validated_by_its_own_model(read: Read) -> None:
    """What is not a setting of every source is the connector's."""
    [source] = read(SOURCE).config.sources
    assert source.settings.model_dump()["root"] == Path("notes")
    assert source.settings.model_dump()["depth"] == 3


def test_source_overrides_single_values_of_the_defaults(read: Read) -> None:
    """A source that gives one value of a section keeps the others of `defaults`."""
    text = "defaults: { schedule: every 1h, deletions: { confirm: 5, hold_above: { pages: 99 } } }\n" + SOURCE
    [source] = read(text + "    deletions: { hold_above: { percent: 3 } }\n").config.sources
    assert source.schedule == Every(interval_s=3600.0)
    assert source.deletions.confirm == 5
    assert (source.deletions.hold_above.pages, source.deletions.hold_above.percent) == (99, 3.0)


def test_variables_are_filled_in_after_parsing(read: Read) -> None:
    """A value is text whatever it looks like, and a number where a number is wanted."""
    text = (
        SOURCE
        + "    branch: ${BRANCH}\n    depth: ${DEPTH}\n    links: ${LINKS:-no}\n"
        + '    exclude: ["a$$b", "${X:-c}d"]\n'
    )
    [source] = read(text, BRANCH="no\nsources: []", DEPTH="7").config.sources
    values = source.settings.model_dump()
    assert (values["branch"], values["depth"], values["links"]) == ("no\nsources: []", 7, False)
    assert values["exclude"] == ("a$b", "cd")


def test_variable_in_a_file(read: Read, tmp_path: Path) -> None:
    """Containers get secrets as files: the variable itself counts first, then the file, then the default."""
    file = tmp_path / "branch"
    file.write_text("release\n", encoding="utf-8")
    text = SOURCE + "    branch: ${BRANCH:-main}\n"

    def branch(**environ: str) -> str:
        return read(text, **environ).config.sources[0].settings.branch  # type: ignore[attr-defined]

    assert branch(BRANCH_FILE=str(file)) == "release"
    assert branch(BRANCH_FILE=str(file), BRANCH="set") == "set"
    assert branch(BRANCH_FILE="") == "main"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read (no such file or directory); let this user read it, or set BRANCH"),
        (b"\xff", "is not UTF-8"),
        (b"x" * 20_000, "is too long for a value; is it the right file?"),
    ],
)
def test_file_of_a_variable_that_will_not_do(
    read: Read, tmp_path: Path, content: bytes | None, why: str
) -> None:
    """A secret that is not mounted is no empty one."""
    file = tmp_path / "branch"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read(SOURCE + "    branch: ${BRANCH:-main}\n", BRANCH_FILE=str(file))
    assert f"BRANCH_FILE: {file} {why}" in str(caught.value)
    assert "syncd.yaml:6:13" in str(caught.value)


def test_number_in_a_variable_stays_text_where_text_is_wanted(read: Read) -> None:
    """No variable changes its kind because of what is in it."""
    [source] = read(SOURCE + "    branch: ${BRANCH}\n", BRANCH="1.10").config.sources
    assert source.settings.model_dump()["branch"] == "1.10"


def test_byte_order_mark_is_no_error(tmp_path: Path, read: Read) -> None:
    """Editors on Windows write one."""
    file = tmp_path / "syncd.yaml"
    file.write_bytes(b"\xef\xbb\xbfsources: []\n")
    assert message_of(file) == f"{file}:1:10: sources: is empty; add a source"


def test_broken_connector_stops_only_the_sources_that_name_it(read: Read) -> None:
    """Its settings stay unchecked; whoever opens the source gets the connector's own error."""
    text = SOURCE.replace("connector: notes", "connector: broken").replace("name: notes", "name: broken")
    other = '  - { name: mail, connector: mail, host: h, import_source: { url: "https://mail.acme.com" } }\n'
    broken, _ = read(text + other).config.sources
    assert isinstance(broken.settings, UncheckedSettings)


def test_state_path_starts_at_the_configuration(tmp_path: Path) -> None:
    """The same file is found from whatever folder syncd is started in."""
    config = Config.model_construct(state="sqlite:///data/syncd.db")
    config._path = tmp_path / "syncd.yaml"
    assert config.state_url == f"sqlite:///{tmp_path}/data/syncd.db"
    assert Config.model_construct(state="postgresql://h/d").state_url == "postgresql://h/d"


def test_unknown_source_is_named_with_those_that_exist(read: Read) -> None:
    """A mistyped name on the command line does nothing."""
    config = read(SOURCE).config
    assert config.source("notes").name == "notes"
    with pytest.raises(ConfigError, match=r"^no source is called 'note' in syncd\.yaml; there are: notes$"):
        config.source("note")


# --- the file -------------------------------------------------------------------------------------------


def test_missing_file(tmp_path: Path) -> None:
    """B1: the path and the way out."""
    file = tmp_path / "syncd.yaml"
    assert message_of(file) == f"{file}: no such file; 'syncd init' writes a first configuration"


def test_folder(tmp_path: Path) -> None:
    """B1: a folder is no file."""
    assert message_of(tmp_path) == f"{tmp_path}: is a folder; name the file in it with -c"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    """B1: the system's reason is told."""
    file = tmp_path / "syncd.yaml"
    file.touch(mode=0)
    assert message_of(file) == f"{file}: cannot be read (permission denied)"


def test_path_below_a_file(tmp_path: Path) -> None:
    """B1: any other error of the system is told in its words."""
    (tmp_path / "file").touch()
    file = tmp_path / "file" / "syncd.yaml"
    assert message_of(file) == f"{file}: cannot be read (not a directory)"


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """B1: a pipe that nobody writes to is read as empty."""
    file = tmp_path / "pipe"
    os.mkfifo(file)
    assert message_of(file) == f"{file}: the file is empty; 'syncd init' writes a first configuration"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~\n"])
def test_empty_file(tmp_path: Path, text: str) -> None:
    """B1: a file without a value has no settings."""
    file = tmp_path / "syncd.yaml"
    file.write_text(text)
    assert message_of(file) == f"{file}: the file is empty; 'syncd init' writes a first configuration"


def test_not_utf_8(tmp_path: Path) -> None:
    """B1: the line with the first wrong byte is named."""
    file = tmp_path / "syncd.yaml"
    file.write_bytes(b"# one\nname: caf\xe9\n")
    assert message_of(file) == f"{file}:2: not UTF-8; save the file in that encoding"


def test_huge_file(tmp_path: Path) -> None:
    """B1: no more than 1 MB is read."""
    file = tmp_path / "syncd.yaml"
    file.write_bytes(b"#" * 1_000_001)
    assert message_of(file) == f"{file}: larger than 1 MB; is it the right file?"


# --- where it is looked for -----------------------------------------------------------------------------


def test_first_of_the_usual_places_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option wins over the variable, that over the working folder, and that over the user's folder."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "home" / "syncd" / "config.yaml"
    home.parent.mkdir(parents=True)
    home.touch()
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "home")}
    assert find_config(None, environ=environ) == home
    Path("syncd.yaml").touch()
    assert find_config(None, environ=environ) == Path("syncd.yaml")
    assert find_config(None, environ=environ | {"SYNCD_CONFIG": "x"}) == Path("x")
    assert find_config(Path("y"), environ=environ | {"SYNCD_CONFIG": "x"}) == Path("y")


def test_nothing_found_tells_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names every place and both ways out."""
    monkeypatch.chdir(tmp_path)
    environ = {"XDG_CONFIG_HOME": "/none/user", "CONFIGURATION_DIRECTORY": "/none/service"}
    with pytest.raises(ConfigError) as caught:
        find_config(None, environ=environ)
    assert str(caught.value) == (
        "no configuration file; looked for syncd.yaml, /none/service/config.yaml, "
        "/none/user/syncd/config.yaml, /etc/syncd/config.yaml.\n"
        "Write one with 'syncd init', or name yours with -c FILE or SYNCD_CONFIG."
    )


def test_import_source_of_any_host_is_fine_in_the_sandbox(read: Read) -> None:
    """Only Intercom itself refuses hosts that are not public."""
    text = 'intercom: { base_url: "http://127.0.0.1:8377" }\n' + SOURCE.replace(
        "https://notes.acme.com", "http://x"
    )
    assert read(text).config.intercom.base_url == "http://127.0.0.1:8377"


def test_secrets_are_those_of_intercom_connectors_and_the_database(read: Read, tmp_path: Path) -> None:
    """What the logs must hide is known as soon as the configuration is read."""
    text = (
        "intercom: { token: '${T}' }\nstate: postgresql://u:${D}@h/d\n"
        + SOURCE
        + '    login: { user: u, password: "${P}" }\n    branch: ${B}\n'
    )
    config = read(text, T="token-1", D="p%40ss", P="password-1", B="public").config
    assert config.secrets() == {"token-1", "p@ss", "password-1"}


@given(st.binary(max_size=400))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_bytes_end_in_a_configuration_or_an_error(raw: bytes) -> None:
    """Nothing but ConfigError leaves the reader, whatever the file holds."""
    read_bytes(raw)


PIECES = [
    "sources",
    "intercom",
    "token",
    ": ",
    "- ",
    "\n",
    "  ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "${X}",
    "$${",
    "&a",
    "*a",
]
PIECES += [
    "<<",
    "!!str ",
    '"',
    "'",
    "no",
    "1.10",
    "|",
    ">",
    "#",
    "~",
    "name",
    "connector: notes",
    "0x1f",
    "\x85",
    "é",
]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_pieces_of_yaml_end_in_a_configuration_or_an_error(text: str) -> None:
    """Nothing but ConfigError leaves the reader, also where the text is nearly right."""
    read_bytes(text.encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["sources", "intercom", "state", "defaults", "name", "url", "schedule", "deletions", "x"]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["intercom", "state", "defaults", "sources"]), JSON))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_values_in_the_right_places_end_in_a_configuration_or_an_error(
    document: dict[str, object],
) -> None:
    """Nothing but ConfigError leaves the reader, whatever kind of value stands where."""
    import json

    read_bytes(json.dumps(document).encode())


def read_bytes(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "syncd.yaml"
        file.write_bytes(raw)
        try:
            config = load_config(file, environ={}, settings_model=no_models)
        except ConfigError as error:
            lines = str(error).splitlines()
        else:
            lines = [type(config).__name__]
    assert 1 <= len(lines) <= 3


def test_bombs_are_refused_at_their_first_anchor(read: Read) -> None:
    """B6: an alias bomb would grow to a billion entries, a merge bomb would take minutes."""
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]
    merges = ["a0: &a0 {k: v}"] + [
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 40)
    ]
    for bomb in (lines, merges):
        with pytest.raises(ConfigError, match=r"^syncd\.yaml:1:5: anchors \(&a0\) are not supported"):
            read("\n".join(bomb))


def test_time_of_doubt_is_not_shorter_than_a_request(read: Read) -> None:
    """A request that is taken for lost while it is under way could land after all."""
    with pytest.raises(ConfigError, match="ambiguity_window must be 2m or more"):
        read(f"intercom: {{ ambiguity_window: 119s }}\n{SOURCE}")

    near = f"intercom: {{ ambiguity_window: 2s, base_url: 'http://127.0.0.1:8089' }}\n{SOURCE}"
    assert read(near).config.intercom.ambiguity_window == 2.0
