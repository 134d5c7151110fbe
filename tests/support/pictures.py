"""The pictures of the pages: `python -m tests.support.pictures` draws them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests.support import flow_picture, readme_picture

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
PICTURES: Final[Mapping[str, Callable[[], str]]] = {
    "respot.svg": readme_picture.picture,
    "flow.svg": flow_picture.picture,
}

if __name__ == "__main__":
    for name, picture in PICTURES.items():
        (DOCS / name).write_text(picture(), encoding="utf-8")
