"""A laptop's tools: a local AWS account, Respot in it, and what is measured and proven there."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).resolve().parents[1]
"""The checkout."""


def run_program(words: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401
    """Run a program without input; its errors are part of its output. The options are those of `subprocess.run`."""
    given = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "stdout": subprocess.PIPE, "cwd": PROJECT}
    return subprocess.run(words, check=False, text=True, errors="replace", **{**given, **options})
