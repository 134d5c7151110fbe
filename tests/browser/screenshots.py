"""The pictures of the report on the pages: `python -m tests.browser.screenshots` takes them again, of the sample."""

import sys
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import sync_playwright

from tests.browser import chromium
from tests.support.sample_report import page_of, sample_receipts

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
MOST_BYTES: Final = 200_000
SHOTS: Final[dict[str, dict[str, Any]]] = {
    "report-light.png": {"color_scheme": "light", "viewport": {"width": 1000, "height": 1310}},
    "report-dark.png": {"color_scheme": "dark", "viewport": {"width": 1000, "height": 1310}},
    "report-phone.png": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
    "report-runs.png": {"color_scheme": "light", "viewport": {"width": 1000, "height": 720}},
}
INTERRUPTED: Final = """
const runs = [...document.querySelectorAll('article')];
const best = runs.filter(each => each.querySelectorAll('.gantt .bar').length > 1)
  .sort((a, b) => b.querySelectorAll('.gantt i').length - a.querySelectorAll('.gantt i').length)[0];
best.querySelector('details').open = true;
best.closest('.day').open = true;
runs.filter(each => each !== best).forEach(each => each.remove());
document.querySelectorAll('.day:not(:has(article))').forEach(each => each.remove());
document.querySelector('#runs').scrollIntoView();
"""
"""Shows the run that was interrupted most, of those with several attempts."""


def main() -> int:
    """Take all of them; gives 1 if one is larger than a page should load."""
    html, found = page_of(sample_receipts(), with_charts=True), chromium.find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found.program, args=[*found.arguments], env={**found.environment}
        )
        for name, options in SHOTS.items():
            with browser.new_context(**options) as context:
                page = context.new_page()
                page.set_content(html)
                if name == "report-runs.png":
                    page.evaluate(f"(() => {{ {INTERRUPTED} }})()")
                page.screenshot(path=DOCS / name)
        browser.close()
    large = [name for name in SHOTS if (DOCS / name).stat().st_size > MOST_BYTES]
    sys.stderr.write("".join(f"{name} has more than {MOST_BYTES} bytes\n" for name in large))
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main())
