"""The dashboard as people meet it: in Chromium, over HTTP, on the installed `syncd run`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.conftest import AXE, OPERATOR, VIEWER, Person
from tests.conftest import Workplace
from tests.flow.daemon import TOKEN, Daemon

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PAGES = 30
LEFT = 5

EVIL = {
    '"><img src=x onerror=alert(1)>.md': "# <script>alert(2)</script>\n\n<img src=x onerror=alert(3)> text\n",
    "<svg onload=alert(4)>.md": "---\ntitle: '</title><script>alert(5)</script>'\n---\n\n"
    "[a](javascript:alert(6)) text\n",
    "{{7*7}}' onmouseover='alert(7).md": "# ${alert(8)}\n\n"
    "<iframe srcdoc='<script>alert(9)</script>'></iframe> text\n",
    "<b>bad.md": b"# Bad\n\n\xff\xfe",
}


SHOWN = (
    "/?said=asked",
    "/sources/handbook",
    "/sources/handbook/pages?view=missing",
    "/sources/handbook/page?id=page03.md&show=difference",
    "/decisions",
    "/audit",
    "/runs/1",
    "/runs/999",
)


@pytest.fixture
def held(workplace: Workplace, daemon: Daemon) -> Iterator[Daemon]:
    """Most pages of the source are gone, which waits for a person."""
    workplace.write({f"page{number:02}.md": f"# Page {number}\n\nText.\n" for number in range(PAGES)})
    daemon.workplace.configure(watch=False)
    daemon.configure()
    with daemon:
        daemon.event("run_finished")
        workplace.remove(*(f"page{number:02}.md" for number in range(LEFT, PAGES)))
        for _ in range(2):
            run(daemon)
        assert daemon.runs(result="held")
        yield daemon


def run(daemon: Daemon) -> None:
    status, _, _ = daemon.ask("POST", "/api/runs", b'{"sources": []}', Authorization=f"Bearer {TOKEN}")
    assert status == 202


def test_operator_decides(browser: Browser, held: Daemon) -> None:
    """From the overview to a page and its preview, to what is held, and to what came of the approval."""
    ana = Person(browser, held)
    page = ana.page
    ana.sign_in(OPERATOR)
    assert "25 deletions held" in ana.text()

    page.get_by_role("link", name="handbook").last.click()
    page.get_by_role("link", name="Pages", exact=True).click()
    page.get_by_role("searchbox").fill("page0")
    page.get_by_role("link", name="Page 9").wait_for()
    page.get_by_role("link", name="Page 10").wait_for(state="detached")
    page.get_by_role("link", name="Page 3").click()
    assert "Fin knows it, as it was sent last." in ana.text()
    page.get_by_role("link", name="Show preview").click()
    page.frame_locator("iframe").get_by_role("heading", name="Page 3").wait_for()

    held.workplace.write({"page03.md": "# Page 3\n\nAnother text.\n"})
    page.get_by_role("link", name="Compare").click()
    assert "+ Another text." in page.locator(".difference .new").inner_text()
    assert "Text." in page.locator(".difference .gone").inner_text()

    page.get_by_role("link", name="Decisions").click()
    page.get_by_label("To let them go").fill("24")
    page.get_by_role("button", name="Approve").click()
    assert "25 pages are held: nothing was approved" in ana.text()
    assert len(held.workplace.pages()) == PAGES

    page.get_by_role("link", name="Decisions").click()
    page.get_by_label("To let them go").fill("25")
    page.get_by_role("button", name="Approve").click()
    assert "Approved: a run was asked for" in ana.text()
    held.event("run_finished", deleted=PAGES - LEFT)
    page.goto("/audit?action=approve")
    assert "approve handbook the whole source up to 25 deletion(s), of 25 held Ana" in ana.text()
    assert len(held.workplace.pages()) == LEFT
    assert ana.trouble == []


def test_viewer_looks(browser: Browser, held: Daemon) -> None:
    """Everything is seen, and nothing can be pressed but to leave."""
    ben = Person(browser, held)
    page = ben.page
    ben.sign_in(VIEWER, "Ben")
    page.get_by_role("link", name="Decide").click()
    assert "25 deletions held" in ben.text()
    assert "An operator decides." in ben.text()
    page.goto("/sources/handbook/page?id=page03.md&show=preview")
    page.frame_locator("iframe").get_by_role("heading", name="Page 3").wait_for()

    assert page.locator("main form[method=post]").count() == 0
    page.get_by_role("button", name="Sign out").click()
    page.goto("/audit")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert ben.trouble == []


def test_works_without_scripts(browser: Browser, held: Daemon) -> None:
    """Links and forms are all that is needed."""
    ana = Person(browser, held, java_script_enabled=False)
    page = ana.page
    ana.sign_in(OPERATOR)
    page.get_by_role("button", name="Pause handbook").click()
    assert "Paused: the source runs only" in ana.text()
    page.goto("/sources/handbook/pages")
    page.get_by_role("searchbox").fill("page07")
    page.get_by_role("button", name="Search").click()
    assert "Page 7" in ana.text()
    assert "Page 8" not in ana.text()


def test_nothing_from_a_source_runs(browser: Browser, workplace: Workplace, daemon: Daemon) -> None:
    """Titles, paths and errors are shown as they are, whatever they look like: B30, B31, S35."""
    workplace.write(EVIL)
    with daemon:
        daemon.event("run_finished")
        ana = Person(browser, daemon)
        ana.sign_in(OPERATOR)
        page = ana.page
        page.goto("/sources/handbook/pages?view=left-out")
        assert "<b>bad.md" in ana.text()
        for path in ("/", "/sources/handbook", "/runs/1", "/audit", "/decisions", "/sources/handbook/pages"):
            page.goto(path)
            page.mouse.move(200, 300)
        for name in EVIL:
            page.goto("/sources/handbook/pages")
            page.locator("tbody tr", has_text=name).get_by_role("link").click()
            assert name in ana.text()
            page.get_by_role("link", name="Show preview").click()
            frame = page.frame_locator("iframe").locator("body")
            assert "text" in frame.inner_text() or "not valid UTF-8" in frame.inner_text()

    assert ana.trouble == []


def test_accessible(browser: Browser, held: Daemon) -> None:
    """Names, headings, landmarks and contrast, as axe judges them; and nothing needs scrolling sideways."""
    if not AXE.exists():
        pytest.skip("axe-core: make test-browser")
    found: list[str] = []
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)):
        ana = Person(browser, held, color_scheme=scheme, viewport={"width": width, "height": 800})
        ana.page.goto("/sign-in")
        found += _judged(ana.page, "/sign-in")
        ana.sign_in(OPERATOR)
        for path in SHOWN:
            ana.page.goto(path)
            found += [f"{scheme} {width} {one}" for one in _judged(ana.page, path)]
            if ana.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"{scheme} {width} {path}: wider than the window")

    assert found == []


def test_keyboard_is_enough(browser: Browser, held: Daemon) -> None:
    """The first key leads past the navigation, and what is focused can be seen."""
    ana = Person(browser, held)
    ana.sign_in(OPERATOR)
    page = ana.page
    page.goto("/decisions")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "count":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.type("25")
    page.keyboard.press("Enter")
    page.get_by_text("Approved: a run was asked for").wait_for()


def _judged(page: Any, path: str) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    told = page.evaluate("axe.run(document, {iframes: false})")
    return [
        f"{path}: {one['id']}: {node['html'][:150]}" for one in told["violations"] for node in one["nodes"]
    ]
