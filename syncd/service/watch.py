"""Folders and files of this machine: what changes in them wants a run, once it is quiet again.

The schedule goes on all the same, since changes on a network drive are not told, and nor is what happens
when the system can watch no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from watchfiles import DefaultFilter, awatch

from syncd.config.model import Config
from syncd.connector import LOCAL
from syncd.log import get_logger

log = get_logger(__name__)

QUIET_S = 1.0
"""Seconds without a change after which a run is wanted: whoever saves ten files wants one."""

PATIENCE_S = 30.0
"""Seconds after which it is wanted although there was no quiet."""

_STEP_MS = 250
_LOOK_S = 30.0


def places(config: Config) -> dict[str, tuple[Path, ...]]:
    """Return where on this machine each source that is to be watched has its origin."""
    found = {}
    for source in config.sources:
        fields = type(source.settings).model_fields.items()
        named = [
            getattr(source.settings, name) for name, field in fields if _is_local(field.json_schema_extra)
        ]
        paths = tuple(config.base / path for path in named if isinstance(path, str | Path))
        if source.enabled and source.watch and paths:
            found[source.name] = paths
    return found


class Watch:
    """Watches the places of all sources at once."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        """`changed` is told each source in which something changed, once it is quiet."""
        self._changed = changed
        self._places: Mapping[str, tuple[Path, ...]] = {}
        self._again = asyncio.Event()
        self._waiting: dict[str, tuple[float, asyncio.TimerHandle]] = {}

    def watch(self, places: Mapping[str, tuple[Path, ...]]) -> None:
        """Watch these places from now on."""
        self._places = places
        self._again.set()

    async def run(self) -> None:
        """Watch until it is cancelled."""
        while True:
            self._again.clear()
            known = _identities(self._paths())
            present = [path for path, identity in known.items() if identity is not None]
            try:
                if present:
                    await self._look(present, known)
                else:
                    await self._wait()
            except (OSError, RuntimeError) as error:
                log.warning("watch_failed", error=str(error), paths=len(present))
                await self._wait()

    async def _look(self, present: list[Path], known: Mapping[Path, object]) -> None:
        """Until another place is to be watched, or what lies there is another thing."""
        async for changes in awatch(
            *present,
            watch_filter=DefaultFilter(),
            step=_STEP_MS,
            debounce=4 * _STEP_MS,
            stop_event=self._again,
            rust_timeout=int(_LOOK_S * 1000),
            yield_on_timeout=True,
            recursive=True,
        ):
            self._note([Path(path) for _, path in changes])
            if (now := _identities(self._paths())) != known:
                # A place that came, or was replaced, holds who knows what.
                self._note([path for path in now if now[path] != known.get(path)])
                return

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_LOOK_S):
                await self._again.wait()
        except TimeoutError:
            return

    def _paths(self) -> Iterable[Path]:
        return (path for paths in self._places.values() for path in paths)

    def _note(self, paths: Collection[Path]) -> None:
        for source, places in self._places.items():
            if any(path == place or place in path.parents for path in paths for place in places):
                self._settle(source)

    def _settle(self, source: str) -> None:
        loop = asyncio.get_running_loop()
        first = loop.time()
        if source in self._waiting:
            first, timer = self._waiting[source]
            timer.cancel()
        at = min(loop.time() + QUIET_S, first + PATIENCE_S)
        self._waiting[source] = (first, loop.call_at(at, self._tell, source))

    def _tell(self, source: str) -> None:
        del self._waiting[source]
        self._changed(source)


def _is_local(extra: object) -> bool:
    return isinstance(extra, dict) and LOCAL.items() <= extra.items()


def _identities(paths: Iterable[Path]) -> dict[Path, tuple[int, int] | None]:
    return {path: _identity(path) for path in paths}


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
