"""`respot dlq`: what is listed is kept, what is sent back arrives before it is deleted, and nothing else is."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from rich.console import Console

from respot.alerting.digest.timer import write_timer
from respot.alerting.document import to_document
from respot.aws.dynamodb.keys import partition_of
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.sqs.dead_letters import SqsDeadLetters, write_dead_letter
from respot.jobs.job import JobRecord
from respot.jobs.merge import reconcile
from respot.jobs.message import read_message, write_message
from respot.recording.observation import SweepObservation, write_recheck
from respot_cli import dead_letters, deployment, dlq
from respot_cli.dead_letters import EDGES, DeadLetter, Edge, Listing, Queue, RedriveError, Redriven, listing, redrive
from respot_cli.deployment import Deployment
from respot_cli.errors import CommandError, ExitCode
from respot_cli.main import parser
from tests.support.builders import CREATED, REGION, alert_on, event, job_id, message, snapshot, window_of
from tests.support.moto_aws import TABLE
from tests.support.refused import cut_off, refuse

BY_NAME = {edge.name: edge for edge in EDGES}
OBSERVATIONS, RECOVERY = BY_NAME["observations"], BY_NAME["recovery"]
ENDED_JOBS, ALERTS, WEEKLY = BY_NAME["ended-jobs"], BY_NAME["alerts"], BY_NAME["weekly"]


def failed_batch(stream: str, shard: str, first: str, last: str) -> str:
    """What Lambda says of a part of the stream that it dropped."""
    part = {
        "shardId": shard,
        "startSequenceNumber": first,
        "endSequenceNumber": last,
        "approximateArrivalOfFirstRecord": "2026-11-23T09:00:00Z",
        "approximateArrivalOfLastRecord": "2026-11-23T09:00:00Z",
        "batchSize": 2,
        "streamArn": stream,
    }
    context = {"condition": "RetriesExhausted", "approximateInvokeCount": 5000}
    return json.dumps({"requestContext": context, "version": "1.0", "DDBStreamBatchInfo": part})


ENDED = write_message(job_id())
STREAM_PART = failed_batch("arn", "shard", "17", "18")


@pytest.fixture
def found() -> Deployment:
    """A deployment of nothing but its queues and log groups."""
    session = boto3.session.Session(region_name=REGION)
    sqs, logs = session.client("sqs"), session.client("logs")
    outputs = {}
    for output in {output for queue in EDGES for output in (queue.output, queue.back)}:
        outputs[output] = sqs.create_queue(QueueName=output)["QueueUrl"]
    for output in {queue.log for queue in EDGES}:
        outputs[output] = f"/respot/{output}"
        logs.create_log_group(logGroupName=outputs[output])
    return Deployment(session=session, outputs=outputs)


def put(found: Deployment, queue: Edge, body: str, **attributes: str) -> str:
    sent = found.session.client("sqs").send_message(
        QueueUrl=found.outputs[queue.output],
        MessageBody=body,
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )
    return sent["MessageId"]


def log(found: Deployment, queue: Edge, *lines: str) -> None:
    logs, group = found.session.client("logs"), found.outputs[queue.log]
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(datetime.now(UTC).timestamp() * 1000)
    logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": now + number, "message": line} for number, line in enumerate(lines)],
    )


def bodies(found: Deployment, output: str) -> list[str]:
    """What is in a queue now, taken out of it."""
    sqs, url, taken = found.session.client("sqs"), found.outputs[output], list[str]()
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        taken += [each["Body"] for each in batch]
    return sorted(taken)


def only(found: Deployment, queue: Edge) -> DeadLetter:
    (letter,) = listed(found, queue).letters
    return letter


def there(found: Deployment, edge: Edge) -> Queue:
    return dead_letters.find(found, edge.name)


def listed(found: Deployment, edge: Edge, *, limit: int = 50) -> Listing:
    return listing(found, there(found, edge), limit=limit)


def sent_back(found: Deployment, queue: Edge, *, discard_trimmed: bool = False) -> Redriven:
    return redrive(found, there(found, queue), discard_trimmed=discard_trimmed, on_progress=lambda _: None)


# --- the list


def test_listing_takes_nothing_out_and_counts_what_it_does_not_show(found: Deployment) -> None:
    sent = [put(found, RECOVERY, write_message(job_id(f"job-{number}"))) for number in range(12)]
    for _ in range(2):
        seen = listed(found, RECOVERY)
        assert (sorted(letter.id for letter in seen.letters), seen.count) == (sorted(sent), 12)
    few = listed(found, RECOVERY, limit=2)
    assert (few.count, len(few.letters)) == (12, 2)
    assert "recovery: 12 messages, 2 of them shown." in shown(few)
    assert len(bodies(found, RECOVERY.output)) == 12


@pytest.mark.parametrize(
    ("queue", "body", "what"),
    [
        ("observations", message(event(job=job_id("lost"))).body, "event about us-east-1/lost"),
        (
            "observations",
            write_recheck(SweepObservation(region=REGION, name="swept", watched_since=CREATED, event_due_by=CREATED)),
            "sweep about us-east-1/swept",
        ),
        ("observations", "no JSON", "no JSON"),
        ("recovery", write_message(job_id("ended")), "us-east-1/ended (created 2026-09-16 09:00:00Z)"),
        ("due-alerts", write_message(job_id("late")), "us-east-1/late (created 2026-09-16 09:00:00Z)"),
        (
            "due-alerts",
            write_timer(window_of()),
            "the digest digest/us-east-1/ml.g5.2xlarge/interrupted/2026-09-16T10:02:00.000Z",
        ),
        ("slack", json.dumps(to_document(alert_on())), "spot-job was interrupted (1st time)"),
        ("slack", "x" * 10_000, "x" * 399 + "…"),
        ("ended-jobs", "no JSON", "no JSON"),
        ("ended-jobs", STREAM_PART, "2 items of the stream, first at 2026-11-23T09:00:00Z"),
    ],
)
def test_a_dead_letter_is_shown_with_its_subject(found: Deployment, queue: str, body: str, what: str) -> None:
    put(found, BY_NAME[queue], body)
    assert only(found, BY_NAME[queue]).what == what


@pytest.mark.parametrize(
    ("queue", "body", "attributes", "reason"),
    [
        pytest.param(RECOVERY, ENDED, {}, "instance quota", id="the last one in the function's log"),
        pytest.param(
            *(OBSERVATIONS, message(event()).body),
            {"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "not allowed to send"},
            "NO_PERMISSIONS: not allowed to send",
            id="EventBridge stopped retrying",
        ),
        pytest.param(OBSERVATIONS, "no JSON", {}, "not JSON: ", id="it cannot be read"),
        pytest.param(ALERTS, STREAM_PART, {}, "RetriesExhausted", id="the condition of a stream failure"),
        pytest.param(ENDED_JOBS, STREAM_PART, {}, "SQS did not take it", id="the log has more on a stream failure"),
        pytest.param(
            *(BY_NAME["due-alerts"], ENDED, {}),
            "unknown: /respot/AlertLogGroupName has nothing of it",
            id="nobody knows",
        ),
    ],
)
def test_a_dead_letter_is_shown_with_the_best_reason_that_is_known(
    found: Deployment, queue: Edge, body: str, attributes: dict[str, str], reason: str
) -> None:
    identifier = put(found, queue, body, **attributes)
    lines = (
        {"message": "recovery_failed", "message_id": identifier, "reason": "first"},
        {"message": "recovery_deferred", "message_id": identifier, "reason": "instance quota"},
        {"message": "recovery_failed", "message_id": "another", "reason": "not this one's"},
    )
    log(found, RECOVERY, *map(json.dumps, lines), f"START RequestId {identifier}")
    log(found, ENDED_JOBS, json.dumps({"message_id": "17", "reason": "SQS did not take it"}))
    seen = only(found, queue).reason
    assert seen == reason or (reason.endswith(" ") and seen.startswith(reason))


def shown(*listings: Listing) -> str:
    console = Console(width=160, record=True, file=None, highlight=False)
    with console.capture() as captured:
        console.print(dlq.render(list(listings), now=datetime.now(UTC) + timedelta(hours=3)))
    return captured.get()


def test_people_see_age_matter_and_reason_without_markup_and_scripts_get_json(found: Deployment) -> None:
    identifier = put(found, OBSERVATIONS, "[red]no JSON\x1b[31m[/red]")
    said = shown(listed(found, OBSERVATIONS), listed(found, RECOVERY))
    assert "3 h 00 min  [red]no JSON [31m[/red]" in said
    assert "Empty: recovery." in said
    (queue,) = dlq.to_document([listed(found, OBSERVATIONS)], {})["queues"]
    assert (queue["queue"], queue["count"], queue["messages"][0]["id"]) == ("observations", 1, identifier)


# --- the way back


QUEUED = [queue for queue in EDGES if not queue.of_stream and not queue.of_calls]


@pytest.mark.parametrize("queue", QUEUED, ids=lambda queue: queue.name)
def test_messages_go_back_to_where_they_came_from(found: Deployment, queue: Edge) -> None:
    for number in range(12):
        put(found, queue, f"message {number:02}")
    assert sent_back(found, queue) == Redriven(sent=12)
    assert bodies(found, queue.back) == [f"message {number:02}" for number in range(12)]
    assert bodies(found, queue.output) == []


FAILED_CALL = {
    # The example of https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html.
    "version": "1.0",
    "timestamp": "2019-11-14T18:16:05.568Z",
    "requestContext": {
        "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
        "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:my-function:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    },
    "requestPayload": {"ORDER_IDS": ["9e07af03-ce31-4ff3-xmpl-36dce652cb4f"]},
    "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
    "responsePayload": {"errorMessage": "RequestId: e4b46cbf-b738-xmpl-8880-a18cdf61200e Process exited before done"},
}


def test_a_call_that_failed_is_shown_with_its_error_and_made_again(found: Deployment) -> None:
    calls: list[dict[str, Any]] = []

    def invoke(params: dict[str, Any], **_: object) -> tuple[Any, dict[str, Any]]:
        calls.append({"path": params["url_path"], "type": params["headers"]["X-Amz-Invocation-Type"]})
        return AWSResponse("", 202, HTTPHeaders(), None), {"StatusCode": 202}

    found.session.events.register("before-call.lambda.Invoke", invoke)  # type: ignore[arg-type]
    found.outputs[WEEKLY.back] = "Respot-WeeklyFunction"
    put(found, WEEKLY, json.dumps(FAILED_CALL))
    letter = only(found, WEEKLY)
    assert letter.what == "a call of weekly, which reports the week before"
    assert letter.reason == "RequestId: e4b46cbf-b738-xmpl-8880-a18cdf61200e Process exited before done"
    put(found, WEEKLY, "{}", ERROR_CODE="AWSLambda.TooManyRequestsException", ERROR_MESSAGE="throttled")
    assert sent_back(found, WEEKLY) == Redriven(sent=2)
    assert calls == [{"path": "/2015-03-31/functions/Respot-WeeklyFunction/invocations", "type": "Event"}] * 2
    assert bodies(found, WEEKLY.output) == []


def test_a_message_that_comes_straight_back_is_not_sent_in_a_circle(found: Deployment) -> None:
    circle = Deployment(session=found.session, outputs=found.outputs | {RECOVERY.back: found.outputs[RECOVERY.output]})
    for number in range(3):
        put(found, RECOVERY, f"message {number}")
    assert sent_back(circle, RECOVERY).sent == 3
    assert len(bodies(found, RECOVERY.output)) == 3


def test_what_cannot_be_sent_is_kept_and_stops_the_rest(found: Deployment) -> None:
    broken = Deployment(session=found.session, outputs=found.outputs | {RECOVERY.back: "https://nowhere/queue"})
    for number in range(3):
        put(found, RECOVERY, f"message {number}")
    with pytest.raises(RedriveError, match="of recovery was not sent back") as stopped:
        sent_back(broken, RECOVERY)
    assert stopped.value.before == Redriven()
    assert len(bodies(found, RECOVERY.output)) == 3


def test_a_message_is_sent_before_it_is_deleted(found: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    put(found, RECOVERY, "message")
    client, calls = found.session.client("sqs"), list[str]()
    client.meta.events.register("before-call.sqs", lambda model, **_: calls.append(model.name))
    monkeypatch.setattr(found.session, "client", lambda *_, **__: client)
    sent_back(found, RECOVERY)
    assert [call for call in calls if call in {"SendMessage", "DeleteMessage"}] == ["SendMessage", "DeleteMessage"]


# --- what the stream's readers dropped


@pytest.fixture
def streamed(dynamodb_ledger: DynamoDbLedger, dynamodb: Any) -> Callable[..., str]:  # noqa: ANN401
    """Write two jobs to a ledger with a stream; gives what Lambda would say of a part of that."""
    dynamodb.update_table(TableName=TABLE, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    for name in ("one", "two", "three"):
        dynamodb_ledger.save(reconcile(JobRecord(), snapshot("Failed=5", job=job_id(name))))
    streams = boto3.client("dynamodbstreams", region_name=REGION)
    arn = streams.list_streams(TableName=TABLE)["Streams"][0]["StreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    numbers = [
        record["dynamodb"]["SequenceNumber"] for record in streams.get_records(ShardIterator=iterator)["Records"]
    ]
    # Each job is a state and a transition: the second one's are the third and the fourth.
    return lambda first=2, last=3: failed_batch(arn, shard["ShardId"], numbers[first], numbers[last])


@pytest.mark.parametrize("queue", [ALERTS, ENDED_JOBS], ids=lambda queue: queue.name)
def test_of_the_stream_the_jobs_are_sent_on(found: Deployment, streamed: Callable[..., str], queue: Edge) -> None:
    put(found, queue, streamed())
    assert sent_back(found, queue) == Redriven(sent=1)
    assert [read_message(body) for body in bodies(found, queue.back)] == [job_id("two")]
    assert bodies(found, queue.output) == []


def test_jobs_in_a_part_are_sent_once_each_and_no_more_of_them(found: Deployment, streamed: Callable[..., str]) -> None:
    put(found, ENDED_JOBS, streamed(0, 3))
    sent_back(found, ENDED_JOBS)
    assert [read_message(body).name for body in bodies(found, ENDED_JOBS.back)] == ["one", "two"]


class Trimmed:
    """A stream that has let go of what is older than a day."""

    def get_shard_iterator(self, **_: str) -> None:
        raise boto3.client("dynamodbstreams", region_name=REGION).exceptions.TrimmedDataAccessException(
            {"Error": {"Code": "TrimmedDataAccessException", "Message": "gone"}}, "GetShardIterator"
        )


@pytest.fixture
def trimmed(found: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    real = found.session.client

    def client(service: str, **others: Any) -> Any:  # noqa: ANN401
        return Trimmed() if service == "dynamodbstreams" else real(service, **others)  # type: ignore[call-overload]

    monkeypatch.setattr(found.session, "client", client)
    return found


@pytest.mark.parametrize(
    ("discard_trimmed", "done"), [(False, Redriven(trimmed=1)), (True, Redriven(discarded=1))], ids=["left", "deleted"]
)
def test_what_the_stream_has_no_more_is_left_unless_its_deletion_is_asked_for(
    trimmed: Deployment, done: Redriven, *, discard_trimmed: bool
) -> None:
    put(trimmed, ENDED_JOBS, STREAM_PART)
    assert sent_back(trimmed, ENDED_JOBS, discard_trimmed=discard_trimmed) == done
    assert len(bodies(trimmed, ENDED_JOBS.output)) == done.trimmed
    assert bodies(trimmed, ENDED_JOBS.back) == []


def test_a_part_that_nobody_can_read_is_left(found: Deployment) -> None:
    put(found, ENDED_JOBS, "no JSON")
    put(found, ENDED_JOBS, write_dead_letter(partition_of(job_id()), "state"))
    done = sent_back(found, ENDED_JOBS, discard_trimmed=True)
    assert (done.sent, len(done.unread)) == (1, 1)  # the others are sent back all the same
    assert bodies(found, ENDED_JOBS.output) == ["no JSON"]
    assert bodies(found, ENDED_JOBS.back) == [write_message(job_id())]


def test_an_item_that_its_reader_gave_up_is_listed_with_its_reason(found: Deployment) -> None:
    SqsDeadLetters(found.session.client("sqs"), found.outputs[ENDED_JOBS.output]).send(
        partition_of(job_id()), "decision", "UnreadableItemError: 'stalled' is not a word"
    )
    letter = only(found, ENDED_JOBS)
    assert letter.what == f"the item {partition_of(job_id())} decision"
    assert letter.reason == "UnreadableItemError: 'stalled' is not a word"


# --- the command


Command = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def command(found: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`respot dlq`: its exit code, what it prints for scripts, and what it says to people."""
    monkeypatch.setattr(deployment, "find", lambda _: found)

    def run(*words: str) -> tuple[int, dict[str, Any], str]:
        chosen = parser().parse_args(["dlq", *words, "--format", "json"])
        code, printed = int(chosen.run(chosen)), capsys.readouterr()
        return code, json.loads(printed.out), printed.err

    return run


