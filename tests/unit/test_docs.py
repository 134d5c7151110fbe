"""What the documents quote is what the code says."""

from pathlib import Path

from infra.config import settings_table

ROOT = Path(__file__).resolve().parents[2]


def test_the_readme_shows_every_setting_as_it_is() -> None:
    assert settings_table() in (ROOT / "README.md").read_text()
