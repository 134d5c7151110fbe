"""How soon the command starts, against the libraries that it stands on."""

import os
import resource
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ALLOWED: Final = 2.0
"""The most that the command may take, as a multiple of the libraries alone."""

_BARE: Final = (sys.executable, "-c", "import boto3, rich")
_RESPOT: Final = str(Path(sys.executable).with_name("respot"))
# Without a region, `timeline` ends where it would make its first call.
_STARTS: Final = ((_RESPOT, "timeline", "job"), (_RESPOT, "--help"), (_RESPOT, "--version"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Medians of the processor time that one command and the libraries take."""

    command: str
    milliseconds: float
    bare_milliseconds: float

    @property
    def ratio(self) -> float:
        """Time as a multiple of the libraries'."""
        return self.milliseconds / self.bare_milliseconds


def measure(*, runs: int) -> list[Start]:
    """Each command and the libraries in turns, in new processes."""
    rounds = [
        [_seconds(command) for command in (_BARE, *_STARTS)]
        for _ in range(runs + 1)  # the first round fills the disk cache
    ][1:]
    bare, *ours = (statistics.median(seconds) * 1000 for seconds in zip(*rounds, strict=True))
    return [
        Start(command=f"respot {' '.join(words)}", milliseconds=milliseconds, bare_milliseconds=bare)
        for (_, *words), milliseconds in zip(_STARTS, ours, strict=True)
    ]


def _seconds(command: tuple[str, ...]) -> float:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = {**kept, "AWS_CONFIG_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
    before = _used()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return _used() - before


def _used() -> float:
    # Processor time: on a busy machine the clock's own time says more about the others.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
