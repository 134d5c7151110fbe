"""The proxy between the functions and the local account: started, given its faults, and stopped."""

import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from local import PROJECT
from local.chaos.faults import Rule
from local.demo.deployed import DeployedAccount
from local.emulator.account import LocalAccountError

_PROXY: Final = "local.chaos.proxy"
DEATHS_PATH: Final = "deaths"
COUNTS_PATH: Final = "counts"
_START_SECONDS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The functions' calls since the last count: all, those with a fault, clients' retries; and functions killed."""

    calls: int
    hit: int
    retries: int
    killed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """The running proxy."""

    _port: int
    _tls: ssl.SSLContext

    def inject(self, rules: Sequence[Rule] = (), *, deaths: float = 0.0) -> None:
        """Inject these faults from now on, and no others."""
        self._ask("POST", "rules", json.dumps([dict(rule) for rule in rules]))
        self._ask("POST", DEATHS_PATH, str(deaths))

    def counts(self) -> Counts:
        """What was seen since the last call of this."""
        return Counts(**json.loads(self._ask("POST", COUNTS_PATH)))

    def is_ready(self) -> bool:
        """Whether the proxy answers."""
        try:
            self._ask("GET", "health")
        except OSError:
            return False
        return True

    def _ask(self, method: str, path: str, body: str = "") -> str:
        connection = http.client.HTTPSConnection("localhost", self._port, context=self._tls, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, f"/_microburst/{path}", body=body.encode())
            answer = connection.getresponse()
            text = answer.read().decode()
        if answer.status != http.HTTPStatus.OK:
            raise LocalAccountError(f"the fault-injection proxy answered {answer.status}: {text}")
        return text


@contextlib.contextmanager
def standing_between(at: DeployedAccount) -> Iterator[Between]:
    """Start the proxy and have the functions, and nothing else, call AWS through it."""
    certificate, key = at.account.tls
    log = at.account.log.with_name("proxy.log")
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", _PROXY, "--upstream", at.account.endpoint),
                *("--socket", str(listener.fileno()), "--certificate", str(certificate), "--key", str(key)),
            ],
            cwd=PROJECT,
            env={**at.account.process_environment(), "SSL_CERT_FILE": str(certificate)},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
    try:
        between = Between(_port=port, _tls=ssl.create_default_context(cafile=certificate))
        deadline = time.monotonic() + _START_SECONDS
        while not between.is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise LocalAccountError(f"the fault-injection proxy did not start\n{log.read_text()}")
            time.sleep(0.05)
        route_functions(at, {"AWS_ENDPOINT_URL": f"https://localhost:{port}", "AWS_CA_BUNDLE": str(certificate)})
        yield between
    finally:
        process.terminate()
        process.communicate(timeout=10)


def route_functions(at: DeployedAccount, variables: dict[str, str]) -> None:
    """Add environment variables to every function."""
    functions: Any = at.client("lambda")
    for function in functions.list_functions()["Functions"]:
        present = function.get("Environment", {}).get("Variables", {})
        functions.update_function_configuration(
            FunctionName=function["FunctionName"], Environment={"Variables": {**present, **variables}}
        )
