"""Everything that ministack needs to be an AWS account for Respot.

ministack has no interface for adding a service or changing one. These modules therefore replace its private names,
which is why `pyproject.toml` pins ministack exactly. Import this only in a process that `local.emulator.server` has
prepared: ministack reads its environment at import.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from hypercorn import asyncio as hypercorn
from hypercorn.config import Config
from ministack import app as ministack  # type: ignore[import-untyped]
from ministack.core import lambda_runtime, responses, tls  # type: ignore[import-untyped]
from ministack.services import cloudwatch_logs, s3  # type: ignore[import-untyped]

from local.emulator import CALLS_PATH, KILL_PATH, ROOT_KEY, cloud, iam, pricing, regions, schedules, sqs, streams
from local.sagemaker.faults import DeliveryFaults

_KEY_HEADER: Final = "x-amz-server-side-encryption-aws-kms-key-id"


def apply(port: int, delivery: DeliveryFaults, lifecycle: str) -> None:
    """Change ministack; `delivery` and `lifecycle` are for jobs without tags of their own."""
    cloud.add_sagemaker(port, delivery, lifecycle)
    pricing.add_pricing()
    iam.authorize_batches()
    iam.add_leading_keys()
    iam.name_resources()
    regions.add_regions()
    schedules.fire_schedules()
    streams.repeat_failed_stream_batches()
    streams.read_streams_side_by_side()
    sqs.hand_out_from_the_front()
    encrypt_with_the_accounts_key()
    filter_logs_by_prefix()


def encrypt_with_the_accounts_key() -> None:
    """Encrypt with the account's own key when a writer asks for KMS without naming one, as AWS does.

    API_PutObject: for `aws:kms` without the key's header, Amazon S3 uses the AWS managed key (aws/s3). The SageMaker
    SDKs upload sources in this way; ministack has no such key and refuses.
    """
    resolve = s3._resolve_sse_write_headers  # puts, copies and multipart uploads call it by this name

    def resolved(headers: Mapping[str, str], bucket: str) -> Any:
        if headers.get("x-amz-server-side-encryption") == "aws:kms" and not headers.get(_KEY_HEADER):
            account, region = responses.get_account_id(), responses.get_region()
            key = uuid5(NAMESPACE_URL, f"alias/aws/s3 {account} {region}")
            headers = {**headers, _KEY_HEADER: f"arn:aws:kms:{region}:{account}:key/{key}"}
        return resolve(headers, bucket)

    s3._resolve_sse_write_headers = resolved


def filter_logs_by_prefix() -> None:
    """Replace `logStreamNamePrefix`, which ministack does not read, by the names of the streams that have it.

    `aws logs filter-log-events --log-stream-name-prefix JOB/` is how the AWS CLI shows the logs of one job.
    """
    filter_all = cloudwatch_logs._filter_log_events  # the request handler calls it by this name

    def filtered(request: Mapping[str, Any]) -> Any:
        group = cloudwatch_logs._log_groups.get(cloudwatch_logs._resolve_log_group_name(request))
        if group and (prefix := request.get("logStreamNamePrefix")):
            names = [name for name in group["streams"] if name.startswith(prefix)]
            # An empty list would mean all of them; no stream has an empty name.
            request = {**request, "logStreamNames": names or [""]}
        return filter_all(request)

    cloudwatch_logs._filter_log_events = filtered


# --- the web application: ministack's, with paths of its own that count and kill functions

_KEY: Final = re.compile(rb"Credential=([^/]+)/")


async def serve(stop: asyncio.Event, *, bind: str) -> None:
    """Serve the account over TLS until `stop`."""
    certificate, key = tls.resolve_tls_material()
    options = {"bind": [bind], "keep_alive_timeout": 75, "loglevel": "WARNING"}
    config = Config.from_mapping(options, certfile=certificate, keyfile=key)
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
