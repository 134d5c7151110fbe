"""The only module that knows ministack, the AWS emulator.

ministack has no interface for adding a service, so this reaches for its private names; each says why. That is why
`pyproject.toml` pins ministack exactly. Import this only in a process that `local.server` has prepared: ministack
reads its environment while it is imported.
"""

import asyncio
import hashlib
import heapq
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import boto3
from botocore.config import Config as BotoConfig
from hypercorn import asyncio as hypercorn
from hypercorn.config import Config
from ministack import app as ministack  # type: ignore[import-untyped]
from ministack.core import arn as arns  # type: ignore[import-untyped]
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, responses, router, tls
from ministack.services import (  # type: ignore[import-untyped]
    cloudwatch_logs,
    dynamodb,
    eventbridge,
    iam,
    lambda_svc,
    s3,
    sqs,
    sts,
)
from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

from local.call_counts import PATH, CallCounts
from local.leading_keys import leading_keys
from local.recording import Recording
from local.sagemaker.cloud import Call, Cloud, Scope
from local.sagemaker.container import LOG_GROUP
from local.sagemaker.delivery import QueueMessage
from local.sagemaker.service import SageMaker
from local.server import KILL_PATH, WAITING_PATH

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger("events")

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
        return _trusts(scope.account, role_arn, "sagemaker.amazonaws.com")

    def publish(self, scope: Scope, *, source: str, detail_type: str, resource: str, detail: str) -> None:
        """Put an AWS service's event on the default bus."""
        entry = {"Source": source, "DetailType": detail_type, "Resources": [resource], "Detail": detail}
        with responses.request_scope(scope.account, scope.region):
            # The public PutEvents refuses sources that begin with `aws.`, as AWS does.
            eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)  # noqa: SLF001

    def log(self, scope: Scope, role_arn: str, *, stream: str, message: str) -> None:
        """Write a line to a log stream of training jobs, if the job's role allows it."""
        arn = f"arn:aws:logs:{scope.region}:{scope.account}:log-group:{LOG_GROUP}:log-stream:{stream}"
        if _role_decision(_role_context(scope, role_arn, "logs:PutLogEvents", arn)).decision != "Allow":
            return
        names = {"logGroupName": LOG_GROUP, "logStreamName": stream}
        event = {"timestamp": round(time.time() * 1000), "message": message}
        with responses.request_scope(scope.account, scope.region):
            # The first two only say that it exists if it does.
            cloudwatch_logs._create_log_group(names)  # noqa: SLF001
            cloudwatch_logs._create_log_stream(names)  # noqa: SLF001
            cloudwatch_logs._put_log_events({**names, "logEvents": [event]})  # noqa: SLF001

    def s3(self, scope: Scope, role_arn: str) -> "S3Client":
        """Give an S3 client with a role's permissions. It blocks: never call it on the event loop."""
        with self._s3_lock:
            if (scope, role_arn) not in self._s3_clients:
                self._s3_clients[scope, role_arn] = _s3_client(self._endpoint, scope, role_arn)
            return self._s3_clients[scope, role_arn]


def add_sagemaker(port: int, delivery: QueueMessage, lifecycle: str) -> None:
    """Make ministack answer SageMaker requests."""
    cloud: Cloud = Emulator(port)
    sagemaker = SageMaker(cloud, default_delivery=delivery, default_lifecycle=lifecycle)
    ministack.SERVICE_HANDLERS["sagemaker"] = sagemaker.handle
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