def counts(document: dict[str, Any]) -> dict[str, int]:
    return {queue["queue"]: queue["count"] for queue in document["queues"]}


SENT_BACK = {"recovery": {"sent_back": 1, "left_trimmed": 0, "discarded_trimmed": 0}}
EMPTY = {queue.name: 0 for queue in EDGES}


def test_redriving_needs_a_yes(found: Deployment, command: Command) -> None:
    put(found, RECOVERY, "message")
    with pytest.raises(CommandError, match="this would send back 1 of recovery: say --yes to do so"):
        command("redrive")
    assert bodies(found, RECOVERY.back) == []


def test_only_the_queue_that_is_named_is_redriven(found: Deployment, command: Command) -> None:
    for queue in (RECOVERY, OBSERVATIONS):
        put(found, queue, "message")
    assert command("redrive", "--queue", "recovery", "--yes")[:2] == (0, {"queues": SENT_BACK, "unread": {}})
    assert (bodies(found, RECOVERY.back), bodies(found, OBSERVATIONS.output)) == (["message"], ["message"])


def test_a_queue_that_takes_no_message_is_an_aws_that_refused(found: Deployment, command: Command) -> None:
    found.outputs[RECOVERY.back] = "https://nowhere/queue"
    put(found, RECOVERY, "message")
    with pytest.raises(CommandError, match="0 of 1 messages were sent back, the rest is still there") as stopped:
        command("redrive", "--yes")
    assert stopped.value.exit_code is ExitCode.AWS_UNAVAILABLE


