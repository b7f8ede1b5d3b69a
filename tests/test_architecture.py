"""The import table of CONTRIBUTING.md, read from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

VALUES = {
    "syncd.before",
    "syncd.connector",
    "syncd.decision",
    "syncd.errors",
    "syncd.journal",
    "syncd.model",
}
CORE = {"syncd.digest", "syncd.drift", "syncd.guards", "syncd.plan", "syncd.render"}
FLOW = {
    "syncd.apply",
    "syncd.at_work",
    "syncd.attempt",
    "syncd.change",
    "syncd.changes",
    "syncd.commits",
    "syncd.forecast",
    "syncd.protocols",
    "syncd.lease",
    "syncd.library",
    "syncd.linking",
    "syncd.names",
    "syncd.outcome",
    "syncd.rewrite",
    "syncd.survey",
    "syncd.sync",
    "syncd.verify",
}
ADAPTERS = {
    "syncd.clock",
    "syncd.config",
    "syncd.intercom",
    "syncd.lanes",
    "syncd.log",
    "syncd.registry",
    "syncd.shipped",
    "syncd.state",
    "syncd.workers",
}
WIRING = {
    "syncd.app",
    "syncd.engine",
    "syncd.ingestion",
    "syncd.preview",
    "syncd.takedown",
    "syncd.verdict",
    "syncd.cli",
    "syncd.notify",
    "syncd.sandbox",
    "syncd.service",
    "syncd.web",
}

LAYERS: Mapping[str, tuple[set[str], set[str]]] = {
    "values": (VALUES, VALUES),
    "core": (CORE, VALUES | CORE),
    "flow": (FLOW, VALUES | CORE | FLOW),
    # Their own folder comes on top; `syncd.app` hands them everything else.
    "adapters": (ADAPTERS, VALUES),
    "wiring": (WIRING, VALUES | CORE | FLOW | ADAPTERS | WIRING),
}

EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("syncd.intercom", "syncd.clock"): "waiting is handed in, and these are the names of its types",
    ("syncd.intercom", "syncd.digest"): "an answer is known by the digest of what it shows",
    ("syncd.workers", "syncd.render"): "the process pool sends rules to the renderer and gets drafts back",
}
"""(who, what) that the table forbids and that is right all the same, with the reason."""

TIME_AND_CHANCE = {
    "time.time",
    "time.time_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.sleep",
    "asyncio.sleep",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.date.today",
    "random.*",
    "secrets.*",
    "uuid.uuid1",
    "uuid.uuid4",
    "os.urandom",
}

MAY_TELL_TIME: Mapping[str, str] = {
    "syncd.clock": "it is the clock",
    "syncd.app": "it hands the system's chance to the retries",
    "syncd.service.daemon": "it makes a token, and hands the system's chance to the timetable",
    "syncd.workers": "a child process is limited in real seconds, and no run decides by them",
    "syncd.sandbox": "it plays a server, which has a clock of its own",
}


class Import(NamedTuple):
    """One import of one module."""

    module: str
    line: int
    name: str


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield name, ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(*folders: str) -> Iterator[Import]:
    for module, tree in modules(*folders):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(module, node.lineno, alias.name)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module}:{node.lineno}: relative import; write the whole name"
                assert node.module is not None
                for alias in node.names:
                    # `from syncd import app` and `from syncd.cli import exit_codes` name modules.
                    yield Import(module, node.lineno, f"{node.module}.{alias.name}")


def unit(name: str) -> str:
    """The part of syncd that a module, or a name in one, belongs to: syncd.app, syncd.render."""
    return ".".join(name.split(".")[:2])


def layer(of: str) -> str | None:
    return next((name for name, (members, _) in LAYERS.items() if of in members), None)


def test_every_module_has_a_place_in_the_table() -> None:
    """A module that no line of the table names could import anything."""
    homeless = {
        unit(name)
        for name, _ in modules("syncd")
        if name not in ("syncd", "syncd.__main__") and unit(name) != "syncd.testing" and not layer(unit(name))
    }

    assert not homeless, f"add to the table in {Path(__file__).name}: {sorted(homeless)}"


def test_imports_follow_the_table() -> None:
    """Values know values, the core is pure, adapters know nothing of the flow, and the wiring names all."""
    wrong = []
    for found in imports("syncd"):
        here, there = unit(found.module), unit(found.name)
        if not there.startswith("syncd.") or here == there or layer(here) is None or layer(there) is None:
            continue
        _, allowed = LAYERS[layer(here) or ""]
        if there not in allowed and (here, there) not in EXCEPTIONS:
            wrong.append(f"{found.module}:{found.line} ({layer(here)}) imports {there} ({layer(there)})")

    assert not wrong, "\n".join(wrong)


def test_every_exception_is_needed() -> None:
    """An exception that nobody uses any more would let a new mistake pass."""
    used = {(unit(found.module), unit(found.name)) for found in imports("syncd")}

    assert [pair for pair in EXCEPTIONS if pair not in used] == []


@pytest.mark.parametrize(("folder", "forbidden"), [("syncd", "connectors"), ("syncd", "tests")])
def test_syncd_does_not_import(folder: str, forbidden: str) -> None:
    """Connectors are found by entry point, so one that is broken stops only its own sources."""
    wrong = [
        f"{found.module}:{found.line} imports {found.name}"
        for found in imports(folder)
        if found.name.split(".")[0] == forbidden
    ]

    assert not wrong, "\n".join(wrong)


def test_product_code_does_not_import_the_fakes() -> None:
    """syncd.testing needs pytest, which a deployment lacks."""
    wrong = [
        f"{found.module}:{found.line} imports {found.name}"
        for found in imports("syncd", "connectors")
        if unit(found.name) == "syncd.testing" or found.name.split(".")[0] == "pytest"
        if unit(found.module) != "syncd.testing"
    ]

    assert not wrong, "\n".join(wrong)


def test_connectors_know_only_the_contract() -> None:
    """What changes often leans on what changes seldom: a connector may live in another repository."""
    allowed = {"syncd.connector", "syncd.model", "syncd.errors"}
    wrong = [
        f"{found.module}:{found.line} imports {found.name}"
        for found in imports("connectors")
        if found.name.split(".")[0] == "syncd" and unit(found.name) not in allowed
    ]

    assert not wrong, "\n".join(wrong)


def test_one_module_speaks_http() -> None:
    """Headers, redirects, limits and the token are decided in one place."""
    users = {
        found.module
        for found in imports("syncd", "connectors")
        if found.name.split(".")[0] in ("httpx", "requests", "aiohttp")
        or found.name.startswith("urllib.request")
    }

    assert users == {"syncd.intercom.http"}


def test_time_and_chance_are_handed_in() -> None:
    """What asks the system for the time, sleeps or draws lots by itself cannot be simulated."""
    wrong = []
    for module, tree in modules("syncd"):
        if module in MAY_TELL_TIME or unit(module) in MAY_TELL_TIME or unit(module) == "syncd.testing":
            continue
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and (name := _dotted(node)) is not None
                and (name in TIME_AND_CHANCE or f"{name.split('.')[0]}.*" in TIME_AND_CHANCE)
            ):
                wrong.append(f"{module}:{node.lineno} uses {name}; take syncd.clock's, handed in")
            if isinstance(node, ast.ImportFrom) and node.module in ("random", "secrets", "time", "uuid"):
                wrong.append(
                    f"{module}:{node.lineno} imports from {node.module}; take syncd.clock's, handed in"
                )

    assert not wrong, "\n".join(wrong)


def test_core_does_no_input_or_output() -> None:
    """The core is plain functions of values: no file, no process, no socket, no log, no event loop."""
    forbidden = {
        "asyncio", "io", "logging", "multiprocessing", "os", "pathlib", "shutil", "socket", "structlog",
        "subprocess", "tempfile", "threading", "time",
    }  # fmt: skip
    wrong = [
        f"{found.module}:{found.line} imports {found.name}"
        for found in imports("syncd")
        if layer(unit(found.module)) in ("values", "core")
        # The renderer as a process of its own, and the contract, which hands folders to connectors.
        and found.module not in ("syncd.render.__main__", "syncd.connector")
        and found.name.split(".")[0] in forbidden
    ]

    assert not wrong, "\n".join(wrong)


def test_async_lives_in_the_flow_and_at_the_network() -> None:
    """The core is plain functions, connectors are blocking code, and the store is synchronous."""
    wrong = [
        f"{module}:{node.lineno} defines the coroutine {node.name}"
        for module, tree in modules("syncd", "connectors")
        if layer(unit(module)) in ("values", "core")
        or unit(module) in ("syncd.state", "syncd.config", "syncd.registry", "syncd.log")
        or module.split(".")[0] == "connectors"
        for node in ast.walk(tree)
        if isinstance(node, ast.AsyncFunctionDef)
    ]

    assert not wrong, "\n".join(wrong)


def test_modules_stay_small() -> None:
    """A module that nobody can read in one go is two modules."""
    long = {
        name: len((ROOT / (name.replace(".", "/") + ".py")).read_text(encoding="utf-8").splitlines())
        for name, _ in modules("syncd", "connectors")
        if unit(name) != "syncd.testing" and (ROOT / (name.replace(".", "/") + ".py")).exists()
    }

    assert {name: lines for name, lines in long.items() if lines > 600} == {}


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])
