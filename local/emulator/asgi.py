"""The web application: ministack's, with paths of its own that count and kill functions."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from hypercorn import asyncio as hypercorn
from hypercorn.config import Config
from ministack import app as ministack  # type: ignore[import-untyped]
from ministack.core import lambda_runtime, tls  # type: ignore[import-untyped]

from local.emulator.names import CALLS_PATH, KILL_PATH, ROOT_KEY

_KEY: Final = re.compile(rb"Credential=([^/]+)/")


async def serve(stop: asyncio.Event, *, bind: str) -> None:
    """Serve the account over TLS until `stop`."""
    config = Config()
    config.bind = [bind]
    config.certfile, config.keyfile = tls.resolve_tls_material()
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    app: Any = _Application(ministack.app)
    serving = asyncio.create_task(hypercorn.serve(app, config, shutdown_trigger=asyncio.Event().wait))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    # Warm functions are processes of their own; ministack leaves them behind when it ends.
    await asyncio.to_thread(lambda_runtime.reset)
    if serving.done():
        serving.result()


class _Application:
    def __init__(self, app: Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]) -> None:
        self._app = app
        self._calls = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        if path == CALLS_PATH:
            await _answer(send, 200, str(self._calls))
        elif path.startswith(f"{KILL_PATH}/"):
            await _answer(send, 200 if _kill_function(path.removeprefix(f"{KILL_PATH}/")) else 404)
        else:
            signed = _KEY.search(dict(scope.get("headers", ())).get(b"authorization", b""))
            self._calls += signed is not None and signed[1] != ROOT_KEY.encode()
            await self._app(scope, receive, send)


async def _answer(send: Any, status: int, body: str = "") -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": body.encode()})


def _kill_function(key: str) -> bool:
    """Kill one process that is working with this access key, as a crash would; `False` if there is none."""
    # A function has no process id in AWS's API: this reads ministack's pool of them.
    with lambda_runtime._lock:
        workers = [worker for pool in lambda_runtime._workers.values() for worker in list(pool)]
    for worker in workers:
        process = worker._proc
        credentials = lambda_runtime.execution_credentials(worker.config) if worker.in_use and process else {}
        if credentials.get("AWS_ACCESS_KEY_ID") == key:
            process.kill()
            return True
    return False
