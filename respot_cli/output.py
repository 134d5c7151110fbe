"""Standard output and standard error of a command, also when their reader is lost."""

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from respot.alerting.text import one_line
from respot_cli.errors import ExitCode

if TYPE_CHECKING:
    from _typeshed import SupportsWrite
    from rich.console import RenderableType

_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class OutputError(Exception):
    """Standard output does not take what is written to it."""


class Parser(argparse.ArgumentParser):
    """A parser that notices when help could not be written; argparse itself does not."""

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        (write if file is sys.stdout else write_message)(message)


def add_options(parser: argparse.ArgumentParser, *more: str) -> None:
    """The options by which every command chooses the form of its data: a pipe shows the same as a terminal.

    `more` are forms that only this command has.
    """
    parser.add_argument("--format", choices=["text", "json", *more], default="text", help="default: %(default)s")
    parser.add_argument("--json", action="store_const", dest="format", const="json", help="the same as --format json")


def show(chosen: str, text: "RenderableType", document: Mapping[str, Any]) -> None:
    """Write a command's data in the chosen format; raises what `write` does."""
    if chosen == "json":
        write(f"{json.dumps(document, indent=2)}\n")
        return
    from rich.console import Console  # noqa: PLC0415 - a Ctrl-C while it loads is answered by `shielded`

    console = Console(highlight=False)
    # Where output is unbuffered, rich writes nothing, but to the stream.
    with _writing(), console.capture() as captured:
        console.print(text, crop=False)  # a command to copy is longer than the terminal, but whole
    write(captured.get())


def say(words: str) -> None:
    """Write a message for the person at the terminal, in one line."""
    write_message(f"{one_line(words)}\n")


def write_message(text: str) -> None:
    """Write to standard error. Nothing depends on whether it arrives."""
    if sys.stderr is None:
        return
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def shielded(command: Callable[[], int], *, name: str = "respot") -> int:
    """Run a command: a lost standard output or Ctrl-C ends it with an exit code of its own, never with a traceback.

    With a closed standard output nothing starts: the answer would be lost, and the first connection would take its file
    descriptor. A closed standard error is replaced: argparse would write to standard output instead.
    """
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it is open to the end
    if sys.stdout is None:
        say(f"{name}: nothing was done, since standard output is closed: open it, or send it to /dev/null")
        return ExitCode.OUTPUT_LOST
    try:
        try:
            return command()
        finally:
            with _writing():
                sys.stdout.flush()
    except KeyboardInterrupt:
        say(f"{name}: interrupted")
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:  # SIGPIPE remains ignored: it would also kill the command when AWS closes a connection
        code = ExitCode.PIPE_CLOSED
    except OutputError as error:
        say(f"{name}: {error}")
        code = ExitCode.OUTPUT_LOST
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        say(f"{name}: {error.strerror}: free some space, then run it again")
        code = ExitCode.OUTPUT_LOST
    # Python flushes once more at its end. https://docs.python.org/3/library/signal.html#note-on-sigpipe
    _discard(sys.stdout)
    return code


def write(text: str) -> None:
    """Write to standard output, at once; characters that its encoding lacks become question marks.

    Raises:
        BrokenPipeError: nobody reads it any more.
        OutputError: it cannot be written.
    """
    out = sys.stdout
    with _writing():
        out.write(text.encode(out.encoding, errors="replace").decode(out.encoding))
        out.flush()


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        message = f"the output could not be written ({error.strerror}): free some space or write it elsewhere"
        raise OutputError(message) from error


def _discard(stream: TextIO) -> None:
    """Let a stream write into nothing from now on."""
    with suppress(OSError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
