"""What tests of the report share: two runs, their pages, and a browser."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from simulator.commands.report import report_on
from tests.simulator.report import company

Opened = Callable[..., Page]
"""What opens a page and gives it."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with the runs toy and dearer."""
    folder = tmp_path_factory.mktemp("report")
    company.dearer(folder, company.publish(folder))
    return folder


@pytest.fixture(scope="session")
def alone(place: Path) -> Path:
    """Give the page of one run."""
    out = place / "toy.html"
    assert report_on([str(place / "runs" / "toy")], out=out, as_json=True) == 0
    return out


@pytest.fixture(scope="session")
def beside(place: Path) -> Path:
    """Give the page of two runs."""
    out = place / "both.html"
    runs = [str(place / "runs" / name) for name in ("toy", "dearer")]
    assert report_on(runs, out=out, as_json=True) == 0
    return out


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Give a browser without a screen; the tests are skipped where there is none."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"NO BROWSER: none of {', '.join(BROWSERS)} is on the path, so no page was looked at")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Give a function that opens a page and waits until it is drawn; nothing may be said or asked."""
    pages: list[tuple[Page, list[str]]] = []

    def go(path: Path, *, width: int = 1440, scheme: Any = "light", wait: bool = True, **more: Any) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)
        heard: list[str] = []
        page.on("console", lambda message: heard.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: heard.append(f"error: {error}"))
        page.on("dialog", lambda dialog: heard.append(f"dialog: {dialog.message}"))
        page.on("request", lambda asked: heard.append(f"request: {asked.url}"))
        page.goto(path.as_uri())
        if wait:
            page.wait_for_selector("html[data-drawn=all]", state="attached")
        pages.append((page, heard))
        return page

    yield go
    for page, heard in pages:
        own = f"request: {page.url.partition('#')[0]}"
        page.close()
        assert [one for one in heard if one != own] == []
