"""The user's own cache folder: what a command keeps there can be deleted at any time, and is read again."""

import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

_FOLDER: Final = "respot"
_NOWHERE: Final = Path(os.devnull) / _FOLDER
"""A folder that nobody can create: nothing is kept."""


def cache_folder(environment: Mapping[str, str] | None = None, *, platform: str = sys.platform) -> Path:
    """Where Respot keeps what it can read again.

    XDG_CACHE_HOME counts where it is an absolute path ("If an implementation encounters a relative path […] it should
    consider the path invalid and ignore it", XDG Base Directory Specification 0.8). Without it, macOS has
    ~/Library/Caches (File System Programming Guide, "Library Directories"), and other systems ~/.cache.
    """
    chosen = Path((os.environ if environment is None else environment).get("XDG_CACHE_HOME", ""))
    if chosen.is_absolute():
        return chosen / _FOLDER
    try:
        home = Path.home()
    except RuntimeError:  # a user without a name or a home, as in a container
        return _NOWHERE
    return home / ("Library/Caches" if platform == "darwin" else ".cache") / _FOLDER


def read_cached(path: Path) -> str | None:
    """A cached file's text; `None` if there is none that can be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def write_cached(path: Path, text: str) -> bool:
    """Replace a cached file in one step, for its owner's eyes alone; `False` if the folder cannot be written to.

    Two commands that write at once leave the file of one of them, whole.
    """
    try:
        make_private_folder(path.parent)
        # mkstemp creates files with mode 0600.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError:
        return False
    try:
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(text)
        Path(name).replace(path)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        return False
    return True


def make_private_folder(folder: Path) -> None:
    """Create a folder, and those above it, for its owner alone; one that exists is left as it is."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
