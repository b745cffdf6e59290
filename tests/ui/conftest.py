"""Pages in a headless Chromium: Debian's, which Playwright drives."""

import shutil
from collections.abc import Callable, Iterator

import pytest
from clients.lines import CACHE, missing
from patience import WAIT_SECONDS
from playwright.sync_api import Browser, Page, expect, sync_playwright
from running import serving

expect.set_options(timeout=WAIT_SECONDS * 1000)
AXE = CACHE / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("Chromium is not there")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """``visit(url, **context)``: a page, which must not have complained when the test ends."""
    contexts, complaints = [], []

    def _visit(url: str, **options) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(WAIT_SECONDS * 1000)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(url)
        return page

    yield _visit
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def orders():
    """The client of a server of ``fixtures/orders`` whose clock stands still."""
    with serving("fixtures/orders", "--rate", "0", "--runtime", "inline") as (_, client, _):
        yield client


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.is_file():
        missing("axe-core is not there")
    return AXE.read_text(encoding="utf-8")
