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
from tests.support.builders import CREATED, REGION, alert_on, event, job_id, message, snapshot, window_of
from tests.support.moto_aws import TABLE
from tests.support.refused import cut_off, refuse

BY_NAME = {edge.name: edge for edge in EDGES}
OBSERVATIONS, RECOVERY = BY_NAME["observations"], BY_NAME["recovery"]
ENDED_JOBS, ALERTS = BY_NAME["ended-jobs"], BY_NAME["alerts"]


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


def test_listing_takes_nothing_out(found: Deployment) -> None:
    sent = [put(found, RECOVERY, write_message(job_id(f"job-{number}"))) for number in range(12)]
    for _ in range(2):
        seen = listed(found, RECOVERY)
        assert sorted(letter.id for letter in seen.letters) == sorted(sent)
        assert seen.count == 12
    assert len(bodies(found, RECOVERY.output)) == 12


def test_what_cannot_be_shown_is_counted(found: Deployment) -> None:
    for number in range(5):
        put(found, RECOVERY, write_message(job_id(f"job-{number}")))
    seen = listed(found, RECOVERY, limit=2)
    assert (seen.count, len(seen.letters)) == (5, 2)
    assert "recovery: 5 messages, 2 of them shown." in shown(seen)


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
    ],
)
def test_a_dead_letter_is_shown_with_its_subject(found: Deployment, queue: str, body: str, what: str) -> None:
    put(found, BY_NAME[queue], body)
    assert only(found, BY_NAME[queue]).what == what


def test_the_reason_is_the_last_one_in_the_functions_log(found: Deployment) -> None:
    identifier = put(found, RECOVERY, write_message(job_id()))
    log(
        found,
        RECOVERY,
        json.dumps({"message": "recovery_failed", "message_id": identifier, "reason": "first"}),
        json.dumps({"message": "recovery_deferred", "message_id": identifier, "reason": "instance quota"}),
        json.dumps({"message": "recovery_failed", "message_id": "another", "reason": "not this one's"}),
        f"START RequestId {identifier}",
    )
    assert only(found, RECOVERY).reason == "instance quota"


def test_the_reason_is_eventbridges_own_where_it_stopped_retrying(found: Deployment) -> None:
    put(found, OBSERVATIONS, message(event()).body, ERROR_CODE="NO_PERMISSIONS", ERROR_MESSAGE="not allowed to send")
    assert only(found, OBSERVATIONS).reason == "NO_PERMISSIONS: not allowed to send"


def test_a_message_that_cannot_be_read_is_its_own_reason(found: Deployment) -> None:
    put(found, OBSERVATIONS, "no JSON")
    assert only(found, OBSERVATIONS).reason.startswith("not JSON: ")


def test_a_reason_that_nobody_knows_is_said_to_be_unknown(found: Deployment) -> None:
    put(found, RECOVERY, write_message(job_id()))
    assert only(found, RECOVERY).reason == "unknown: /respot/RecoverLogGroupName has nothing of it"


def test_a_stream_failure_shows_its_condition_and_the_log_if_it_has_more(found: Deployment) -> None:
    put(found, ENDED_JOBS, failed_batch("arn", "shard", "17", "18"))
    letter = only(found, ENDED_JOBS)
    assert letter.what == "2 items of the stream, first at 2026-11-23T09:00:00Z"
    assert letter.reason == "RetriesExhausted"
    log(found, ENDED_JOBS, json.dumps({"message_id": "17", "reason": "SQS did not take it"}))
    assert only(found, ENDED_JOBS).reason == "SQS did not take it"


def shown(*listings: Listing) -> str:
    console = Console(width=160, record=True, file=None, highlight=False)
    with console.capture() as captured:
        console.print(dlq.render(list(listings), now=datetime.now(UTC) + timedelta(hours=3)))
    return captured.get()


def test_people_see_age_matter_and_reason_and_no_markup_of_others(found: Deployment) -> None:
    put(found, OBSERVATIONS, "[red]no JSON\x1b[31m[/red]")
    said = shown(listed(found, OBSERVATIONS), listed(found, RECOVERY))
    assert "3 h 00 min  [red]no JSON [31m[/red]" in said
    assert "Empty: recovery." in said


def test_scripts_get_the_same_as_json(found: Deployment) -> None:
    identifier = put(found, OBSERVATIONS, "no JSON")
    (queue,) = dlq.to_document([listed(found, OBSERVATIONS)], {})["queues"]
    assert (queue["queue"], queue["count"], queue["messages"][0]["id"]) == ("observations", 1, identifier)


