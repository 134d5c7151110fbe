"""Standard output of infra's commands when it is lost: an exit code with a word, never a traceback.

The command line `respot` has its own, which infra may not import.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

OUTPUT_LOST: Final = 74
"""EX_IOERR of sysexits.h, as the command `respot` has it."""
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141


class OutputError(Exception):
    """Standard output does not take what is written to it."""


def write(words: str) -> None:
    """Write a line to standard output, at once.

    Raises:
        BrokenPipeError: nobody reads it any more.
        OutputError: it cannot be written.
    """
    with _writing():
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()


def shielded(command: Callable[[], int]) -> int:
    """Run a command; gives its exit code, or that of a lost output or of Ctrl-C."""
    if sys.stderr is None:  # argparse would write its errors to standard output instead
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it is open to the end
    if sys.stdout is None:
        sys.stderr.write("nothing was done, since standard output is closed: open it, or send it to /dev/null\n")
        return OUTPUT_LOST
    try:
        try:
            return command()
        finally:
            with _writing():
                sys.stdout.flush()
    except KeyboardInterrupt:
        code, said = INTERRUPTED, "interrupted\n"
    except BrokenPipeError:
        code, said = PIPE_CLOSED, ""
    except OutputError as error:
        code, said = OUTPUT_LOST, f"the output could not be written ({error}): free some space or write it elsewhere\n"
    with suppress(OSError):
        sys.stderr.write(said)
    with suppress(OSError):  # Python flushes once more at its end
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
    return code


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror) from error
