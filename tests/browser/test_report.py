"""The report in Chromium: it can be read on screens, phones and paper, by keyboard and by screen readers."""

import re
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, ViewportSize

from respot.savings.receipt import RunReceipt
from tests.browser.conftest import Open
from tests.support.receipts import receipt, resumed_run
from tests.support.sample_report import page_of, sample_receipts

PHONE: Final[ViewportSize] = {"width": 360, "height": 740}
PAPER: Final[ViewportSize] = {"width": 794, "height": 1123}
"""A4 at 96 dots an inch."""
HOSTILE: Final = {
    "script": '"><script>alert(1)</script><img src=x onerror=alert(1)>',
    "63 characters": "x" * 63,
    "right to left": "אימון-לילי-דגם-17 تدريب \u202ereversed",
    "emoji": "🚀🔥 run ✅",
}


def hostile_receipt(words: str) -> RunReceipt:
    first, second = resumed_run(tags={"team": words}, instance_type=words)
    assert first.state is not None
    assert first.decision is not None
    job = replace(first.state.job, name=words, region=words)
    state = replace(first.state, job=job, secondary_status=words)
    return receipt(replace(first, name=words, state=state, decision=replace(first.decision, summary=words)), second)


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


def overflow(page: Page) -> int:
    """By how many pixels one could scroll sideways."""
    pixels: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return pixels


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{each['id']} ({each['impact']}): {[node['target'] for node in each['nodes'][:3]]}" for each in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [{"width": 1200, "height": 900}, PHONE], ids=["screen", "phone"])
def test_axe_finds_nothing(open_page: Open, sample_page: str, scheme: str, viewport: ViewportSize) -> None:
    page = open_page(sample_page, color_scheme=scheme, viewport=viewport)
    unfold(page)
    assert violations(page) == []


def test_axe_finds_nothing_in_an_empty_report_and_in_one_without_charts(open_page: Open) -> None:
    for html in (page_of([]), page_of(sample_receipts(10))):
        assert violations(open_page(html)) == []


def test_charts_are_drawn_and_have_words(open_page: Open, sample_page: str) -> None:
    page = open_page(sample_page)
    images = page.locator("img").all()
    assert len(images) == 4
    assert all(image.evaluate("each => each.complete && each.naturalWidth > 300") for image in images)
    assert all(len(image.get_attribute("alt") or "") > 20 for image in images)
    wide = images[0].evaluate("each => each.currentSrc")
    narrow = open_page(sample_page, viewport=PHONE).locator("img").first.evaluate("each => each.currentSrc")
    assert wide != narrow


def test_no_words_of_a_chart_are_cut_off(open_page: Open) -> None:
    """With the reader's font, which is wider than the one that the charts are measured with."""
    html = page_of([*sample_receipts(60), hostile_receipt("x" * 63), receipt(*resumed_run())], with_charts=True)
    page = open_page(html)
    charts = page.evaluate(
        "[...document.querySelectorAll('img')].flatMap(each => [each.src, each.previousElementSibling.srcset])"
        ".map(each => atob(each.split(',')[1]))"
    )
    assert len(charts) == 8
    for svg in charts:
        page.set_content(f"<body style='margin:0'>{svg}", wait_until="commit")
        cut = page.evaluate(
            "(() => { const own = document.querySelector('svg').getBoundingClientRect();"
            "return [...document.querySelectorAll('text')].filter(each => { const at = each.getBoundingClientRect();"
            "return at.width && (at.left < own.left - 1 || at.right > own.right + 1) })"
            ".map(each => each.textContent) })()"
        )
        assert cut == []


def test_dark_pages_are_dark_with_dark_charts(open_page: Open, sample_page: str) -> None:
    light, dark = (open_page(sample_page, color_scheme=scheme) for scheme in ("light", "dark"))
    shade = "Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number))"
    assert light.evaluate(shade) == 255
    assert dark.evaluate(shade) < 40
    # A chart's grid and text would be the same pixels if it did not follow.
    assert light.locator("img").first.screenshot() != dark.locator("img").first.screenshot()


@pytest.mark.parametrize("width", [320, 360, 768])
def test_nothing_scrolls_sideways_on_small_screens(open_page: Open, sample_page: str, width: int) -> None:
    page = open_page(sample_page, viewport={"width": width, "height": 740})
    unfold(page)
    assert overflow(page) == 0
    assert page.locator(".lead").first.evaluate("each => parseFloat(getComputedStyle(each).fontSize)") >= 14


