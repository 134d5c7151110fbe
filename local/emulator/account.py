"""A local AWS account, started and stopped."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any, Final, Self

import boto3
import botocore.session
from botocore.config import Config

from local import PROJECT
from local.emulator import ACCOUNT, CALLS_PATH, DEFAULT_REGION, ROOT_ENVIRONMENT, ROOT_KEY

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 5.0
_LOG_TAIL: Final = 30


class LocalAccountError(Exception):
    """The local account did not start; the message ends with its log."""


class LocalAccount:
    """An AWS account in a process of its own, on a free port of 127.0.0.1. Use it as a context manager.

    `delivery` and `lifecycle` are for jobs without tags of their own, for example "copies=3 shuffle=1". The log and
    all data are in `directory`; without one they are in a temporary directory that ends with the account.
    """

    account_id: Final = ACCOUNT
    region: Final = DEFAULT_REGION

    def __init__(self, *, delivery: str = "", lifecycle: str = "", directory: Path | None = None) -> None:
        """Prepare an account; nothing runs before `__enter__`."""
        self._temporary = directory is None
        self._directory = (directory or Path(tempfile.mkdtemp(prefix="respot-local-"))).resolve()
        self._options = {"delivery": delivery, "lifecycle": lifecycle, "temporary": self._temporary}
        self.process: subprocess.Popen[bytes] | None = None
        """The server, while it should run."""
        self._port = 0
        self.log = self._directory / "account.log"
        """What the account and its functions write."""
        made = self._directory / "ministack-tls"
        self.tls = made / "server.crt", made / "server.key"
        """The certificate of `localhost` that the account serves with, and its key; ministack makes them."""

    @property
    def endpoint(self) -> str:
        """The one URL of all services."""
        return f"https://localhost:{self._port}"

    def __enter__(self) -> Self:
        """Start the server and wait until it answers. Raises LocalAccountError."""
        self._directory.mkdir(parents=True, exist_ok=True)
        # Opening the socket here, and handing it over, leaves no moment in which another process could take the port.
        with socket.create_server(("127.0.0.1", 0)) as listener, self.log.open("wb") as log:
            self._port = listener.getsockname()[1]
            place = {"port": self._port, "socket": listener.fileno(), "directory": str(self._directory)}
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.emulator.server", json.dumps({**place, **self._options})],
                cwd=PROJECT,
                stdin=subprocess.PIPE,  # the server stops when it closes
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
                # Its own group: it is stopped as a whole, and Ctrl-C reaches only us.
                start_new_session=True,
            )
        try:
            self._await(self.process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server and every function it started, and delete their data."""
        self._end()
        if self._temporary:
            shutil.rmtree(self._directory, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """The variables with which any AWS client, and the CDK CLI, talks to this account as its root user."""
        certificate = str(self.tls[0])
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": certificate,
            "NODE_EXTRA_CA_CERTS": certificate,
            **ROOT_ENVIRONMENT,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
        }

    def process_environment(self) -> dict[str, str]:
        """The whole environment for a process that uses this account and nothing else of AWS."""
        proxies = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("AWS_") and name.upper() not in proxies
        }
        return {**kept, **self.environment()}

    def client(self, service: str, *, region: str | None = None, **credentials: str) -> Any:
        """A boto3 client as the root user, or with the credentials given as boto3 names them."""
        keys = credentials or {"aws_access_key_id": ROOT_KEY, "aws_secret_access_key": ROOT_KEY}
        return _session(region or self.region).client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.endpoint,
            verify=str(self.tls[0]),
            config=Config(retries={"mode": "standard", "max_attempts": 2}, max_pool_connections=32),
            **keys,
        )

    def calls(self) -> int:
        """How many calls functions made so far."""
        context = ssl.create_default_context(cafile=self.tls[0])
        connection = http.client.HTTPSConnection("localhost", self._port, context=context, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", CALLS_PATH)
            return int(connection.getresponse().read())

    def with_log(self, message: str) -> str:
        """Complete an error message with the end of the log."""
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:])
        return f"{message}\n--- the end of {self.log} ---\n{tail}"

    def _await(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # no certificate yet, or nobody who answers
                self.calls()
                return
            time.sleep(0.05)
        code = process.returncode
        failure = f"did not answer within {_START_SECONDS:.0f} s" if code is None else f"ended with exit code {code}"
        raise LocalAccountError(self.with_log(f"the local account {failure}"))

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        # Everything that the server started is in its process group, and nothing else is. There is nothing to save, and
        # an orderly end takes seconds: it ends warm functions one after another.
        deadline = time.monotonic() + _STOP_SECONDS
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            while time.monotonic() < deadline:  # its functions end a moment later
                os.killpg(process.pid, 0)
                time.sleep(0.01)
        process.wait()
        if process.stdin:
            process.stdin.close()


@cache
def _session(region: str) -> boto3.Session:
    """Build a session that knows nothing of the profiles and settings of the user."""
    nothing: dict[str, Any] = {
        "profile": (None, [], None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return boto3.Session(botocore_session=botocore.session.Session(session_vars=nothing), region_name=region)