def test_a_message_that_cannot_be_read_is_named_and_stops_no_other(found: Deployment, command: Command) -> None:
    unreadable = put(found, ENDED_JOBS, write_dead_letter("no job", "state"))
    put(found, ENDED_JOBS, write_dead_letter(partition_of(job_id()), "state"))
    code, document, note = command("redrive", "--queue", "ended-jobs", "--yes")
    assert code == ExitCode.INCOMPLETE
    assert document["queues"]["ended-jobs"]["sent_back"] == 1
    assert list(document["unread"]) == [f"message {unreadable} of ended-jobs"]
    assert f"message {unreadable} of ended-jobs could not be read" in note
    assert bodies(found, ENDED_JOBS.output) == [write_dead_letter("no job", "state")]


def test_listing_is_what_is_done_unless_asked_otherwise(found: Deployment, command: Command) -> None:
    put(found, RECOVERY, "message")
    code, document, _ = command()
    assert (code, counts(document)) == (0, EMPTY | {"recovery": 1})
    assert len(bodies(found, RECOVERY.output)) == 1


def test_without_slack_its_queue_is_not_asked_for(found: Deployment, command: Command) -> None:
    del found.outputs["SlackDlqUrl"]
    assert dead_letters.names(found) == tuple(queue.name for queue in EDGES if queue.name != "slack")
    with pytest.raises(CommandError, match="has no dead-letter queue slack"):
        command("--queue", "slack")


