"""What the documents quote is what the code says."""

import re
from pathlib import Path

import pytest

from infra.config import settings_table

ROOT = Path(__file__).resolve().parents[2]


def test_the_readme_shows_every_setting_as_it_is() -> None:
    assert settings_table() in (ROOT / "README.md").read_text()


NAMED = re.findall(r"((?:`test_\w+`(?:, )?)+) \((tests/[\w/]+\.py)\)", (ROOT / "docs" / "security.md").read_text())


@pytest.mark.parametrize(("names", "path"), NAMED, ids=[f"{path} {names}"[:80] for names, path in NAMED])
def test_every_defence_that_the_threat_table_claims_has_its_test(names: str, path: str) -> None:
    tests = (ROOT / path).read_text()
    assert [name for name in re.findall(r"test_\w+", names) if f"def {name}(" not in tests] == []


def test_every_row_of_the_threat_table_names_a_test() -> None:
    rows = [line for line in (ROOT / "docs" / "security.md").read_text().splitlines() if line.startswith("| ")]
    attacks = [row for row in rows if not row.startswith("| Attack |")]
    assert len(attacks) > 20
    assert [row for row in attacks if "`test_" not in row.rsplit("|", 2)[1]] == []


DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_every_decision_has_its_four_parts_and_is_in_the_index(page: Path) -> None:
    text, index = page.read_text(), (page.parent / "README.md").read_text()
    title = text.splitlines()[0].removeprefix("# ")
    assert f"[{title}]({page.name})" in index
    assert title.startswith(page.stem.split("-")[0])
    assert re.findall(r"^(\*\*Status:\*\*|## .*)", text, flags=re.MULTILINE) == [
        "**Status:**",
        "## Context",
        "## Decision",
        "## What was given up",
    ]