# --- the way back


@pytest.mark.parametrize("queue", [queue for queue in EDGES if not queue.of_stream], ids=lambda queue: queue.name)
def test_messages_go_back_to_where_they_came_from(found: Deployment, queue: Edge) -> None:
    for number in range(12):
        put(found, queue, f"message {number:02}")
    assert sent_back(found, queue) == Redriven(sent=12)
    assert bodies(found, queue.back) == [f"message {number:02}" for number in range(12)]
    assert bodies(found, queue.output) == []


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


def failed_batch(stream: str, shard: str, first: str, last: str) -> str:
    """What Lambda says of a part of the stream that it dropped."""
    return json.dumps(
        {
            "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 5000},
            "version": "1.0",
            "DDBStreamBatchInfo": {
                "shardId": shard,
                "startSequenceNumber": first,
                "endSequenceNumber": last,
                "approximateArrivalOfFirstRecord": "2026-11-23T09:00:00Z",
                "approximateArrivalOfLastRecord": "2026-11-23T09:00:00Z",
                "batchSize": 2,
                "streamArn": stream,
            },
        }
    )


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


def test_what_the_stream_has_no_more_is_left_and_said(trimmed: Deployment) -> None:
    put(trimmed, ENDED_JOBS, failed_batch("arn", "shard", "1", "2"))
    assert sent_back(trimmed, ENDED_JOBS) == Redriven(trimmed=1)
    assert len(bodies(trimmed, ENDED_JOBS.output)) == 1
    assert bodies(trimmed, ENDED_JOBS.back) == []


def test_what_the_stream_has_no_more_is_deleted_if_that_is_asked_for(trimmed: Deployment) -> None:
    put(trimmed, ENDED_JOBS, failed_batch("arn", "shard", "1", "2"))
    assert sent_back(trimmed, ENDED_JOBS, discard_trimmed=True) == Redriven(discarded=1)
    assert bodies(trimmed, ENDED_JOBS.output) == []


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


