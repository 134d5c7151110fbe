"""Figures that a command leaves for `make proof`, which judges them."""

import json
from collections.abc import Mapping
from pathlib import Path


def write(path: Path | None, figures: Mapping[str, float]) -> None:
    """Leave the figures in a file, if one is wanted."""
    if path:
        path.write_text(json.dumps(dict(figures)), encoding="utf-8")


def read(path: Path) -> dict[str, float]:
    """The figures that were left; none if there is no such file."""
    if not path.exists():
        return {}
    figures: dict[str, float] = json.loads(path.read_text(encoding="utf-8"))
    return figures
