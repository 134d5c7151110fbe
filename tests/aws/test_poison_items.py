"""One item that this version cannot read stops nothing else: each function goes on, and names and counts it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from respot.alerting.alert import Alert
from respot.alerting.kinds import AlertKind
from respot.alerting.required import TransitionRecorded
from respot.aws.dynamodb.job_items import transition_item
from respot.aws.dynamodb.keys import partition_of
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.aws.dynamodb.sweeps import DynamoDbSweepStore
from respot.aws.sns import SnsTopic
from respot.aws.sqs.dead_letters import REASON, read_dead_letter
from respot.bootstrap import clients, dead_letters
from respot.bootstrap.observability import report_unreadable
from respot.errors import RespotError, TopicRefusedError, TopicUnavailableError, UnreadableItemError
from respot.handlers import alert, enqueue_ended
from respot.jobs.job import JobId, JobState
from respot.jobs.merge import reconcile
from respot.jobs.message import write_message
from respot.metrics import UNREADABLE_ITEMS
from respot.recovery.planning.run import run_id
from respot.schema import CHECKS, PK, SK
from respot.settings import RECOVERY_QUEUE_URL, STREAM_DEAD_LETTERS_URL, Settings
from tests.alerting.environment import alerter_on
from tests.handlers.test_handlers import Context, failed
from tests.support.builders import CREATED, REGION, at, job_id, snapshot
from tests.support.clock import FakeClock
from tests.support.frozen_ledger import written
from tests.support.memory import MemoryJobQueue, MemoryLedger, MemoryTopic
from tests.support.moto_aws import TABLE
from tests.support.printed import Printed, printed
from tests.support.sweep_environment import Environment, ago
from tests.sweep.test_listing_depth import Instead

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

__all__ = ["printed"]

POISON = {
    "state": {"market": {"S": "futures"}},
    "transition": {"started": {"S": "soon"}},
    "alert": {"alert_kind": {"S": "stalled"}},
    "decision": {"action": {"S": "migrate"}},
    "outcome": {"outcome": {"S": "migrated"}},
    "notice": {"alert_kind": {"S": "stalled"}},
}
"""Items of a job, each with what a newer version may have written."""


def named(lines: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """The items that the log names as unreadable; each is counted, too."""
    names = [(line["partition"], line["sort_key"]) for line in lines if line.get("message") == "item_read_failed"]
    assert sum(sum(line[UNREADABLE_ITEMS]) for line in lines if UNREADABLE_ITEMS in line) == len(names)
    return set(names)


# --- the stream's readers


@pytest.fixture
def sqs(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator["SQSClient"]:  # noqa: ARG001 - moto is on
    client = boto3.client("sqs", region_name=REGION)
    for setting in (STREAM_DEAD_LETTERS_URL, RECOVERY_QUEUE_URL):
        monkeypatch.setenv(setting, client.create_queue(QueueName=setting)["QueueUrl"])
    cached = [
        each for module in (clients, dead_letters) for each in vars(module).values() if hasattr(each, "cache_clear")
    ]
    for each in cached:
        each.cache_clear()
    yield client
    for each in cached:
        each.cache_clear()


def letters(sqs: "SQSClient") -> list[tuple[tuple[str, str] | None, str]]:
    url = sqs.get_queue_url(QueueName=STREAM_DEAD_LETTERS_URL)["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages", [])
    return [(read_dead_letter(each["Body"]), each["MessageAttributes"][REASON]["StringValue"]) for each in found]


def stream(*items: dict[str, Any]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventName": "INSERT",
                "dynamodb": {
                    "SequenceNumber": f"s{number}",
                    "Keys": {name: item[name] for name in (PK, SK) if name in item},
                    "NewImage": item,
                },
            }
            for number, item in enumerate(items, start=1)
        ]
    }


def interrupted(name: str) -> dict[str, Any]:
    return transition_item(job_id(name), snapshot("Interrupted=3720").history[0], now=at(3721), retention=None)


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> MemoryTopic:
    ledger, topic = MemoryLedger(created=CREATED), MemoryTopic()
    for name in ("before", "behind"):
        seen = snapshot("Starting=0 Interrupted=3720", job=job_id(name))
        ledger.save(reconcile(ledger.load(seen.state.job), seen))
    alerter = alerter_on(ledger, clock=FakeClock(at(3725)), topic=topic)
    monkeypatch.setattr(alert, "alerter", lambda: alerter)
    return topic


@pytest.mark.parametrize("kind", [kind for kind in POISON if kind not in {"state", "alert"}])
def test_the_alert_stream_goes_on_and_the_item_is_a_dead_letter_with_its_reason(
    sqs: "SQSClient", topic: MemoryTopic, printed: Printed, kind: str
) -> None:
    poison = written()[kind].item | POISON[kind]
    batch = stream(interrupted("before"), poison, interrupted("behind"))
    assert failed(alert.handler(batch, Context())) == []  # Lambda goes on with what is behind the batch
    assert [sent.state.job.name for sent in topic.published] == ["before", "behind"]
    key = poison[PK]["S"], poison[SK]["S"]
    ((item, reason),) = letters(sqs)
    assert item == key
    assert reason.startswith("UnreadableItemError: the item ")
    assert named(printed()) == {key}


def test_a_transition_without_its_job_is_a_dead_letter_at_once(sqs: "SQSClient", topic: MemoryTopic) -> None:
    """A state is written before its transitions: it will not come."""
    batch = stream(interrupted("before"), interrupted("ghost"), interrupted("behind"))
    assert failed(alert.handler(batch, Context())) == []
    assert [sent.state.job.name for sent in topic.published] == ["before", "behind"]
    ((item, reason),) = letters(sqs)
    assert item == (partition_of(job_id("ghost")), interrupted("ghost")[SK]["S"])
    assert reason.startswith("LedgerIncompleteError: ")


@pytest.mark.parametrize(
    ("code", "status", "said", "again"),
    [("InvalidParameter", 400, f"Invalid parameter: {said}", []) for said in ("Message too long", "Subject TopicArn")]
    + [("ValidationException", 400, "", []), ("ParameterValueInvalid", 400, "a message attribute", [])]
    + [
        ("InvalidParameter", 400, f"Invalid parameter: {said}", ["s1"])
        for said in ("TopicArn", "TargetArn Reason: no topic", "The MessageGroupId parameter is required")
    ]
    + [
        (code, status, "", ["s1"])
        for code, status in (
            ("Throttled", 429),
            ("InvalidParameter", 500),
            ("AuthorizationError", 403),
            ("InvalidSecurity", 403),
            ("KMSDisabled", 400),
            ("KMSInvalidState", 400),
        )
    ],
)
def test_what_sns_definitely_refuses_is_a_dead_letter_and_an_outage_is_repeated(
    sqs: "SQSClient",
    topic: MemoryTopic,
    monkeypatch: pytest.MonkeyPatch,
    *,
    code: str,
    status: int,
    said: str,
    again: list[str],
) -> None:
    class Sns:
        def publish(self, **request: Any) -> dict[str, str]:  # noqa: ANN401
            if request["MessageAttributes"]["job"]["StringValue"] == "before":
                error = {"Code": code, "Message": said}
                response: Any = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}
                raise ClientError(response, "Publish")
            sent.append(request)
            return {"MessageId": "m"}

    sent: list[dict[str, Any]] = []
    client: Any = Sns()
    alerter = replace(alert.alerter(), topic=SnsTopic(client, "arn:aws:sns:us-east-1:123456789012:alerts"))
    monkeypatch.setattr(alert, "alerter", lambda: alerter)
    assert failed(alert.handler(stream(interrupted("before"), interrupted("behind")), Context())) == again
    assert len(sent) == 1
    assert [reason.partition(":")[0] for _, reason in letters(sqs)] == ([] if again else ["TopicRefusedError"])
    assert topic.published == []


def test_a_request_that_dynamodb_definitely_refuses_is_a_dead_letter(
    sqs: "SQSClient", dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(change: object) -> None:
        assert isinstance(change, TransitionRecorded)
        with Stubber(dynamodb) as stub:
            stub.add_client_error("query", "ValidationException", "Size of hashkey has exceeded the maximum")
            DynamoDbLedger(dynamodb, TABLE, clock=FakeClock(CREATED), retention=None).load(change.job)

    monkeypatch.setattr(alert, "alerter", lambda: SimpleNamespace(on=load))
    assert failed(alert.handler(stream(interrupted("before")), Context())) == []
    ((_, reason),) = letters(sqs)
    assert reason.startswith("LedgerRefusedError: ")


def test_an_item_that_the_code_fails_on_is_a_dead_letter_too(sqs: "SQSClient", monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        message = "before"
        raise KeyError(message)

    monkeypatch.setattr(alert, "_alert_on", fail)
    assert failed(alert.handler(stream(interrupted("before")), Context())) == []
    ((_, reason),) = letters(sqs)
    assert reason == "KeyError: 'before'"


def test_what_repeating_can_help_is_repeated(sqs: "SQSClient", monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        message = "throttled"
        raise TopicUnavailableError(message)

    monkeypatch.setattr(alert, "_alert_on", refuse)
    assert failed(alert.handler(stream(interrupted("before")), Context())) == ["s1"]
    assert letters(sqs) == []


# --- the queue of due alerts


def due(body: str, *, received: int) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": str(received), "ApproximateFirstReceiveTimestamp": "0"}
    return {"Records": [{"messageId": "m1", "body": body, "attributes": attributes}]}


@pytest.mark.parametrize(("received", "again"), [(1, ["m1"]), (2, []), (3, [])])
@pytest.mark.parametrize(
    "body",
    ["poison", '{"window": 7}', write_message(job_id("ghost")), write_message(job_id("before"))],
    ids=["no JSON", "no window", "no state", "unreadable"],
)
def test_a_due_alert_that_no_try_can_help_is_a_dead_letter_on_its_second(
    sqs: "SQSClient", topic: MemoryTopic, monkeypatch: pytest.MonkeyPatch, *, body: str, received: int, again: list[str]
) -> None:
    def unreadable(_: JobId) -> None:
        raise UnreadableItemError("job#", "decision", "a word of tomorrow")

    runs: Any = Instead(alert.alerter().runs, {"recovery_records": unreadable})
    alerter = replace(alert.alerter(), runs=runs)
    monkeypatch.setattr(alert, "alerter", lambda: alerter)
    url = sqs.create_queue(QueueName="due-dead")["QueueUrl"]
    monkeypatch.setattr(alert, "settings", lambda: Settings(dead_letters_queue_url=url))
    assert failed(alert.handler(due(body, received=received), Context())) == again
    buried = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages", [])
    assert [each["Body"] for each in buried] == ([] if again else [body])
    assert all("Error: " in each["MessageAttributes"][REASON]["StringValue"] for each in buried)
    assert [each.state.job.name for each in topic.published] == ["before"] * (body == write_message(job_id("before")))


def test_a_due_alert_is_repeated_in_an_outage_and_while_it_cannot_be_buried(
    sqs: "SQSClient", topic: MemoryTopic, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqs.create_queue(QueueName="due-dead")["QueueUrl"]
    monkeypatch.setattr(alert, "settings", lambda: Settings(dead_letters_queue_url=url))
    topic.fault = TopicUnavailableError("throttled")
    assert failed(alert.handler(due(write_message(job_id("before")), received=9), Context())) == ["m1"]
    sqs.delete_queue(QueueUrl=url)
    assert failed(alert.handler(due("poison", received=9), Context())) == ["m1"]


def test_an_item_that_the_dead_letters_do_not_take_is_delivered_again(sqs: "SQSClient", topic: MemoryTopic) -> None:
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=STREAM_DEAD_LETTERS_URL)["QueueUrl"])
    poison = written()["decision"].item | POISON["decision"]
    assert failed(alert.handler(stream(poison, interrupted("behind")), Context())) == ["s1"]
    assert [sent.state.job.name for sent in topic.published] == ["behind"]


@pytest.mark.parametrize(
    "poison",
    [
        {PK: {"S": "no job"}, SK: {"S": "a key"}, "kind": {"S": "transition"}},
        {PK: {"S": partition_of(job_id())}, SK: {"S": "a key"}},
        {},
    ],
    ids=["no job", "no kind", "nothing"],
)
def test_ended_jobs_behind_an_item_that_cannot_be_read_reach_recovery(
    sqs: "SQSClient", printed: Printed, monkeypatch: pytest.MonkeyPatch, poison: dict[str, Any]
) -> None:
    queue = MemoryJobQueue()
    monkeypatch.setattr(enqueue_ended, "recovery_queue", lambda: queue)
    batch = stream(written()["transition"].item, poison, interrupted("behind"))
    assert failed(enqueue_ended.handler(batch, Context())) == []
    assert queue.sent == [job_id(), job_id("behind")]
    ((_, reason),) = letters(sqs)
    assert reason.startswith("UnreadableItemError")
    assert len(named(printed())) == 1


# --- the sweep


def sweep_beside(dynamodb: "DynamoDBClient", kind: str) -> tuple[Environment, JobId, JobId, tuple[str, str]]:
    """A sweep over a job that ended undecided, beside one with an item that cannot be read."""
    env = Environment()
    ledger = DynamoDbLedger(dynamodb, TABLE, clock=env.clock, retention=None, on_unreadable=report_unreadable)
    runs = DynamoDbRunStore(dynamodb, TABLE, clock=env.clock, retention=None, on_unreadable=report_unreadable)
    env.watched()
    env.sweeper = env.invocation(ledger=ledger, index=ledger, runs=runs)
    poisoned, sound = (job_id(name, created=ago(hours=1, minutes=12)) for name in ("poisoned", "sound"))
    for job in (poisoned, sound):
        env.both(job, "Starting=0 Stopped=3600")
        state = env.ledger.load(job).state
        assert isinstance(state, JobState)
        ledger.save(reconcile(ledger.load(job), env.jobs.snapshots[REGION, job.name]))
    item = written()[kind].item | POISON[kind] | {PK: {"S": partition_of(poisoned)}}
    if kind == "state":  # the indexes show it as before
        found = dynamodb.get_item(TableName=TABLE, Key={PK: item[PK], SK: item[SK]})["Item"]
        item = {**found, **POISON[kind]}
    dynamodb.put_item(TableName=TABLE, Item=item)
    return env, poisoned, sound, (item[PK]["S"], item[SK]["S"])


@pytest.mark.parametrize("kind", POISON)
def test_a_sweep_goes_on_past_a_job_that_cannot_be_read(
    dynamodb: "DynamoDBClient", printed: Printed, kind: str
) -> None:
    env, _, sound, key = sweep_beside(dynamodb, kind)
    checks, region = env.sweep()
    assert (checks.complete, checks.error, region.complete, region.error) == (True, None, True, None)
    assert sound in env.recoveries.sent
    assert "poisoned" not in env.names()  # `record` could not write what it finds
    for error in checks.unreadable:
        assert isinstance(error, UnreadableItemError)
        report_unreadable(error)  # as the handler does
    assert named(printed()) == {key}


def test_a_sweep_goes_on_past_a_job_that_the_code_fails_on() -> None:
    env = Environment()
    env.watched()
    for name in ("broken", "sound"):
        env.both(job_id(name, created=ago(hours=1, minutes=12)), "Starting=0 Stopped=3600")
    load = env.ledger.load
    broken = {"broken": 1}

    class Broken(MemoryLedger):
        def load(self, job: JobId) -> Any:  # noqa: ANN401
            return load(job) if job.name not in broken else broken["nothing"]

    ledger = Broken(created=CREATED, states=env.ledger.states, transitions=env.ledger.transitions)
    checks, _ = env.sweep(env.invocation(ledger=ledger))
    assert [job.name for job in env.recoveries.sent] == ["sound"]
    assert [type(error) for error in checks.unreadable] == [KeyError]
    assert checks.error is None


@pytest.mark.parametrize(
    "broken",
    [{"watched_since": {"N": "7"}}, {"schema": {"N": "99"}}, {"lease_until": {"N": "7"}, "taken_at": {"S": "soon"}}],
    ids=["a wrong type", "a newer schema", "no lease"],
)
@pytest.mark.parametrize("scope", [CHECKS, REGION])
def test_a_scope_whose_progress_cannot_be_read_begins_a_new_pass(
    dynamodb: "DynamoDBClient", scope: str, broken: dict[str, Any]
) -> None:
    """It is only a cursor."""
    env = Environment()
    job = job_id("ended", created=ago(hours=1, minutes=12))
    env.both(job, "Starting=0 Stopped=3600")
    dynamodb.put_item(
        TableName=TABLE,
        Item=written()["sweep progress"].item | {PK: {"S": f"sweep#{scope}"}} | broken,
    )
    sweeper = env.invocation(sweeps=DynamoDbSweepStore(dynamodb, TABLE))
    reports = env.sweep(sweeper)
    assert [(each.complete, each.error) for each in reports] == [(True, None)] * 2
    ((named, errors),) = ((each.scope, each.unreadable) for each in reports if each.unreadable)
    assert (named, [type(each) for each in errors]) == (scope, [UnreadableItemError])
    if scope == CHECKS:  # since the deployment: its job ended long before this sweep
        assert job in env.recoveries.sent
    env.clock.pass_by(timedelta(minutes=5))
    assert not any(each.unreadable for each in env.sweep(sweeper))


# --- recovery, and what all read


def test_a_live_job_whose_location_cannot_be_read_is_not_taken_for_absent(dynamodb: "DynamoDBClient") -> None:
    """SageMaker is asked where it writes."""
    errors: list[RespotError] = []
    ledger = DynamoDbLedger(dynamodb, TABLE, clock=FakeClock(CREATED), retention=None)
    seen = snapshot()
    ledger.save(reconcile(ledger.load(seen.state.job), seen))
    key = {PK: {"S": partition_of(seen.state.job)}, SK: {"S": "state"}}
    item = dynamodb.get_item(TableName=TABLE, Key=key)["Item"]
    dynamodb.put_item(TableName=TABLE, Item={**item, "checkpoint_uri": {"L": [{"S": "s3://a/"}, {"S": "s3://b/"}]}})
    runs = DynamoDbRunStore(dynamodb, TABLE, clock=FakeClock(CREATED), retention=None, on_unreadable=errors.append)
    assert runs.live(REGION) == ((seen.state.job, None),)
    assert len(errors) == 1
    assert runs.attempts(run_id(seen.state.job)) == ()


def test_a_region_whose_progress_cannot_be_read_is_watched_all_the_same(dynamodb: "DynamoDBClient") -> None:
    errors: list[RespotError] = []
    ledger = DynamoDbLedger(dynamodb, TABLE, clock=FakeClock(CREATED), retention=None, on_unreadable=errors.append)
    item = written()["sweep progress"].item | {PK: {"S": f"sweep#{REGION}"}, "watched_since": {"N": "7"}}
    dynamodb.put_item(TableName=TABLE, Item=item)
    assert ledger.watched_since(REGION) == ledger.created_at()
    assert len(errors) == 1


def test_the_body_of_a_dead_letter_is_read_as_it_was_written() -> None:
    assert read_dead_letter(json.dumps({"unprocessed_item": {"partition": "p", "sort_key": "s"}})) == ("p", "s")
    for body in ("no JSON", "[]", "7", '{"unprocessed_item": 7}', "{}"):
        assert read_dead_letter(body) is None


def test_an_alert_that_sns_refuses_does_not_keep_the_others_of_its_job() -> None:
    ledger, sent = MemoryLedger(created=CREATED), MemoryTopic()
    seen = snapshot("Starting=0 Interrupted=3600 Starting=3620 Interrupted=3720", job=job_id("twice"))
    ledger.save(reconcile(ledger.load(seen.state.job), seen))

    def refuse_the_first(published: Alert) -> str:
        if published.transition.started == at(3600):
            message = "Message too long"
            raise TopicRefusedError(message)
        return sent.publish(published)

    topic: Any = SimpleNamespace(publish=refuse_the_first)
    with pytest.raises(TopicRefusedError):
        alerter_on(ledger, clock=FakeClock(at(3725)), topic=topic).catch_up(seen.state.job)
    assert [each.transition.started for each in sent.published if each.kind is AlertKind.INTERRUPTED] == [at(3720)]