def test_by_keyboard_one_reaches_everything_and_sees_where_one_is(open_page: Open, sample_page: str) -> None:
    page = open_page(sample_page)
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    assert skip.evaluate("each => each === document.activeElement && each.getBoundingClientRect().left >= 0")
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            "(() => { const each = document.activeElement, style = getComputedStyle(each);"
            "return [each.tagName, each === document.body || style.outlineStyle !== 'none'"
            "&& parseFloat(style.outlineWidth) >= 2] })()"
        )
        assert seen[1], f"{seen[0]} has no visible focus"
        reached.add(seen[0])
    assert {"SUMMARY", "DIV"} <= reached  # and tables that scroll
    page.locator(".day > summary").first.focus()
    was_open = page.locator(".day").first.evaluate("each => each.open")
    page.keyboard.press("Enter")
    assert page.locator(".day").first.evaluate("each => each.open") is not was_open


def test_a_screen_reader_finds_landmarks_headings_tables_and_bars(open_page: Open, sample_page: str) -> None:
    page = open_page(sample_page)
    unfold(page)
    said = page.locator("body").aria_snapshot()
    for words in ("banner", 'navigation "Sections"', "main", "contentinfo", 'heading "What spot saved" [level=1]'):
        assert words in said
    levels = [int(level) for level in re.findall(r"heading .*\[level=(\d)\]", said)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.locator("table").count() == page.locator("table:has(caption)").count() > 5
    assert re.search(r'table "Savings by the day on which attempts ended \(UTC\)"', said)
    bars = page.locator(".gantt")
    assert bars.count() > 100
    assert all(bars.evaluate_all("all => all.map(each => each.getAttribute('aria-label').includes('Attempt 1'))"))


def test_it_can_be_printed(open_page: Open, sample_page: str) -> None:
    page = open_page(sample_page, viewport=PAPER)
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("nav").is_visible()
    assert overflow(page) == 0
    unfold(page)
    tables = page.locator(".wide")
    cut = tables.evaluate_all(
        "all => all.filter(each => each.scrollWidth > each.clientWidth).map(each => each.ariaLabel)"
    )
    assert cut == [], "paper cannot be scrolled"
    colours = page.evaluate("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    assert colours == ["rgb(255, 255, 255)", "rgb(21, 24, 30)"], "dark pages waste ink"
    document = page.pdf(format="A4", print_background=False)
    assert document.startswith(b"%PDF")
    assert len(document) > 50_000


def test_it_needs_no_script(open_page: Open, sample_page: str) -> None:
    page = open_page(sample_page, java_script_enabled=False)
    assert "Saved by spot, net of repeated work" in page.locator("main").inner_text()
    page.locator("summary").first.click()
    assert page.locator("table").first.is_visible()


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_change_nothing(open_page: Open, words: str) -> None:
    """`open_page` fails at a dialog, a message or a request."""
    page = open_page(page_of([hostile_receipt(words), receipt(*resumed_run())], with_charts=True), viewport=PHONE)
    unfold(page)
    assert page.locator("script").count() == 0
    assert overflow(page) == 0
    assert violations(page) == []
    assert page.locator("h4 bdi").first.inner_text().startswith(words[:12])


def test_an_empty_ledger_is_a_page_that_says_it(open_page: Open) -> None:
    page = open_page(page_of([]))
    assert page.get_by_text("There are no runs in this period.").is_visible()


def test_forced_colours_keep_the_bars(open_page: Open, sample_page: str) -> None:
    page = open_page(sample_page, forced_colors="active")
    kinds: Any = page.evaluate(
        "['training', 'queued', 'downloading'].map(kind => getComputedStyle(document.querySelector(`.gantt .${kind}`))"
        ".backgroundColor)"
    )
    assert len({*kinds}) == 3


def test_two_thousand_runs_open_in_seconds(open_page: Open) -> None:
    html = page_of(sample_receipts(100) * 20)
    began = time.monotonic()
    page = open_page(html, viewport=PHONE)
    assert page.locator("article").count() == 2000
    unfold(page)
    assert overflow(page) == 0
    assert time.monotonic() - began < 30
