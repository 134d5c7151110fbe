"""The fault-injection proxy between the functions and the local account. The only module that knows microburst.

microburst injects throttling, errors, timeouts, latency, resets and lost answers by its rules. Added here: TLS towards
the functions, the Host that they signed (microburst's own would break the signature), the count of the attempts that
the functions' clients make, and the kill of the function that calls.
"""

import asyncio
import contextlib
import random
import ssl
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from microburst.app import make_app  # type: ignore[import-untyped]
from microburst.core.pipeline import Microburst  # type: ignore[import-untyped]
from microburst.detection import parse_credential_scope  # type: ignore[import-untyped]
from microburst.forward import Upstream  # type: ignore[import-untyped]

from local.chaos.faults import Rule
from local.demo.deployed import DeployedAccount
from local.emulator import KILL_PATH

_T = TypeVar("_T")


class _Upstream(Upstream):  # type: ignore[misc]  # microburst has no types
    def __init__(self, url: str, certificate: Path) -> None:
        super().__init__(url)
        self._trust = ssl.create_default_context(cafile=certificate)

    async def start(self) -> None:
        connector = aiohttp.TCPConnector(ssl=self._trust)
        self.session = aiohttp.ClientSession(connector=connector, auto_decompress=False)

    def _outbound_headers(self, request: web.Request) -> dict[str, str]:
        headers: dict[str, str] = super()._outbound_headers(request)
        headers["host"] = request.headers["Host"]
        return headers


class Proxy(Microburst):  # type: ignore[misc]  # microburst has no types
    """microburst, and what it lacks, on an event loop in a thread of its own."""

    def __init__(self, upstream: str, certificate: Path, key: Path) -> None:
        """Stand before the account at that URL, and serve with its certificate and key."""
        super().__init__(upstream, resign=False)
        self.upstream = _Upstream(upstream, certificate)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate, key)
        self._deaths = 0.0
        self._counts: Counter[str] = Counter()
        self._runner = web.AppRunner(make_app(self), access_log=None, shutdown_timeout=1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Serve for a while; gives the URL."""
        self._thread.start()
        try:
            yield f"https://localhost:{self._wait(self._serve())}"
        finally:
            self._wait(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def inject(self, rules: Sequence[Rule] = (), *, deaths: float = 0.0) -> None:
        """Inject these faults from now on, and no others."""
        self._deaths = deaths
        self.engine.set_rules([dict(rule) for rule in rules])

    def counts(self) -> Counter[str]:
        """The functions' `calls` since the last count, those `hit`, clients' `retries`, and functions `killed`."""
        seen, self._counts = self._counts, Counter()
        seen["hit"] = sum(self.fault_counts.values())
        self.fault_counts.clear()
        return seen

    async def handle_proxy(self, request: web.Request) -> web.StreamResponse:
        """Count the call, and perhaps kill the function that makes it, before or after the call takes effect."""
        self._counts["calls"] += 1
        self._counts["retries"] += "attempt=1" not in request.headers.get("amz-sdk-request", "attempt=1")
        fate, deaths = random.random(), self._deaths  # noqa: S311 - faults, not secrets
        if fate < deaths / 2:
            await self._kill(request)
            if request.transport:
                request.transport.abort()
            return web.Response()
        answer: web.StreamResponse = await super().handle_proxy(request)
        if fate < deaths:
            await self._kill(request)
        return answer

    async def _kill(self, request: web.Request) -> None:
        _, _, key = parse_credential_scope(request.headers, request.query)
        with contextlib.suppress(aiohttp.ClientError):
            async with self.upstream.session.post(f"{self.upstream.base_url}{KILL_PATH}/{key}") as answer:
                self._counts["killed"] += answer.status == 200

    async def _serve(self) -> int:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        return int(self._runner.addresses[0][1])

    async def _close(self) -> None:
        # The functions keep their connections open, and answer no orderly end of them.
        for connection in [*self._runner.server.connections] if self._runner.server else ():
            if connection.transport:
                connection.transport.abort()
        await self._runner.cleanup()
        await asyncio.sleep(0.25)  # until the connections to the account are closed

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def route_functions(at: DeployedAccount, variables: dict[str, str]) -> None:
    """Add environment variables to every function."""
    functions: Any = at.client("lambda")
    for function in functions.list_functions()["Functions"]:
        present = function.get("Environment", {}).get("Variables", {})
        functions.update_function_configuration(
            FunctionName=function["FunctionName"], Environment={"Variables": {**present, **variables}}
        )
