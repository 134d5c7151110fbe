"""A laptop's tools: a local AWS account, Respot in it, and what is measured and proven there."""

from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
"""The checkout."""