# --- other regions


HUB = "us-east-1"
FAR = "eu-west-1"


def play_stacks(session: boto3.session.Session, stacks: dict[str, dict[str, str]]) -> None:
    """CloudFormation with these stacks' outputs: moto's own needs the packages of all that a template may hold."""

    def describe(params: dict[str, Any], **_: object) -> tuple[Any, dict[str, Any]]:
        name = params["body"]["StackName"]
        if name not in stacks:
            unknown = {"Error": {"Code": "ValidationError", "Message": f"Stack with id {name} does not exist"}}
            return AWSResponse("", 400, HTTPHeaders(), None), unknown
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in stacks[name].items()]
        return AWSResponse("", 200, HTTPHeaders(), None), {"Stacks": [{"Outputs": outputs}]}

    session.events.register("before-call.cloudformation", describe)  # type: ignore[arg-type]


@pytest.fixture
def watching(found: Deployment) -> Deployment:
    """A deployment that watches another region, too."""
    far = boto3.client("sqs", region_name=FAR).create_queue(QueueName="far")["QueueUrl"]
    play_stacks(found.session, {f"RespotForwarder-{HUB}-{FAR}": {"ForwarderDlqUrl": far}})
    found.outputs["WatchedRegions"] = FAR
    return found


def test_what_could_not_be_forwarded_is_listed_and_sent_to_the_hub(watching: Deployment) -> None:
    queue = dead_letters.find(watching, "forwarder-eu-west-1")
    body = message(event(job=job_id("far", region="eu-west-1"))).body
    boto3.client("sqs", region_name="eu-west-1").send_message(
        QueueUrl=queue.url,
        MessageBody=body,
        MessageAttributes={"ERROR_CODE": {"DataType": "String", "StringValue": "NO_PERMISSIONS"}},
    )
    (letter,) = listing(watching, queue, limit=5).letters
    assert (letter.what, letter.reason) == ("event about eu-west-1/far", "NO_PERMISSIONS")
    assert redrive(watching, queue, discard_trimmed=False, on_progress=lambda _: None) == Redriven(sent=1)
    assert bodies(watching, "ObservationsQueueUrl") == [body]
    assert dead_letters.depth(watching, queue) == 0


