"""A line of a training job's log, as text for a terminal and as JSON."""

import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from respot.jobs.formatting import iso

_SYSLOG: Final = r"(?<![\s(])"
"""What does not precede an escape of syslog's: text like `see #015`, or `(#015)`, is a person's.

SageMaker's agents write control characters as `#` and three octal digits (https://github.com/awslabs/gluonts/pull/810).
"""
_REWRITES: Final = re.compile(rf"\r|\x08+|{_SYSLOG}(?:#015|(?:#010){{2,}})")
"""Where a progress bar begins the line again: a carriage return, or as many backspaces as it takes."""
STARTED: Final = re.compile(r"-(\d{9,11})$", re.ASCII)
"""The end of a stream's name: when the job started on these instances, in seconds since 1970."""
_COLOURS: Final = re.compile(r"(?:\x1b|#033)\[[0-9;:]*m")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One log event of an attempt.

    Attributes:
        milliseconds: its time, since 1970.
        attempt: the attempt's number.
        job: the attempt's job.
        stream: the log stream, `JOB/HOST-SECONDS`; a job that starts again on new instances has another one.
        message: what was printed, as CloudWatch has it.
    """

    milliseconds: int
    attempt: int
    job: str
    stream: str
    message: str

    @property
    def moment(self) -> datetime:
        """Its time."""
        return datetime.fromtimestamp(0, tz=UTC) + timedelta(milliseconds=self.milliseconds)

    @property
    def host(self) -> str:
        """The instance: `algo-1` for the first."""
        return STARTED.sub("", self.stream.removeprefix(f"{self.job}/"))


def to_text(line: LogLine, *, with_host: bool) -> str:
    """`2026-09-16 15:00:07Z #2 algo-1  what was printed`, in one line."""
    host = f" {visible(line.host)}" if with_host else ""
    return f"{line.moment:%Y-%m-%d %H:%M:%S}Z #{line.attempt}{host}  {visible(line.message)}".rstrip()


def to_json(line: LogLine) -> str:
    """The same as one line of JSON, the message as CloudWatch has it; all but ASCII is escaped."""
    return json.dumps(
        {
            "time": iso(line.moment),
            "attempt": line.attempt,
            "job": line.job,
            "stream": line.stream,
            "message": line.message,
        }
    )


def visible(message: str) -> str:
    """A message as one line in which nothing controls the terminal.

    Of a progress bar that rewrites its line, the last state remains, as on a terminal. Colours are left out. Any other
    control character, line breaks within the message too, becomes an escape that can be read.
    """
    lines = (_final(line) for line in _COLOURS.sub("", message).rstrip("\r\n").split("\n"))
    text = r"\n".join(lines)
    return text if text.isprintable() else "".join(map(_readable, text))


def _final(line: str) -> str:
    """What a line shows at its end."""
    states = [state for state in _REWRITES.split(line) if state.strip()]
    return states[-1].rstrip() if states else ""


def _readable(character: str) -> str:
    if character.isprintable() or character == "\t":
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
