"""Why a command fails: a message for people, an exit code for scripts."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The command's exit codes; argparse itself exits with 2, the two last are what a shell reports of a signal."""

    DONE = 0
    NOT_DONE = 1
    USAGE = 2
    NOT_FOUND = 3
    AWS_UNAVAILABLE = 4
    INCOMPLETE = 5
    TIMED_OUT = 6
    OUTPUT_LOST = 74
    INTERRUPTED = 130
    PIPE_CLOSED = 141


class CommandError(Exception):
    """The command ends here; the message says what happened and what to do."""

    def __init__(self, message: str, exit_code: ExitCode) -> None:
        """`message` is for a person's eyes, `exit_code` for a script's."""
        super().__init__(message)
        self.exit_code = exit_code
