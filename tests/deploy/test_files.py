"""Image, units, compose file and locks: read by the tools that read them, and by their rules."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from syncd.config.load import load_config
from syncd.config.schedule import parse_schedule
from syncd.registry import connector_type
from syncd.service.shutdown import LIMIT_S
from tests.deploy.tools import DEPLOY, fails, files, run

ROOT = DEPLOY.parent
UNITS = files("*.service", "*.timer")
SERVICES = files("*.service")
TIDY = [file for file in files("*.yaml") if "templates" not in file.parts]  # a template is no YAML yet
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def directives(name: str) -> list[str]:
    """What the last stage of the image says of one thing."""
    stage = DOCKERFILE.replace("\\\n", " ").rpartition("\nFROM ")[2]
    return [line.partition(" ")[2].strip() for line in stage.splitlines() if line.startswith(f"{name} ")]


def test_hadolint_is_content() -> None:
    """And would not be with a mistake."""
    run("hadolint", "Dockerfile")
    assert fails("hadolint", "-", stdin="FROM debian\nRUN cd /tmp && sudo make\n")


def test_image_runs_as_nobody_in_particular() -> None:
    """A numeric user, programs instead of shells, an init, a health check that needs no curl, Git inside."""
    assert directives("USER") == ["10001:10001"]
    assert json.loads(directives("ENTRYPOINT")[0]) == ["tini", "--", "syncd"]
    assert json.loads(directives("CMD")[0]) == ["run"]
    assert directives("STOPSIGNAL") == ["SIGTERM"]
    assert directives("HEALTHCHECK")[0].endswith('CMD ["syncd", "health"]')
    assert {"git", "tini", "openssh-client"} <= set(shlex.split(directives("RUN")[0]))
    labels = dict(part.split("=", 1) for part in shlex.split(directives("LABEL")[0]))
    assert {
        f"org.opencontainers.image.{name}" for name in ("title", "version", "revision", "licenses")
    } <= set(labels)


def test_image_installs_nothing_that_is_not_locked() -> None:
    """Each call of pip needs hashes, or takes no index and no dependencies."""
    calls = re.findall(r"pip (?:install|wheel) [^&\n]*(?:\n\s+[^&\n]+)*", DOCKERFILE.replace("\\\n", " "))
    assert len(calls) == 4
    for call in calls:
        assert "--require-hashes --only-binary :all:" in call or "--no-deps" in call
        assert "--require-hashes" in call or "--no-index" in call or "--no-build-isolation" in call


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-build.txt"])
def test_locks_are_up_to_date(lock: str) -> None:
    """`make lock` was run since a dependency came, and each line has its hash and names no index."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = project["build-system"]["requires"]
    if lock == "requirements.txt":
        wanted = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["postgres"]
    text = (DEPLOY / lock).read_text(encoding="utf-8")
    pinned = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)

    names = {re.match(r"[\w.-]+", each)[0].lower() for each in wanted}  # type: ignore[index]
    assert names <= set(pinned), "run: make lock"
    assert len(re.findall(r"==[^\n]*\\\n\s+--hash=sha256:[0-9a-f]{64}", text)) == len(pinned)
    assert "://" not in text


@pytest.mark.parametrize("file", TIDY, ids=lambda path: path.relative_to(DEPLOY).as_posix())
def test_yaml_is_tidy(file: Path) -> None:
    """No key twice, no tab, nothing that YAML 1.1 reads as something else."""
    rules = {
        "extends": "default",
        "rules": {
            "braces": {"max-spaces-inside": 1},
            "comments": {"min-spaces-from-content": 1},
            "document-start": "disable",
            "line-length": {"max": 120},
            "truthy": {"check-keys": False},
        },
    }
    run("yamllint", "--strict", "--config-data", json.dumps(rules), file)


def test_compose_file_fits_its_schema() -> None:
    """And a key that is misspelt would not."""
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
    assert fails(
        "check-jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        "-",
        stdin="services: {a: {image: b, restrat: no}}",
    )


def test_compose_gives_no_more_than_it_needs() -> None:
    """Read-only, without capabilities, reachable from this machine alone, with secrets in files."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    syncd = compose["services"]["syncd"]

    assert syncd["read_only"] is True
    assert syncd["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in syncd["security_opt"]
    assert all(port.startswith("127.0.0.1:") for port in syncd["ports"])
    assert all(name.endswith("_FILE") for name in syncd["environment"])
    assert int(syncd["stop_grace_period"].removesuffix("s")) > LIMIT_S
    assert set(syncd["secrets"]) == set(compose["secrets"])
    assert compose["networks"]["database"]["internal"] is True


def test_configuration_of_the_compose_file_is_one(tmp_path: Path) -> None:
    """With the password out of the file that the compose file names."""
    password = tmp_path / "database_password"
    password.write_text("fae1\n", encoding="utf-8")

    config = load_config(
        DEPLOY / "compose.config.yaml",
        environ={"DATABASE_PASSWORD_FILE": str(password)},
        settings_model=lambda name: connector_type(name).settings,
    )

    assert "fae1@postgres/syncd" in config.state_url
    assert config.service.address == ("0.0.0.0", 8321)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_reads_the_units(unit: Path, tmp_path: Path) -> None:
    """Nothing in them is unknown or ignored; the program is another one, since that must be there."""
    copy = tmp_path / unit.name
    for each in UNITS:
        text = each.read_text(encoding="utf-8").replace("/opt/syncd/bin/syncd", "/bin/true")
        (tmp_path / each.name).write_text(text, encoding="utf-8")
    assert run("systemd-analyze", "verify", "--man=no", copy).strip() == ""
    copy.write_text(copy.read_text(encoding="utf-8") + "\n[Srevice]\n", encoding="utf-8")
    assert "Srevice" in run("systemd-analyze", "verify", "--man=no", copy)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_units_are_hardened(unit: Path) -> None:
    """systemd's own score, from 0 to 10 times ten; 3 is what may remain."""
    run("systemd-analyze", "security", "--offline=yes", "--threshold=30", unit)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_units_wait_for_the_end_in_order(unit: Path) -> None:
    """And both give syncd the same, but for how it runs."""
    text = unit.read_text(encoding="utf-8")
    waited = re.search(r"^TimeoutStopSec=(\d+)s$", text, re.MULTILINE)

    assert waited is not None
    assert int(waited[1]) > LIMIT_S
    hardening = [each.read_text(encoding="utf-8").partition("# Only what")[2] for each in SERVICES]
    assert len({each.partition("\n[Install]")[0].strip() for each in hardening}) == 1


def test_times_of_the_timer_and_of_cron_are_times() -> None:
    """The timer as systemd reads it, cron's line as syncd itself would."""
    timer = re.search(r"^OnCalendar=(.+)$", (DEPLOY / "systemd/syncd-sync.timer").read_text(), re.MULTILINE)
    cron = (DEPLOY / "syncd.cron").read_text(encoding="utf-8").splitlines()[-1]
    *fields, user, program = cron.split(maxsplit=6)

    assert parse_schedule(" ".join(fields))
    assert (user, program) == ("syncd", "/opt/syncd/bin/syncd sync --quiet")
    assert timer is not None
    run("systemd-analyze", "calendar", timer[1])