# --- what cannot be read


ABSENT = (
    f"Stack with id RespotForwarder-{HUB}-ap-south-1 does not exist: deploy it, or take ap-south-1 out of the setting"
)


def unreachable(service: str) -> Callable[[Deployment], None]:
    return lambda watching: cut_off(watching.session, service, region=FAR)


@pytest.mark.parametrize(
    ("spoil", "region", "reason"),
    [
        (lambda watching: watching.outputs.update(WatchedRegions="ap-south-1,eu-west-1"), "ap-south-1", ABSENT),
        (unreachable("cloudformation"), FAR, 'Could not connect to the endpoint URL: "https://cloudformation'),
        (unreachable("sqs"), FAR, 'Could not connect to the endpoint URL: "https://sqs'),
    ],
    ids=["no forwarder", "CloudFormation out of reach", "SQS out of reach"],
)
def test_a_region_that_cannot_be_read_hides_no_other_queue(
    watching: Deployment, command: Command, spoil: Callable[[Deployment], None], region: str, reason: str
) -> None:
    spoil(watching)
    put(watching, RECOVERY, ENDED)
    code, document, note = command()
    read = {f"forwarder-{FAR}": 0} if region != FAR else {}
    assert (code, counts(document)) == (ExitCode.INCOMPLETE, EMPTY | read | {"recovery": 1})
    assert list(document["unread"]) == [f"forwarder-{region}"]
    assert document["unread"][f"forwarder-{region}"].startswith(reason)
    assert f"forwarder-{region} could not be read: {reason}" in note


