"""A browser for all tests, and the pages that they open."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, Route, sync_playwright

from tests.browser import chromium
from tests.support.sample_report import page_of, sample_receipts

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    try:
        found = chromium.find()
    except chromium.NoBrowserError as error:
        pytest.fail(str(error), pytrace=False)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=found.program, args=[*found.arguments], env={**found.environment}
        )
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a page as a file, and fails if it asks for anything else, says anything, or breaks its own policy."""
    seen: list[str] = []
    with ExitStack() as stack:

        def opened(html: str, **options: Any) -> Page:  # noqa: ANN401 - those of a context
            file = tmp_path / "report.html"
            file.write_text(html, encoding="utf-8")
            context = browser.new_context(**({"viewport": {"width": 1200, "height": 900}} | options))
            stack.callback(context.close)

            def let_pass(route: Route) -> None:
                if route.request.url != file.as_uri():
                    seen.append(f"asked for {route.request.url}")
                route.continue_()

            context.route("**/*", let_pass)
            page = context.new_page()
            page.on("console", lambda message: seen.append(f"console: {message.text}"))
            page.on("pageerror", lambda error: seen.append(f"error: {error}"))

            def on_dialog(dialog: Dialog) -> None:
                seen.append(f"dialog: {dialog.message}")
                dialog.dismiss()

            page.on("dialog", on_dialog)
            page.goto(file.as_uri())
            return page

        yield opened
    assert seen == []


@pytest.fixture(scope="session")
def sample_page() -> str:
    """A month of 150 runs, with charts."""
    return page_of(sample_receipts(), with_charts=True)
