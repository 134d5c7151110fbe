"""The only module that knows ministack, the AWS emulator.

ministack has no interface for adding a service, so this reaches for its private names; each says why. That is why
`pyproject.toml` pins ministack exactly. Import this only in a process that `local.server` has prepared: ministack
reads its environment while it is imported.
"""

import asyncio
import hashlib
import json
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config as BotoConfig
from hypercorn import asyncio as hypercorn
from hypercorn.config import Config
from ministack import app as ministack  # type: ignore[import-untyped]
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, responses, router, tls  # type: ignore[import-untyped]
from ministack.services import eventbridge, iam, sts  # type: ignore[import-untyped]

from local.sagemaker.cloud import Call, Cloud, Scope
from local.sagemaker.delivery import Delivery
from local.sagemaker.service import SageMaker

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BATCHES = frozenset({"sqs:SendMessageBatch", "sqs:DeleteMessageBatch", "sqs:ChangeMessageVisibilityBatch"})
_ASGI = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]


class Emulator:
    """The account around the simulated SageMaker."""

    def __init__(self, port: int) -> None:
        """Be the account that is served on this port."""
        self._endpoint = f"https://127.0.0.1:{port}"
        self._s3_clients: dict[tuple[Scope, str], S3Client] = {}
        self._s3_lock = threading.Lock()

    def scope(self) -> Scope:
        """Tell the account and region that the current request is for."""
        return Scope(account=responses.get_account_id(), region=responses.get_region())

    def denial(self, call: Call, action: str, resource: str, context: Mapping[str, Any]) -> str | None:
        """Ask IAM whether the caller may do this; None if so, otherwise AWS's message.

        ministack has checked the signature by then. It would also check the action, but of a service it does not know
        it checks every action on resource `*`, so that no policy about a single job could ever allow anything. That is
        why SERVICE_TO_IAM_NAMESPACE has no entry for sagemaker and IAM is asked here.
        """
        key = router.extract_access_key_id(call.headers, call.query)
        denied = iam_evaluator.enforce(
            key,
            action,
            "sagemaker",
            responses.get_region(),
            resource_arn=resource,
            service_context=dict(context),
        )
        if denied is None:
            return None
        if isinstance(denied, iam_evaluator.AuthError):
            return str(denied.message)
        reason = (
            "with an explicit deny in an identity-based policy"
            if denied.decision == "Deny"
            else f"because no identity-based policy allows the {action} action"
        )
        return f"User: {denied.principal_arn} is not authorized to perform: {action} on resource: {resource} {reason}"

    def trusts_sagemaker(self, scope: Scope, role_arn: str) -> bool:
        """Tell whether a role exists and lets SageMaker assume it."""
        # IAM has no call that evaluates a trust policy, so this reads the role from ministack's store.
        role = iam._roles.get_scoped(scope.account, None, role_arn.rpartition("/")[2])  # noqa: SLF001
        if role is None or role["Arn"] != role_arn:
            return False
        policy = role["AssumeRolePolicyDocument"]
        statements = (json.loads(policy) if isinstance(policy, str) else policy)["Statement"]
        return any(
            statement["Effect"] == "Allow"
            and "sts:AssumeRole" in _as_list(statement.get("Action"))
            and _names_sagemaker(statement.get("Principal"))
            for statement in _as_list(statements)
        )

    def publish(self, scope: Scope, *, source: str, detail_type: str, resource: str, detail: str) -> None:
        """Put an AWS service's event on the default bus."""
        entry = {"Source": source, "DetailType": detail_type, "Resources": [resource], "Detail": detail}
        with responses.request_scope(scope.account, scope.region):
            # The public PutEvents refuses sources that begin with `aws.`, as AWS does.
            eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)  # noqa: SLF001

    def s3(self, scope: Scope, role_arn: str) -> "S3Client":
        """Give an S3 client with a role's permissions. It blocks: never call it on the event loop."""
        with self._s3_lock:
            if (scope, role_arn) not in self._s3_clients:
                self._s3_clients[scope, role_arn] = _s3_client(self._endpoint, scope, role_arn)
            return self._s3_clients[scope, role_arn]


def add_sagemaker(port: int, delivery: Delivery) -> None:
    """Make ministack answer SageMaker requests."""
    cloud: Cloud = Emulator(port)
    ministack.SERVICE_HANDLERS["sagemaker"] = SageMaker(cloud, default_delivery=delivery).handle
    # Without this ministack still finds the service, after it has read the models of all services of AWS.
    router.SERVICE_PATTERNS["sagemaker"] = {"target_prefixes": ["SageMaker."]}


def authorize_batches() -> None:
    """Have a batch of SQS messages allowed by the permission for one, as AWS does: there is no other."""
    action_of = iam_actions.extract_iam_action

    def as_of_one(*request: Any) -> Any:  # noqa: ANN401 - ministack's own
        action = action_of(*request)
        return action.removesuffix("Batch") if action in _BATCHES else action

    # ministack takes the operation's name for the action's, and imports this function anew for each request.
    iam_actions.extract_iam_action = as_of_one


async def serve(stop: asyncio.Event, *, bind: str, ready: Callable[[Path], None]) -> None:
    """Serve the account over TLS until `stop`; `ready` is called once, with the certificate to trust."""
    config = Config()
    certificate, key = tls.resolve_tls_material()
    config.bind = [bind]
    config.certfile, config.keyfile = certificate, key
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    app = _announcing(ministack.app, lambda: ready(Path(certificate)))
    serving = asyncio.create_task(hypercorn.serve(app, config, shutdown_trigger=asyncio.Event().wait))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    # Warm functions are processes of their own; ministack leaves them behind when it ends.
    await asyncio.to_thread(lambda_runtime.reset)
    if serving.done():
        serving.result()


def _announcing(app: _ASGI, started: Callable[[], None]) -> Any:  # noqa: ANN401 - hypercorn's own application type
    async def announcing(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        async def watched(message: Mapping[str, Any]) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                started()

        await app(scope, receive, watched if scope["type"] == "lifespan" else send)

    return announcing


def _s3_client(endpoint: str, scope: Scope, role_arn: str) -> "S3Client":
    role = role_arn.rpartition("/")[2]
    key = f"ASIA{hashlib.sha256(f'{scope}/{role_arn}'.encode()).hexdigest()[:16].upper()}"
    # SageMaker assumes the job's role; ministack's own services register such sessions in this way.
    sts.register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{scope.account}:assumed-role/{role}/SageMaker",
            "UserId": f"{role}:SageMaker",
            "SecretAccessKey": "local",
            "SessionToken": "local",
        },
    )
    return boto3.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=scope.region,
        aws_access_key_id=key,
        aws_secret_access_key="local",  # noqa: S106 - of an account that ends with this process
        aws_session_token="local",  # noqa: S106
        verify=tls.resolve_tls_material()[0],
        config=BotoConfig(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, max_pool_connections=32),
    )


def _names_sagemaker(principal: object) -> bool:
    if not isinstance(principal, dict):
        return principal == "*"
    return "sagemaker.amazonaws.com" in _as_list(principal.get("Service"))


def _as_list(value: Any) -> list[Any]:  # noqa: ANN401 - a value of a policy document
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
