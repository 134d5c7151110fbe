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
    assert len(rows) > 15
    assert [row for row in rows[1:] if "`test_" not in row.rsplit("|", 2)[1]] == []
