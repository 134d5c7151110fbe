"""How the tests in a browser get one; `make browser` runs them."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.browser import __main__ as program
from tests.browser import chromium
from tests.browser.screenshots import MOST_BYTES, SHOTS

ROOT = Path(__file__).resolve().parents[2]
LOCK: dict[str, Any] = json.loads((ROOT / "tests" / "browser" / "package-lock.json").read_text(encoding="utf-8"))


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o755)
    return path


def test_a_setting_comes_before_the_systems_browser_and_that_before_the_packages(tmp_path: Path) -> None:
    packaged = executable(tmp_path / "packaged" / "chromium").parent
    found = chromium.find({"PATH": str(tmp_path)}, packaged=packaged)
    assert found.program == packaged / "chromium"
    assert found.environment["FONTCONFIG_FILE"] == str(packaged / "fonts.conf")
    executable(tmp_path / "system" / "chromium")
    environment = {"PATH": str(tmp_path / "system")}
    assert chromium.find(environment, packaged=packaged).program == tmp_path / "system" / "chromium"
    own = executable(tmp_path / "own")
    assert chromium.find(environment | {chromium.VARIABLE: str(own)}, packaged=packaged).program == own


def test_without_a_browser_people_learn_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(chromium.NoBrowserError, match=r"python -m tests\.browser --install"):
        chromium.find({"PATH": str(tmp_path)}, packaged=tmp_path)
    with pytest.raises(chromium.NoBrowserError, match="names /no/such, which is no program"):
        chromium.find({chromium.VARIABLE: "/no/such"}, packaged=tmp_path)


def test_the_lock_file_pins_every_package_by_its_hash_and_names_no_registry() -> None:
    packages = {name: each for name, each in LOCK["packages"].items() if name}
    assert {"node_modules/@sparticuz/chromium", "node_modules/@expo-google-fonts/noto-color-emoji"} <= packages.keys()
    assert [name for name, each in packages.items() if not each["integrity"].startswith("sha512-")] == []
    assert [name for name, each in packages.items() if "resolved" in each] == []
    assert not re.search(r"registry|tarball|\.tgz", json.dumps(LOCK))


def test_without_being_asked_for_tests_in_a_browser_are_not_run_and_nothing_else_is_left_out() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert options["testpaths"] == ["tests"]
    assert [each for each in options["addopts"] if "ignore" in each or "deselect" in each] == ["--ignore=tests/browser"]
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/browser"]
    asked = subprocess.run(collect, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    assert "test_axe_finds_nothing" in asked.stdout


def test_the_pictures_of_the_report_are_there_and_light_enough_for_a_page() -> None:
    sizes = {name: (ROOT / "docs" / name).stat().st_size for name in SHOTS}
    assert {name: size for name, size in sizes.items() if not 0 < size <= MOST_BYTES} == {}


def test_results_are_counted_for_the_proof() -> None:
    junit = '<testsuites><testsuite tests="21" failures="2" errors="1" skipped="3"/></testsuites>'
    assert program.to_figures(junit, minutes=0.5) == {
        "tests": 21,
        "tests that fail": 3,
        "tests skipped": 3,
        "minutes": 0.5,
    }