def tell_leading_keys() -> None:
    """Tell IAM the partition keys that a DynamoDB request names, as AWS does, so that policies may be about them.

    ministack's evaluator knows the condition, but nobody tells it `dynamodb:LeadingKeys`. What stays different from
    AWS: a query's and a scan's keys, which stand in expressions, are not told; and the items of a transaction are each
    judged by the keys of all, which could deny what AWS allows, and never allow what AWS denies.
    """
    context_of = iam_actions.dynamodb_service_context

    def with_leading_keys(body: bytes) -> Any:  # noqa: ANN401 - ministack's own
        keys = leading_keys(body, _partition_key)
        return {**context_of(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}

    # ministack imports this function, too, anew for each request.
    iam_actions.dynamodb_service_context = with_leading_keys


def _partition_key(table: str) -> str | None:
    kept = dynamodb._tables.get(table)  # noqa: SLF001 - the request's account and region are set by now
    return str(kept["pk_name"]) if kept else None


def add_regions() -> None:
    """Make rules send events to buses in other regions, and buses obey their policies, as on AWS.

    ministack does neither: it drops such an event, and it stores a bus's policy without reading it (and, from a
    template, without storing it). This is the one place that bridges that. What stays different from AWS: the account's
    root user may do anything, and a direct PutEvents is judged by who calls, not by the events' source and
    detail-type, which ministack does not show to its evaluator.
    """
    invoke = eventbridge._invoke_target  # noqa: SLF001 - what every matching rule does with each of its targets

    def invoke_target(
        target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: object = None
    ) -> None:
        bus = _bus_elsewhere(target["Arn"])
        if bus is None:
            invoke(target, event, rule, view)
        else:
            _forward(target, event, bus, rule["Arn"])

    eventbridge._invoke_target = invoke_target  # noqa: SLF001
    eventbridge.bus_policy_for_arn = _bus_policy
    iam_evaluator._RESOURCE_POLICY_LOOKUPS["events"] = ("eventbridge", "bus_policy_for_arn")  # noqa: SLF001
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Events::EventBus"]  # noqa: SLF001
    create, update, delete = (handlers[step] for step in ("create", "update", "delete"))

    def create_bus(logical_id: str, properties: Mapping[str, Any], stack: str) -> Any:  # noqa: ANN401 - ministack's
        return _with_policy(create(logical_id, properties, stack), properties)

    def update_bus(name: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str) -> Any:  # noqa: ANN401
        return _with_policy(update(name, old, new, stack), new)

    def delete_bus(name: str, properties: Mapping[str, Any]) -> None:
        delete(name, properties)
        eventbridge._event_bus_policies.pop(name, None)  # noqa: SLF001

    handlers |= {"create": create_bus, "update": update_bus, "delete": delete_bus}


def _bus_elsewhere(arn: str) -> Any:  # noqa: ANN401 - ministack's parsed ARN
    """Read a target's ARN; None unless it is a bus of this account in another region."""
    target = arns.parse_arn(arn)
    is_bus = target.service == "events" and target.resource.startswith("event-bus/")
    is_ours = target.account_id == responses.get_account_id()
    return target if is_bus and is_ours and target.region != responses.get_region() else None


def _forward(target: Mapping[str, Any], event: Mapping[str, Any], bus: Any, rule: str) -> None:  # noqa: ANN401
    """Put the event on the bus as the target's role; it keeps its source, account and region, its id and time as well.

    `bus` is a parsed ARN, `rule` the ARN of the rule that sends the event.

    What AWS would try again for a day goes to the target's dead-letter queue at once.
    """
    failure = _cannot_forward(target, event, bus, rule)
    if failure is None:
        name = bus.resource.removeprefix("event-bus/")
        forwarded = {member: value for member, value in event.items() if member != "_DispatchPath"}
        with responses.request_scope(bus.account_id, bus.region):
            eventbridge._dispatch_event({**forwarded, "EventBusName": name})  # noqa: SLF001
        return
    logger.warning("not forwarded to %s: %s", target["Arn"], failure)
    if queue := target.get("DeadLetterConfig", {}).get("Arn"):
        payload = json.dumps(eventbridge._pattern_event_view(event).event_with_detail())  # noqa: SLF001
        eventbridge._dispatch_to_sqs(arns.parse_arn(queue), payload)  # noqa: SLF001


def _cannot_forward(target: Mapping[str, Any], event: Mapping[str, Any], bus: Any, rule: str) -> str | None:  # noqa: ANN401
    """Say why the event may not be put on the bus; None if it may.

    EventBridge documents that a delivery carries its rule as aws:SourceArn, and does not say whether it carries the
    target's role as aws:PrincipalArn (User Guide, "Using IAM policy conditions"). So the bus's policy is asked twice,
    with one key alone each time, and must allow both. In the same way EventBridge documents no condition for the trust
    of a target's role, so a trust with conditions counts as none.
    """
    arn, role, account = target["Arn"], target.get("RoleArn", ""), bus.account_id
    if not _trusts(account, role, "events.amazonaws.com", conditions=False):
        return f"EventBridge cannot assume {role!r}"
    with responses.request_scope(account, bus.region):
        if bus.resource.removeprefix("event-bus/") not in eventbridge._event_buses:  # noqa: SLF001
            return "there is no such bus"
        policy = _bus_policy(arn)
    context = _role_context(
        Scope(account=account, region=bus.region),
        role,
        "events:PutEvents",
        arn,
        keys={
            "events:source": [event["Source"]],
            "events:detail-type": [event["DetailType"]],
            "events:eventbusinvocation": "true",
        },
    )
    decision = _role_decision(context)
    if decision.decision != "Allow":
        return f"{role} may not put events there: {decision.decision}"
    of_rule = replace(context, principal_arn="", service_context={**context.service_context, "aws:sourcearn": rule})
    if policy:
        for carried, delivery in ((role, context), (rule, of_rule)):
            combined = iam_evaluator.combine_resource_policy(decision, delivery, *policy)
            if combined.decision != "Allow":
                return f"the bus refuses what {carried} sends: {combined.decision}"
    return None


def _role_context(
    scope: Scope, role_arn: str, action: str, resource: str, *, keys: Mapping[str, Any] | None = None
) -> Any:  # noqa: ANN401 - ministack's own
    """A call by a service that works with a role; `keys` are the condition keys of the action's own."""
    return iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=scope.account,
        action=action,
        resource_arn=resource,
        region=scope.region,
        service_context=dict(keys or {}),
    )


