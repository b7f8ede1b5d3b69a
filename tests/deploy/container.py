"""The command line of the image without an image: its argv, its environment, its user, a read-only root.

Namespaces of mounts and processes make what a container runtime makes: syncd's init is process 1, all that
it sees is read-only but for the volumes and /tmp, and it has no privileges at all.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from tests.conftest import Workplace
from tests.deploy.tools import DEPLOY, found
from tests.flow.daemon import PATIENCE_S, Daemon

_DOCKERFILE = (
    (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").rpartition("\nFROM ")[2]
)


def said(directive: str) -> str:
    """What the image's last stage says of a directive, the last time."""
    return re.findall(rf"^{directive} (.+)$", _DOCKERFILE, re.MULTILINE)[-1].strip()


ENTRYPOINT: list[str] = json.loads(said("ENTRYPOINT"))
COMMAND: list[str] = json.loads(said("CMD"))
HEALTH: list[str] = json.loads(said("HEALTHCHECK").partition("CMD ")[2])
USER, _, GROUP = said("USER").partition(":")
ENVIRONMENT = dict(pair.split("=", 1) for pair in shlex.split(said("ENV")))
VOLUMES: list[str] = json.loads(said("VOLUME"))

# What a runtime does for the image; $1 is an empty folder, the rest the command.
_SETUP = """
set -e
place=$1; shift
mount -t tmpfs tmpfs "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay overlay -o lowerdir=/,upperdir="$place/upper",workdir="$place/work" "$place/root"
root=$place/root
mkdir -p "$root/etc/syncd" "$root/opt/syncd/bin" "$root/srv/docs" "$root/proc" "$root/dev" "$root/tmp"
for volume in $VOLUMES; do mkdir -p "$root$volume"; done
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
# Python may be in a home that is closed to others; in here, nobody lives there. Before anything of the
# machine itself is mounted, since that is not to be changed.
for path in $SEEN; do
  mkdir -p "$root$path"
  while path=$(dirname "$path") && [ "$path" != / ]; do chmod a+x "$root$path"; done
done
for path in $SEEN; do mount --rbind "$path" "$root$path"; done
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$BIN" "$root/opt/syncd/bin"
mount --bind "$HOME_FOLDER/etc" "$root/etc/syncd"
mount --bind "$HOME_FOLDER/docs" "$root/srv/docs"
for volume in $VOLUMES; do mount --bind "$HOME_FOLDER$volume" "$root$volume"; done
mount -o remount,ro "$root"
mount -o remount,bind,ro "$root/etc/syncd"
mount -o remount,bind,ro "$root/srv/docs"
exec chroot "$root" "$@"
"""


@functools.cache
def why_not() -> str | None:
    """Why this machine cannot do it; None if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux may make the namespaces of a container"
    tried = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "sh", "-c", "mount -t tmpfs tmpfs /mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    return None if tried.returncode == 0 else f"no namespaces on this machine: {tried.stderr.strip()}"


class Container(Daemon):
    """The service as the image starts it, on the documents of a workplace that everybody can reach."""

    def __init__(self, workplace: Workplace, *, init: bool) -> None:
        """With `init`, as the image says; without it, as where the runtime brings its own or none."""
        for tool in ("unshare", "nsenter", "setpriv", "chroot"):
            found(tool)
        if (why := why_not()) is not None:
            pytest.skip(why)
        self._argv = [*ENTRYPOINT, *COMMAND]
        if init:
            self._argv[0] = found("tini")
        else:
            self._argv = self._argv[self._argv.index("--") + 1 :]
        for folder in ("etc", *(volume.lstrip("/") for volume in VOLUMES)):
            path = workplace.home / folder
            path.mkdir(parents=True, exist_ok=True)
            os.chown(path, int(USER), int(GROUP))
        super().__init__(workplace)
        self.environment = {**ENVIRONMENT, **self.environment, **_token(workplace)}

    def configure(self, *sources: dict[str, Any]) -> None:
        """Write the configuration where the image expects it, with the state where its volume is."""
        super().configure(*sources)
        settings = json.loads(self.workplace.config.read_text(encoding="utf-8"))
        settings["state"] = "sqlite:////var/lib/syncd/syncd.db"
        for source in settings["sources"]:
            source["root"] = "/srv/docs"
        file = self.workplace.home / "etc/config.yaml"
        file.write_text(json.dumps(settings), encoding="utf-8")
        file.chmod(0o644)

    def __enter__(self) -> Self:
        place = self.workplace.home / "container"
        place.mkdir(exist_ok=True)
        seen = {
            str(DEPLOY.parent),
            sys.prefix,
            sys.base_prefix,
            str(Path(self._argv[0]).parent),
            *filter(os.path.isdir, sys.path),
        }
        self.process = subprocess.Popen(
            [
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"),
                *("sh", "-c", _SETUP, "sh", str(place)),
                *self._as_user(self._argv),
            ],
            env={
                "PATH": os.environ["PATH"],
                "SEEN": " ".join(
                    sorted(path for path in seen if path.startswith("/") and path[:4] != "/usr")
                ),
                "VOLUMES": " ".join(VOLUMES),
                "BIN": str(Path(sys.executable).parent),
                "HOME_FOLDER": str(self.workplace.home),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.event("service_started")
        except AssertionError:
            self.process.kill()
            assert self.process.stderr is not None
            raise AssertionError(self.process.stderr.read()) from None
        return self

    def __exit__(self, *error: Any) -> None:
        """End what is left, by process 1: unshare passes nothing on."""
        if self.process.poll() is None:
            with contextlib.suppress(OSError, IndexError):
                self.send(signal.SIGKILL)
            self.process.wait(PATIENCE_S)
        super().__exit__(*error)

    @property
    def first(self) -> int:
        """The process that is number 1 in there, by its number out here."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return int(children.read_text(encoding="ascii").split()[0])

    def send(self, number: signal.Signals) -> None:
        """As a runtime does: to process 1."""
        os.kill(self.first, number)

    def exec(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command in there, as `docker exec` and the health check do."""
        return subprocess.run(
            [
                "nsenter",
                f"--target={self.first}",
                "--mount",
                "--pid",
                "--root",
                "--wd=/",
                *self._as_user(argv),
            ],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def processes(self) -> list[str]:
        """State and name of each process in there, such as "S syncd"."""
        told = self.exec("sh", "-c", "cat /proc/[0-9]*/stat").stdout
        return [f"{match[2]} {match[1]}" for match in re.finditer(r"^\d+ \((.+)\) (\w)", told, re.MULTILINE)]

    def _as_user(self, argv: Sequence[str]) -> list[str]:
        pairs = [f"{name}={value}" for name, value in self.environment.items()]
        bound = ("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
        who = (f"--reuid={USER}", f"--regid={GROUP}", "--clear-groups")
        return ["env", "-i", *pairs, "setpriv", *who, *bound, *argv]


def _token(workplace: Workplace) -> dict[str, str]:
    return {name: value for name, value in workplace.environment.items() if name.startswith("SYNCD_TEST")}
