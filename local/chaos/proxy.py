"""The process of the fault-injection proxy: `python -m local.chaos.proxy`. The only module that knows microburst.

microburst injects throttling, errors, timeouts, latency, resets and lost answers by its rules. Added here: TLS towards
the functions, the Host that they signed (microburst's own would break the signature), the count of the attempts that
the functions' clients make, and the kill of the function that calls.
"""

import argparse
import asyncio
import contextlib
import random
import signal
import socket
import ssl
from collections import Counter
from pathlib import Path

from aiohttp import ClientError, web
from microburst.app import make_app  # type: ignore[import-untyped]
from microburst.core.pipeline import Microburst  # type: ignore[import-untyped]
from microburst.detection import parse_credential_scope  # type: ignore[import-untyped]
from microburst.forward import Upstream  # type: ignore[import-untyped]

from local.chaos.between import COUNTS_PATH, DEATHS_PATH
from local.emulator.names import KILL_PATH
from local.emulator.server import stop_with_parent


class _Upstream(Upstream):  # type: ignore[misc]  # microburst has no types
    def _outbound_headers(self, request: web.Request) -> dict[str, str]:
        headers: dict[str, str] = super()._outbound_headers(request)
        headers["host"] = request.headers["Host"]
        return headers


class Proxy(Microburst):  # type: ignore[misc]  # microburst has no types
    """microburst, and what it lacks."""

    def __init__(self, upstream: str) -> None:
        """`upstream` is the account's URL."""
        super().__init__(upstream, resign=False)
        self.upstream = _Upstream(upstream, stats=self.stats)
        self._deaths = 0.0
        self._counts: Counter[str] = Counter()

    async def handle_proxy(self, request: web.Request) -> web.StreamResponse:
        """Count the call, and perhaps kill the function that makes it, before or after the call takes effect."""
        self._counts["calls"] += 1
        self._counts["retries"] += "attempt=1" not in request.headers.get("amz-sdk-request", "attempt=1")
        fate = random.random()  # noqa: S311 - faults, not secrets
        if fate < self._deaths / 2:
            await self._kill(request)
            if request.transport:
                request.transport.abort()
            return web.Response()
        answer: web.StreamResponse = await super().handle_proxy(request)
        if fate < self._deaths:
            await self._kill(request)
        return answer

    async def handle_control(self, request: web.Request) -> web.StreamResponse:
        """The control paths of microburst, and two more."""
        tail = request.match_info.get("tail", "").strip("/")
        if tail == DEATHS_PATH:
            self._deaths = float(await request.text())
            return web.Response()
        if tail == COUNTS_PATH:
            counts = dict(self._counts)
            self._counts.clear()
            hit = sum(self.fault_counts.values())
            self.fault_counts.clear()
            return web.json_response({"calls": 0, "retries": 0, "killed": 0, **counts, "hit": hit})
        control: web.StreamResponse = await super().handle_control(request)
        return control

    async def _kill(self, request: web.Request) -> None:
        _, _, key = parse_credential_scope(request.headers, request.query)
        with contextlib.suppress(ClientError):
            async with self.upstream.session.post(f"{self.upstream.base_url}{KILL_PATH}/{key}") as answer:
                self._counts["killed"] += answer.status == 200


def main() -> None:
    """Serve until SIGTERM, or the end of the process that started this one."""
    parser = argparse.ArgumentParser(prog="python -m local.chaos.proxy", description=__doc__)
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--socket", type=int, required=True, metavar="FD")
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    options = parser.parse_args()
    asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    stop_with_parent(stop)
    runner = web.AppRunner(make_app(Proxy(options.upstream)), access_log=None)
    await runner.setup()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.certificate, options.key)
    await web.SockSite(runner, socket.socket(fileno=options.socket), ssl_context=tls, shutdown_timeout=1).start()
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    main()