def _role_decision(context: Any) -> Any:  # noqa: ANN401 - ministack's own
    """What the policies of the role itself decide."""
    policies = iam_evaluator._gather_role_policies(  # noqa: SLF001
        context.principal_arn.rpartition("/")[2], context.principal_account
    )
    return iam_evaluator.evaluate(context, policies)


def _bus_policy(arn: str) -> tuple[Any, str] | None:
    """Give a bus's policy and owner, as ministack's evaluator asks for them; None without a policy."""
    bus = arns.parse_arn(arn)
    if not bus.resource.startswith("event-bus/"):
        return None
    with responses.request_scope(bus.account_id, bus.region):
        policy = eventbridge._event_bus_policies.get(bus.resource.removeprefix("event-bus/"))  # noqa: SLF001
    return (policy, bus.account_id) if policy else None


def _with_policy(provisioned: Any, properties: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a name and its attributes
    """Keep the policy that a template gives a bus."""
    name, _ = provisioned
    if "Policy" in properties:
        eventbridge._event_bus_policies[name] = properties["Policy"]  # noqa: SLF001
    else:
        eventbridge._event_bus_policies.pop(name, None)  # noqa: SLF001
    return provisioned


def repeat_failed_stream_batches() -> None:
    """Have ministack deliver a stream's batch again when the function reports that an item of it failed.

    ministack heeds `ReportBatchItemFailures` of queues and goes on after a stream's batch whatever the answer says, so
    that what failed would be lost. AWS repeats from the first failed item; this repeats the whole batch, which asks
    more of the function.
    """
    execute = lambda_svc._execute_function  # noqa: SLF001 - both pollers call it by this name

    def executed(function: Any, event: Any, *rest: Any, **options: Any) -> Any:  # noqa: ANN401 - ministack's own types
        result = execute(function, event, *rest, **options)
        records = event.get("Records") if isinstance(event, dict) else None
        body = result.get("body")
        if (
            records
            and records[0].get("eventSource") == "aws:dynamodb"
            and isinstance(body, dict)
            and body.get("batchItemFailures")
        ):
            return {**result, "error": True}
        return result

    lambda_svc._execute_function = executed  # noqa: SLF001


def hand_out_from_the_front() -> None:
    """Have a function's poller look at no more messages of a queue than it hands out.

    ministack walks the whole queue several times for each batch and rebuilds it for each deletion, so that a backlog
    drains in a time that grows with its square, which no backlog on AWS does.
    """
    receive = sqs._receive_messages_for_esm  # noqa: SLF001 - the poller's own

    def received(url: str, most: int) -> Any:  # noqa: ANN401 - ministack's own messages
        with sqs._queues_lock:  # noqa: SLF001 - as ministack holds it
            queue = sqs._get_q(url)  # noqa: SLF001
            batch = [] if queue["is_fifo"] else _front(queue["messages"], min(most, 10))
            if not batch and not queue["is_fifo"]:
                batch = _longest_visible(queue, min(most, 10))
            if batch:
                visibility = int(queue["attributes"].get("VisibilityTimeout", "30"))
                return sqs._collect_msgs({"is_fifo": False, "messages": batch}, len(batch), visibility)  # noqa: SLF001
        return receive(url, most)

    def deleted(url: str, handles: set[str]) -> None:
        with sqs._queues_lock:  # noqa: SLF001
            messages = sqs._get_q(url)["messages"]  # noqa: SLF001
            found = (place for place, each in enumerate(messages) if each.get("receipt_handle") in handles)
            # In place and from the back: a sender may append meanwhile.
            for place in reversed(list(islice(found, len(handles)))):
                del messages[place]

    sqs._receive_messages_for_esm, sqs._delete_messages_for_esm = received, deleted  # noqa: SLF001


def _front(messages: Iterable[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """As many messages as are wanted, if that many wait and none was handed out before; otherwise none.

    What was handed out before may be due for the dead-letter queue: `_longest_visible` asks.
    """
    now = time.time()
    visible = (each for each in messages if each.get("visible_at", 0) <= now)
    front = list(islice(visible, most))
    return [] if len(front) < most or any(each.get("receive_count") for each in front) else front


def _longest_visible(queue: MutableMapping[str, Any], most: int) -> list[Mapping[str, Any]]:
    """The messages that have been visible for longest: what has come back stands behind what waits.

    ministack hands out by the time of sending. Messages that come back then always go first, and if the function dies
    of them, all others starve. A standard queue of AWS promises no order, and does not do that.
    """
    sqs._expire_retained(queue)  # noqa: SLF001
    sqs._dlq_sweep(queue)  # noqa: SLF001
    now = time.time()
    visible = (each for each in queue["messages"] if each.get("visible_at", 0) <= now)
    return heapq.nsmallest(most, visible, key=lambda each: each.get("visible_at", 0))


def read_streams_side_by_side() -> None:
    """Have each reader of a stream work on its own, and repeat a failed batch in parts if it is told to, as AWS does.

    ministack calls functions for streams on the thread that hands out the messages of all queues: while an alert is
    slow, no queue moves. And it repeats a failed batch as a whole. AWS has a poller for each mapping, and splits a
    failed batch in two before it tries again (Lambda's API_CreateEventSourceMapping, BisectBatchOnFunctionError).
    """
    readers = _StreamReaders()
    lambda_svc._iter_all_esms = readers.mappings  # noqa: SLF001 - by these names the polling thread calls them
    lambda_svc._poll_dynamodb_streams = readers.start  # noqa: SLF001


class _StreamReaders:
    """A thread for each mapping of a stream, which sees no other one."""

    def __init__(self) -> None:
        self._poll = lambda_svc._poll_dynamodb_streams  # noqa: SLF001
        self._all_mappings = lambda_svc._iter_all_esms  # noqa: SLF001
        self._thread = threading.local()
        self._reading: set[tuple[str, str, str]] = set()

    def mappings(self) -> Iterable[tuple[str, str, Any]]:
        """What ministack's pollers go through: all mappings, or in a reader's thread its own."""
        mine = getattr(self._thread, "mapping", None)
        return self._all_mappings() if mine is None else [mine]

    def start(self) -> bool:
        """Start a thread for each mapping that has none; nothing is read here."""
        for account, region, mapping in self._all_mappings():
            key = account, region, mapping["UUID"]
            if ":dynamodb:" in mapping["EventSourceArn"] and key not in self._reading:
                self._reading.add(key)
                threading.Thread(target=self._read, args=key, daemon=True).start()
        return False

    def _read(self, *key: str) -> None:
        account, region, _ = key
        size = None
        while mapping := lambda_svc._esms._data.get(key):  # noqa: SLF001
            most = mapping["BatchSize"]
            view = {**mapping, "BatchSize": min(size or most, most), "LastProcessingResult": ""}
            self._thread.mapping = account, region, view
            try:
                found_more = self._poll()
            except Exception:
                # As in ministack's own loop: the next pass may do better.
                logger.exception("the reader of %s", mapping["EventSourceArn"])
                found_more = False
            if result := view["LastProcessingResult"]:
                mapping["LastProcessingResult"] = result
                split = result == "FAILED" and mapping.get("BisectBatchOnFunctionError")
                size = max(1, view["BatchSize"] // 2) if split else 2 * view["BatchSize"]
            if not found_more:
                time.sleep(_STREAM_PAUSE)
        self._reading.discard((account, region, key[2]))


_STREAM_PAUSE = 0.1
"""Seconds between two looks at a stream in which nothing is new."""


def encrypt_with_the_accounts_key() -> None:
    """Have S3 encrypt with the account's own key when a writer asks for KMS without naming one, as AWS does.

    API_PutObject: for `aws:kms` without `x-amz-server-side-encryption-aws-kms-key-id`, Amazon S3 uses the AWS managed
    key (aws/s3). The SageMaker SDKs upload sources in this way; ministack has no such key and refuses.
    """
    resolve = s3._resolve_sse_write_headers  # noqa: SLF001 - puts, copies and multipart uploads call it by this name

    def resolved(headers: Mapping[str, str], bucket: str) -> Any:  # noqa: ANN401 - ministack's own
        asks = headers.get("x-amz-server-side-encryption") == "aws:kms"
        if asks and not headers.get("x-amz-server-side-encryption-aws-kms-key-id"):
            headers = {**headers, "x-amz-server-side-encryption-aws-kms-key-id": _accounts_s3_key()}
        return resolve(headers, bucket)

    s3._resolve_sse_write_headers = resolved  # noqa: SLF001


def filter_logs_by_prefix() -> None:
    """Have FilterLogEvents respect `logStreamNamePrefix`, which ministack does not read.

    `aws logs filter-log-events --log-stream-name-prefix JOB/` is how the AWS CLI shows the logs of one job.
    """
    filter_all = cloudwatch_logs._filter_log_events  # noqa: SLF001 - the request handler calls it by this name

    def filtered(request: Mapping[str, Any]) -> Any:  # noqa: ANN401 - ministack's own
        group = cloudwatch_logs._log_groups.get(cloudwatch_logs._resolve_log_group_name(request))  # noqa: SLF001
        if group and (prefix := request.get("logStreamNamePrefix")):
            names = [name for name in group["streams"] if name.startswith(prefix)]
            # An empty list would mean all of them; no stream has an empty name.
            request = {**request, "logStreamNames": names or [""]}
        return filter_all(request)

    cloudwatch_logs._filter_log_events = filtered  # noqa: SLF001


def _accounts_s3_key() -> str:
    account, region = responses.get_account_id(), responses.get_region()
    return f"arn:aws:kms:{region}:{account}:key/{uuid5(NAMESPACE_URL, f'alias/aws/s3 {account} {region}')}"


async def serve(
    stop: asyncio.Event, *, bind: str, ready: Callable[[Path, Path], None], recording: Path | None = None
) -> None:
    """Serve the account over TLS until `stop`; `ready` is called once, with the certificate to trust and its key.

    With a `recording`, the requests of clients are kept in that file (see `local.recording`).
    """
    config = Config()
    certificate, key = tls.resolve_tls_material()
    config.bind = [bind]
    config.certfile, config.keyfile = certificate, key
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    app = _showing_what_waits(
        _killing(_counting(_announcing(ministack.app, lambda: ready(Path(certificate), Path(key)))))
    )
    if recording:
        app = Recording(app, recording)
    serving = asyncio.create_task(hypercorn.serve(app, config, shutdown_trigger=asyncio.Event().wait))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    # Warm functions are processes of their own; ministack leaves them behind when it ends.
    await asyncio.to_thread(lambda_runtime.reset)
    if serving.done():
        serving.result()


def _counting(app: _ASGI) -> Any:  # noqa: ANN401 - hypercorn's own application type
    counts = CallCounts()

    async def counting(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        if scope["type"] != "http":
            await app(scope, receive, send)
        elif scope["path"] == PATH:
            body = json.dumps(counts.to_document()).encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})
        else:
            operation = counts.begin(dict(scope["headers"]))
            try:
                await app(scope, receive, send)
            finally:
                counts.end(operation)

    return counting


def _announcing(app: _ASGI, started: Callable[[], None]) -> Any:  # noqa: ANN401 - hypercorn's own application type
    async def announcing(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        async def watched(message: Mapping[str, Any]) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                started()

        await app(scope, receive, watched if scope["type"] == "lifespan" else send)

    return announcing


def _killing(app: _ASGI) -> Any:  # noqa: ANN401 - hypercorn's own application type
    async def killing(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        if scope["type"] != "http" or not scope["path"].startswith(f"{KILL_PATH}/"):
            await app(scope, receive, send)
            return
        died = _kill_function(scope["path"].removeprefix(f"{KILL_PATH}/"))
        await send({"type": "http.response.start", "status": 200 if died else 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return killing


def _showing_what_waits(app: _ASGI) -> Any:  # noqa: ANN401 - hypercorn's own application type
    async def showing(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401
        if scope["type"] != "http" or scope["path"] != WAITING_PATH:
            await app(scope, receive, send)
            return
        body = json.dumps({"messages": _messages(), "readers": _stream_readers()}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return showing


def _messages() -> list[dict[str, Any]]:
    """Every message in the queues that functions read, hidden ones as well, which no API of SQS shows.

    `visible_at` is in seconds since the epoch.
    """
    read = {mapping["EventSourceArn"] for mapping in list(lambda_svc._esms._data.values())}  # noqa: SLF001
    with sqs._queues_lock:  # noqa: SLF001
        queues = list(sqs._queues._data.items())  # noqa: SLF001 - of all accounts and regions
        return [
            {
                "queue": queue["name"],
                "id": each["id"],
                "body": each["body"],
                "received": each.get("receive_count", 0),
                "visible_at": each.get("visible_at", 0.0),
            }
            for _, queue in queues
            if queue["attributes"].get("QueueArn") in read
            for each in list(queue["messages"])
        ]


def _stream_readers() -> list[dict[str, Any]]:
    """How far each reader of a table's stream is behind, in records, and how its last batch ended."""
    found = []
    for (account, region, identifier), mapping in list(lambda_svc._esms._data.items()):  # noqa: SLF001
        table, stream, _ = mapping["EventSourceArn"].partition("/stream/")
        if not stream:
            continue
        with responses.request_scope(account, region):
            end = dynamodb.stream_end_position(table.rpartition("/")[2])
            position = lambda_svc._dynamodb_stream_positions.get(identifier, end)  # noqa: SLF001
        result = mapping.get("LastProcessingResult", "")
        found.append({"function": mapping["FunctionName"], "behind": end - position, "result": result})
    return found


def _kill_function(key: str) -> bool:
    """End one process that works with this access key as a crash would; `False` if none is at work."""
    # A function has no process id in AWS's API, so this looks into ministack's pool of them.
    with lambda_runtime._lock:  # noqa: SLF001
        pools = list(lambda_runtime._workers.values())  # noqa: SLF001
    for worker in (worker for pool in pools for worker in list(pool)):
        process = worker._proc  # noqa: SLF001
        if (
            worker.in_use
            and process is not None
            and lambda_runtime.execution_credentials(worker.config)["AWS_ACCESS_KEY_ID"] == key
        ):
            process.kill()
            return True
    return False


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


def _trusts(account: str, role_arn: str, service: str, *, conditions: bool = True) -> bool:
    """Tell whether a role exists and lets a service assume it.

    Conditions are not evaluated; `conditions` says whether a statement that has some counts.
    """
    # IAM has no call that evaluates a trust policy, so this reads the role from ministack's store.
    role = iam._roles.get_scoped(account, None, role_arn.rpartition("/")[2])  # noqa: SLF001
    if role is None or role["Arn"] != role_arn:
        return False
    policy = role["AssumeRolePolicyDocument"]
    statements = (json.loads(policy) if isinstance(policy, str) else policy)["Statement"]
    return any(
        statement["Effect"] == "Allow"
        and "sts:AssumeRole" in _as_list(statement.get("Action"))
        and _names_service(statement.get("Principal"), service)
        and (conditions or not statement.get("Condition"))
        for statement in _as_list(statements)
    )


def _names_service(principal: object, service: str) -> bool:
    if not isinstance(principal, dict):
        return principal == "*"
    return service in _as_list(principal.get("Service"))


def _as_list(value: Any) -> list[Any]:  # noqa: ANN401 - a value of a policy document
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
