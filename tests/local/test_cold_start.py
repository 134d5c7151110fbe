"""The measurement of cold starts knows what each handler needs; the figures are those of `make bench`."""

import subprocess
import sys

import pytest

from local.bench.cold_start import ENVIRONMENT, HANDLERS, sources


@pytest.mark.parametrize("handler", HANDLERS)
def test_each_handler_is_composed_in_the_environment_of_the_measurement(handler: str) -> None:
    ours, _ = sources(handler)
    started = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", ours], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert (started.returncode, started.stderr) == (0, "")