def test_a_forwarder_without_a_known_queue_is_named(found: Deployment, command: Command) -> None:
    play_stacks(found.session, {f"RespotForwarder-{HUB}-{FAR}": {"Another": "output"}})
    found.outputs["WatchedRegions"] = FAR
    code, _, note = command()
    assert code == ExitCode.INCOMPLETE
    assert "the stack that forwards from eu-west-1 has no output ForwarderDlqUrl" in note


def test_no_region_is_asked_about_a_queue_of_the_hub(watching: Deployment, command: Command) -> None:
    refuse(watching.session, "cloudformation", "DescribeStacks")
    code, _, note = command("--queue", "recovery")
    assert (code, note) == (ExitCode.DONE, "")


@pytest.mark.parametrize(
    ("queue", "code"), [("forwarder-eu-west-1", ExitCode.AWS_UNAVAILABLE), ("forwarder-ap-south-1", ExitCode.NOT_FOUND)]
)
def test_if_nothing_can_be_read_the_reason_is_the_answer(
    watching: Deployment, command: Command, queue: str, code: ExitCode
) -> None:
    watching.outputs["WatchedRegions"] = "ap-south-1,eu-west-1"
    cut_off(watching.session, "cloudformation", region=FAR)
    with pytest.raises(CommandError) as refused:
        command("--queue", queue)
    assert refused.value.exit_code == code


def test_what_can_be_reached_is_sent_back_and_the_rest_is_said(watching: Deployment, command: Command) -> None:
    cut_off(watching.session, "cloudformation", region=FAR)
    put(watching, RECOVERY, "message")
    code, document, note = command("redrive", "--yes")
    assert (code, document["queues"], list(document["unread"])) == (
        *(ExitCode.INCOMPLETE, SENT_BACK),
        ["forwarder-eu-west-1"],
    )
    assert "forwarder-eu-west-1 could not be read" in note
    assert bodies(watching, RECOVERY.back) == ["message"]


def test_who_may_not_read_the_logs_sees_the_messages_all_the_same(found: Deployment, command: Command) -> None:
    refuse(found.session, "logs", "FilterLogEvents")
    put(found, RECOVERY, ENDED)
    put(found, OBSERVATIONS, message(event()).body, ERROR_CODE="NO_PERMISSIONS")
    code, document, note = command()
    reasons = {each["queue"]: letter["reason"] for each in document["queues"] for letter in each["messages"]}
    assert (code, list(document["unread"])) == (ExitCode.INCOMPLETE, ["the log of recovery"])
    assert reasons == {
        "observations": "NO_PERMISSIONS",
        "recovery": "unknown: /respot/RecoverLogGroupName could not be read",
    }
    assert "not authorized: logs:FilterLogEvents" in note
