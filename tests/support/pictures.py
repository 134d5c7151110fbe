"""The pictures of the pages: `python -m tests.support.pictures` draws them.

With `--measure`, it first takes the figures of the plot again, which takes half a minute.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.support import costs_picture, deadline_picture, flow_picture, readme_picture

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
PICTURES: Final[Mapping[str, Callable[[], str]]] = {
    "respot.svg": readme_picture.picture,
    "flow.svg": flow_picture.picture,
    "deadline.svg": deadline_picture.picture,
    "deadline-costs.svg": costs_picture.picture,
}

if __name__ == "__main__":
    if "--measure" in sys.argv[1:]:
        costs_picture.keep(costs_picture.measured())
    for name, picture in PICTURES.items():
        (DOCS / name).write_text(picture(), encoding="utf-8")
