"""Finding connectors, and telling what is wrong with those that cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from connectors.filesystem import FilesystemSettings, open_connector
from syncd import __version__
from syncd.errors import ConfigError
from syncd.registry import connector_names, connector_type, connector_types

GOOD = """
    from pydantic import BaseModel
    class Settings(BaseModel):
        '''A box of pages.'''
        path: str
    def open_connector(settings: Settings, context): ...
"""


def install(site: Path, distribution: str, module: str, code: str, **entries: str) -> None:
    """Put a distribution with one module and its entry points into a folder of the import path."""
    (site / f"{module}.py").write_text(dedent(code))
    info = site / f"{distribution}-3.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 3.2\n")
    lines = [f"{name} = {value}" for name, value in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(["[syncd.connectors]", *lines]))


def ask(site: Path, code: str) -> list[str]:
    """Run code in a new process that has the folder first on its path; return the lines it prints."""
    program = f"from syncd.registry import *\nfrom syncd.errors import *\nimport sys\n{dedent(code)}"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *sys.path])}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=env, cwd=site, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def refusal(site: Path, name: str) -> str:
    """Return the kind and text of the error that asking for a connector ends in."""
    code = f"""
        try:
            connector_type({name!r})
        except SyncdError as error:
            print(type(error).__name__ + ": " + str(error))
    """
    return "\n".join(ask(site, code))


def test_built_in_connector_is_found_with_its_settings() -> None:
    """The model that describes a source comes from the connector itself."""
    found = connector_type("filesystem")

    assert found.settings is FilesystemSettings
    assert found.open is open_connector
    assert (found.distribution, found.version) == ("syncd", __version__)
    assert found.summary == "A folder whose files are the pages."


def test_every_built_in_connector_can_be_used() -> None:
    """An entry point that leads nowhere is a broken release."""
    types = connector_types()

    assert set(types) == set(connector_names())
    assert [error for error in types.values() if isinstance(error, Exception)] == []


def test_unknown_name_names_what_there_is() -> None:
    """A misspelt connector is one look away from the right one."""
    with pytest.raises(ConfigError) as caught:
        connector_type("filesytem")

    assert str(caught.value) == (
        "no connector is called 'filesytem'; did you mean 'filesystem'?\n"
        f"Installed: {', '.join(connector_names())}."
    )


def test_connector_of_another_distribution_needs_no_edit_here(tmp_path: Path) -> None:
    """A private connector is installed beside syncd and found by its entry point."""
    install(tmp_path, "acme-box", "acme_box", GOOD, box="acme_box:open_connector")

    lines = ask(
        tmp_path,
        """
        found = connector_type("box")
        print(found.name, found.distribution, found.version, found.summary)
        """,
    )

    assert lines == ["box acme-box 3.2 A box of pages."]


def test_broken_connector_stops_only_its_own_sources(tmp_path: Path) -> None:
    """One library that is missing must not keep the other sources from syncing."""
    install(tmp_path, "acme-box", "acme_box", "import no_such_library", box="acme_box:open_connector")

    assert refusal(tmp_path, "box") == (
        "SourceUnavailable: the connector 'box' of acme-box 3.2 cannot be imported (ModuleNotFoundError: "
        "No module named 'no_such_library'); reinstall it with what it needs"
    )
    assert refusal(tmp_path, "filesystem") == ""
    assert ask(tmp_path, "print(type(connector_types()['box']).__name__)") == ["SourceUnavailable"]


def test_connector_without_settings_model_is_explained(tmp_path: Path) -> None:
    """Without a model there is no schema to check a source against."""
    code = "def open_connector(settings, context): ..."
    install(tmp_path, "acme-box", "acme_box", code, box="acme_box:open_connector")

    assert refusal(tmp_path, "box") == (
        "SourceUnavailable: the connector 'box' of acme-box 3.2 is not usable: the first parameter of "
        "acme_box:open_connector has to be annotated with a pydantic model"
    )


def test_two_connectors_of_one_name_are_refused(tmp_path: Path) -> None:
    """Which one is meant must not depend on the order of the import path."""
    install(tmp_path, "acme-box", "acme_box", GOOD, box="acme_box:open_connector")
    install(tmp_path, "rival-box", "rival_box", GOOD, box="rival_box:open_connector")

    message = refusal(tmp_path, "box")

    assert message.startswith("ConfigError: two packages, ")
    assert "acme-box" in message
    assert "rival-box" in message


def test_only_the_connector_that_is_asked_for_is_imported(tmp_path: Path) -> None:
    """A run pays for, and trips over, nothing that it does not use."""
    install(tmp_path, "acme-box", "acme_box", GOOD, box="acme_box:open_connector")

    lines = ask(
        tmp_path,
        """
        connector_names()
        print("acme_box" in sys.modules, "connectors.filesystem" in sys.modules)
        connector_type("filesystem")
        print("acme_box" in sys.modules, "connectors.filesystem" in sys.modules)
        """,
    )

    assert lines == ["False False", "False True"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "is not syncd's"),
        ("raise RuntimeError('not for you')", "is not syncd's"),
        ("SYNCD_CONNECTORS = '0.0.1'", "belongs to syncd 0.0.1"),
    ],
    ids=["another project", "one that does not import", "another version"],
)
def test_namesake_of_our_package_is_named(tmp_path: Path, content: str, what: str) -> None:
    """Other projects ship a package called `connectors`; theirs over ours must not be a riddle."""
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors/__init__.py").write_text(content)

    assert refusal(tmp_path, "filesystem") == (
        f"ConfigError: the package 'connectors' at {tmp_path / 'connectors'} {what}, and syncd {__version__} "
        "needs its own; install syncd in an environment of its own "
        "(pipx, 'uv tool install', or the container image)"
    )
