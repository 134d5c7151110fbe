"""Writes the report's file."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from respot_cli.errors import CommandError, ExitCode


def check(path: Path) -> None:
    """See that the file can be written before anything is read for it.

    Raises:
        CommandError: it cannot.
    """
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        message = f"{path} cannot be written: name a file in a folder that exists and that you may write to"
        raise CommandError(message, ExitCode.USAGE)


def write(path: Path, page: bytes) -> None:
    """Write the file in one step: nobody ever opens half of it.

    Raises:
        CommandError: it could not be written.
    """
    name = None
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.write(page)
        umask = os.umask(0)
        os.umask(umask)
        Path(name).chmod(0o666 & ~umask)  # mkstemp's files are for their owner alone
        Path(name).replace(path)
    except OSError as error:
        if name:
            with suppress(OSError):
                Path(name).unlink()
        message = f"{path} could not be written ({error.strerror}): free some space or write it elsewhere"
        raise CommandError(message, ExitCode.OUTPUT_LOST) from error
