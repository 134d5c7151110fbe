"""The process of the local AWS account: `python -m local.emulator.server OPTIONS`."""

import asyncio
import importlib
import json
import logging
import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Final

from local.emulator import ACCOUNT, DEFAULT_REGION, ROOT_ENVIRONMENT
from local.sagemaker import lifecycle
from local.sagemaker.faults import DeliveryFaults

# The functions inherit this environment, and ministack reads many variables with common names. Therefore only what
# programs need to run is kept: with the user's proxy, certificates or AWS settings, functions would search for the
# account elsewhere, or distrust its certificate and hang until they time out.
_NEEDED: Final = re.compile(r"PATH|HOME|USER|LOGNAME|SHELL|TZ|LANG|LC_\w+|(LD|DYLD)_\w+|SYSTEMROOT")


def environment(inherited: Mapping[str, str], *, port: int, directory: Path) -> dict[str, str]:
    """Build the environment in which ministack, and the functions it starts, run."""
    return {
        **{name: value for name, value in inherited.items() if _NEEDED.fullmatch(name)},
        "AUTH": "true",
        "USE_SSL": "1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": DEFAULT_REGION,
        **ROOT_ENVIRONMENT,
        # Separates parallel accounts: ministack keeps code, certificates and data there.
        "TMPDIR": str(directory),
        "S3_DATA_DIR": str(directory / "s3"),
        "STATE_DIR": str(directory / "state"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        # No Docker: without a socket ministack starts no containers.
        "DOCKER_HOST": f"unix://{directory}/no-docker.sock",
        "PYTHONUNBUFFERED": "1",
    }


def main() -> None:
    """Serve until SIGTERM, SIGINT, or the end of standard input, which is that of the process that started this one.

    The argument is a JSON object: `port` on 127.0.0.1, `socket`, which listens on it already, `directory`, where
    everything of this account is kept, `temporary` if it is removed at the end, and `delivery` and `lifecycle` of jobs
    without a tag that says so.
    """
    options = SimpleNamespace(**json.loads(sys.argv[1]))
    options.directory = Path(options.directory)
    faults, fate = DeliveryFaults.parse(options.delivery), options.lifecycle or lifecycle.UNINTERRUPTED
    lifecycle.value_for(1, fate, lifecycle.parse)
    prepared = environment(os.environ, port=options.port, directory=options.directory)
    os.environ.clear()
    os.environ.update(prepared)
    # Not at the top: ministack reads that environment while it is imported.
    patches = importlib.import_module("local.emulator.patches")
    patches.apply(options.port, faults, fate)
    asyncio.run(_serve(patches, options))


async def _serve(patches: ModuleType, options: SimpleNamespace) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def stop_with_parent() -> None:
        # The other end of standard input closes even when the parent is killed. Not sys.stdin, whose lock this thread
        # would still hold when the interpreter ends.
        os.read(0, 1)
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=stop_with_parent, daemon=True).start()
    await patches.serve(stop, bind=f"fd://{options.socket}")
    if options.temporary:
        shutil.rmtree(options.directory, ignore_errors=True)
    # An orderly end would wait for every client that keeps its connection open, and there is nothing to save.
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