@pytest.fixture
def command(found: Deployment, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setattr(deployment, "find", lambda _: found)

    def run(*words: str) -> int:
        from respot_cli.main import parser  # noqa: PLC0415

        chosen = parser().parse_args(["dlq", *words, "--format", "json"])
        return int(chosen.run(chosen))

    return run


def test_redriving_needs_a_yes(found: Deployment, command: Callable[..., int]) -> None:
    put(found, RECOVERY, "message")
    with pytest.raises(CommandError, match="this would send back 1 of recovery: say --yes to do so"):
        command("redrive")
    assert bodies(found, RECOVERY.back) == []


def test_only_the_queue_that_is_named_is_redriven(
    found: Deployment, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    for queue in (RECOVERY, OBSERVATIONS):
        put(found, queue, "message")
    assert command("redrive", "--queue", "recovery", "--yes") == 0
    assert json.loads(capsys.readouterr().out) == {
        "queues": {"recovery": {"sent_back": 1, "left_trimmed": 0, "discarded_trimmed": 0}},
        "unread": {},
    }
    assert (bodies(found, RECOVERY.back), bodies(found, OBSERVATIONS.output)) == (["message"], ["message"])


def test_a_message_that_cannot_be_read_is_named_and_stops_no_other(
    found: Deployment, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    unreadable = put(found, ENDED_JOBS, write_dead_letter("no job", "state"))
    put(found, ENDED_JOBS, write_dead_letter(partition_of(job_id()), "state"))
    assert command("redrive", "--queue", "ended-jobs", "--yes") == ExitCode.INCOMPLETE
    document, note = said(capsys)
    assert document["queues"]["ended-jobs"]["sent_back"] == 1
    assert list(document["unread"]) == [f"message {unreadable} of ended-jobs"]
    assert f"message {unreadable} of ended-jobs could not be read" in note
    assert bodies(found, ENDED_JOBS.output) == [write_dead_letter("no job", "state")]


def test_listing_is_what_is_done_unless_asked_otherwise(
    found: Deployment, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    put(found, RECOVERY, "message")
    assert command() == 0
    queues = json.loads(capsys.readouterr().out)["queues"]
    assert {queue["queue"]: queue["count"] for queue in queues} == {queue.name: 0 for queue in EDGES} | {"recovery": 1}
    assert len(bodies(found, RECOVERY.output)) == 1


def test_without_slack_its_queue_is_not_asked_for(found: Deployment, command: Callable[..., int]) -> None:
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

MISSING = (
    f"Stack with id RespotForwarder-{HUB}-ap-south-1 does not exist: deploy it, or take ap-south-1 out of the setting"
)


def said(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], str]:
    """What was printed for scripts, and what was said to people."""
    captured = capsys.readouterr()
    return json.loads(captured.out), captured.err


def test_a_region_without_its_forwarder_hides_no_other_queue(
    watching: Deployment, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    watching.outputs["WatchedRegions"] = "ap-south-1,eu-west-1"
    put(watching, RECOVERY, write_message(job_id()))
    assert command() == ExitCode.INCOMPLETE
    document, note = said(capsys)
    counts = {queue["queue"]: queue["count"] for queue in document["queues"]}
    assert counts == {queue.name: 0 for queue in EDGES} | {"forwarder-eu-west-1": 0, "recovery": 1}
    assert list(document["unread"]) == ["forwarder-ap-south-1"]
    assert document["unread"]["forwarder-ap-south-1"].startswith(MISSING)
    assert f"forwarder-ap-south-1 could not be read: {MISSING}" in note


@pytest.mark.parametrize("service", ["cloudformation", "sqs"])
def test_a_region_that_is_out_of_reach_hides_no_other_queue(
    watching: Deployment, command: Callable[..., int], capsys: pytest.CaptureFixture[str], service: str
) -> None:
    cut_off(watching.session, service, region=FAR)
    assert command() == ExitCode.INCOMPLETE
    document, note = said(capsys)
    assert [queue["queue"] for queue in document["queues"]] == [queue.name for queue in EDGES]
    assert list(document["unread"]) == ["forwarder-eu-west-1"]
    assert f'forwarder-eu-west-1 could not be read: Could not connect to the endpoint URL: "https://{service}' in note


def test_a_forwarder_without_a_known_queue_is_named(
    found: Deployment, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    play_stacks(found.session, {f"RespotForwarder-{HUB}-{FAR}": {"Another": "output"}})
    found.outputs["WatchedRegions"] = FAR
    assert command() == ExitCode.INCOMPLETE
    assert "the stack that forwards from eu-west-1 has no output ForwarderDlqUrl" in capsys.readouterr().err


def test_no_region_is_asked_about_a_queue_of_the_hub(
    watching: Deployment, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    refuse(watching.session, "cloudformation", "DescribeStacks")
    assert command("--queue", "recovery") == ExitCode.DONE
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("queue", "code"), [("forwarder-eu-west-1", ExitCode.AWS_UNAVAILABLE), ("forwarder-ap-south-1", ExitCode.NOT_FOUND)]
)
def test_if_nothing_can_be_read_the_reason_is_the_answer(
    watching: Deployment, command: Callable[..., int], queue: str, code: ExitCode
) -> None:
    watching.outputs["WatchedRegions"] = "ap-south-1,eu-west-1"
    cut_off(watching.session, "cloudformation", region=FAR)
    with pytest.raises(CommandError) as refused:
        command("--queue", queue)
    assert refused.value.exit_code == code


def test_what_can_be_reached_is_sent_back_and_the_rest_is_said(
    watching: Deployment, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    cut_off(watching.session, "cloudformation", region=FAR)
    put(watching, RECOVERY, "message")
    assert command("redrive", "--yes") == ExitCode.INCOMPLETE
    document, note = said(capsys)
    assert document["queues"] == {"recovery": {"sent_back": 1, "left_trimmed": 0, "discarded_trimmed": 0}}
    assert list(document["unread"]) == ["forwarder-eu-west-1"]
    assert "forwarder-eu-west-1 could not be read" in note
    assert bodies(watching, RECOVERY.back) == ["message"]


def test_who_may_not_read_the_logs_sees_the_messages_all_the_same(
    found: Deployment, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    refuse(found.session, "logs", "FilterLogEvents")
    put(found, RECOVERY, write_message(job_id()))
    put(found, OBSERVATIONS, message(event()).body, ERROR_CODE="NO_PERMISSIONS")
    assert command() == ExitCode.INCOMPLETE
    document, note = said(capsys)
    reasons = {each["queue"]: letter["reason"] for each in document["queues"] for letter in each["messages"]}
    assert reasons == {
        "observations": "NO_PERMISSIONS",
        "recovery": "unknown: /respot/RecoverLogGroupName could not be read",
    }
    assert list(document["unread"]) == ["the log of recovery"]
    assert "not authorized: logs:FilterLogEvents" in note
