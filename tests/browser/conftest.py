"""A real browser before a real service; `make test-browser` installs what it needs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import Workplace
from tests.flow.daemon import Daemon

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

OPERATOR = "canary-operator-token-3f90"
VIEWER = "canary-viewer-token-77aa01"

AXE = Path(sys.prefix) / "axe-core" / "package" / "axe.min.js"

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, as it is found on the path, or as Playwright installed it."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright: make test-browser")
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    # As root Chromium cannot make the walls that it puts around pages.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        if program is None and not Path(driver.chromium.executable_path).exists():
            pytest.skip("no Chromium on the path: make test-browser")
        browser = driver.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def daemon(workplace: Workplace) -> Daemon:
    """A service with a token for each role; not started yet."""
    daemon = Daemon(
        workplace, dashboard={"operator": {"secret": "${OPERATOR}"}, "viewer": {"secret": "${VIEWER}"}}
    )
    daemon.environment |= {"OPERATOR": OPERATOR, "VIEWER": VIEWER}
    return daemon


class Person:
    """Somebody with a browser.

    Attributes:
        trouble: what must not happen: scripts that ran, breaches of the policy, errors of the page.
    """

    def __init__(self, browser: Browser, daemon: Daemon, **options: Any) -> None:
        self.base = f"http://127.0.0.1:{daemon.port}"
        self.trouble: list[str] = []
        self.context: BrowserContext = browser.new_context(base_url=self.base, **options)
        self.page: Page = self.context.new_page()
        self.page.on(
            "dialog", lambda dialog: (self.trouble.append(f"dialog {dialog.message}"), dialog.dismiss())
        )
        self.page.on("pageerror", lambda error: self.trouble.append(f"error {error}"))
        self.page.on("console", self._heard)
        self.page.on("requestfinished", lambda request: self._asked(request.url))
        self.page.on("requestfailed", lambda request: self._asked(request.url))

    def _heard(self, message: Any) -> None:
        # An answer that refuses is told as an error, too.
        if message.type == "error" and "status of 4" not in message.text:
            self.trouble.append(f"console {message.text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((self.base, "data:")):
            self.trouble.append(f"asked {url}")

    def sign_in(self, token: str, name: str = "Ana") -> None:
        self.page.goto("/")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Overview").wait_for()

    def text(self) -> str:
        """What the page says, on one line."""
        return " ".join(self.page.locator("main").inner_text().split())
