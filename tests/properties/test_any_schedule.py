"""After any delivery of a job's events, the ledger is that of a job whose events all came, once and in order."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from respot.alerting.alert import AlertRecord
from respot.alerting.alerter import Alerter
from respot.alerting.kinds import KIND_BY_STATUS, AlertKind
from respot.alerting.ports import Ledger
from respot.aws.dynamodb.attribute_values import deserialize
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.jobs.job import JobState, Transition
from respot.recording.consumer import ObservationConsumer
from respot.recording.recorder import Recorded, Recorder
from respot.schema import ENDED_AS
from tests.support.builders import CREATED, NAME, REGION, arn_of, at, job_id, messages, retry_schedule
from tests.support.clock import FakeClock
from tests.support.lifecycles import Delivery, Life, lives, schedules
from tests.support.memory import MemoryLedger, MemoryRunStore, MemoryTopic, MemoryTrainingJobs
from tests.support.moto_aws import create_table
from tests.support.with_hooks import Hooks, with_hooks

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

JOB = job_id()
PLENTY = timedelta(minutes=5)
LATER = at(30 * 24 * 3600)


class Respot:
    """Record and alert on a ledger; the stream between them is what the recorder says it inserted."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.jobs = MemoryTrainingJobs(tags_by_arn={arn_of(): {"team": "vision"}})
        self.topic = MemoryTopic()
        self.consumer = ObservationConsumer(
            recorder=Recorder(jobs=self.jobs, ledger=ledger), retry_schedule=retry_schedule()
        )
        self.alerter = Alerter(
            ledger=ledger,
            runs=MemoryRunStore(ledger=MemoryLedger(created=CREATED)),
            topic=self.topic,
            clock=FakeClock(LATER),
            kinds=frozenset(AlertKind),
            max_age=timedelta(days=365),
            lease=timedelta(minutes=2),
        )

    def live(self, life: Life, schedule: tuple[Delivery, ...]) -> None:
        for delivery in schedule:
            self.jobs.snapshots[REGION, NAME] = life.moments[delivery.described_at].described
            batch = messages(*[life.moments[number].event for number in delivery.events])
            outcome = self.consumer.consume(batch, time_left=lambda: PLENTY)
            assert outcome.retries == ()
            self.stream(outcome.recorded)

    def stream(self, recorded: tuple[Recorded, ...]) -> None:
        for each in recorded:
            for transition in each.inserted:
                self.alerter.alert(each.job, transition)

    def story(self) -> tuple[JobState | None, tuple[Transition, ...], tuple[AlertRecord, ...], list[str]]:
        """What the ledger says, and what was sent, in any order."""
        record = self.ledger.load(JOB)
        alert_records = self.ledger.alerts(JOB)
        sent = {alert_record.message_id for alert_record in alert_records}
        assert len(sent - {None}) == len(alert_records)
        return (
            record.state,
            record.transitions,
            tuple(replace(alert_record, message_id=None) for alert_record in alert_records),
            sorted(alert.id for alert in self.topic.published),
        )


def in_memory() -> Respot:
    return Respot(MemoryLedger(created=CREATED))


@settings(max_examples=300)
@given(st.data(), lives())
def test_any_schedule_leaves_the_ledger_of_the_undisturbed_run(data: st.DataObject, life: Life) -> None:
    undisturbed, disturbed = in_memory(), in_memory()
    undisturbed.live(life, life.undisturbed)
    disturbed.live(life, data.draw(schedules(life)))
    assert disturbed.story() == undisturbed.story()
    last = life.moments[-1].described
    assert undisturbed.story()[1] == last.history
    due = [
        transition for transition in last.history if transition.status in {*KIND_BY_STATUS, "MaxPendingTimeExceeded"}
    ]
    assert [alert_record.transition for alert_record in undisturbed.story()[2]] == due
    assert len(undisturbed.topic.published) == len(due)


@settings(max_examples=100)
@given(st.data(), lives(longest=8, shortest_transition=1.001, own_transitions=True))
def test_the_events_of_a_job_that_is_gone_leave_the_same_ledger_in_any_order(data: st.DataObject, life: Life) -> None:
    """Nobody can be asked any more: the events themselves, all of them, are the last evidence."""
    events = [moment.event for moment in life.moments]
    doubled = data.draw(st.permutations([*events, *data.draw(st.lists(st.sampled_from(events)))]))
    stories = []
    for order in (events, doubled):
        respot, left = in_memory(), list(order)
        while left:
            size = data.draw(st.integers(1, 5))
            outcome = respot.consumer.consume(messages(*left[:size]), time_left=lambda: PLENTY)
            assert outcome.retries == ()
            respot.stream(outcome.recorded)
            left = left[size:]
        stories.append(respot.story())
    in_order, shuffled = stories
    assert shuffled[:2] == in_order[:2]
    assert shuffled[3] == in_order[3]


@settings(max_examples=100)
@given(st.data(), lives(longest=8))
def test_any_two_recorders_that_race_leave_the_ledger_of_the_undisturbed_run(data: st.DataObject, life: Life) -> None:
    """Between one recorder's reading and its writing, another one works through part of the schedule."""
    undisturbed, one = in_memory(), in_memory()
    undisturbed.live(life, life.undisturbed)
    shared = Hooks()
    recorder = Recorder(jobs=one.jobs, ledger=with_hooks(one.ledger, shared.gate))
    one.consumer = ObservationConsumer(recorder=recorder, retry_schedule=retry_schedule())
    other = Respot(one.ledger)
    other.alerter, other.topic = one.alerter, one.topic
    schedule = data.draw(schedules(life))
    for delivery in schedule:
        interlude = data.draw(schedules(life)) if data.draw(st.booleans()) else ()
        step = data.draw(st.sampled_from(("load", "save", "find")))
        shared.before = {step: lambda interlude=interlude: other.live(life, interlude)}  # type: ignore[misc] # bound now
        one.live(life, (delivery,))
    shared.before = {}
    assert one.story() == undisturbed.story()


def items(client: "DynamoDBClient", table: str) -> list[dict[str, Any]]:
    """All items but for what may differ: the writes' count and moment, and the messages' ids.

    Of a job that was only described while it was being deleted, nobody knows as what it had ended.
    """
    found = [deserialize(item) for item in client.scan(TableName=table)["Items"]]
    for item in found:
        for attribute in ("version", "recorded_at", "message_id"):
            item.pop(attribute, None)
        if ENDED_AS in item:
            item[ENDED_AS] = "some end"
    return sorted(found, key=lambda item: json.dumps([item["pk"], item["sk"]]))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.data(), lives(longest=8))
def test_any_schedule_leaves_the_same_items_in_dynamodb(
    dynamodb: "DynamoDBClient", data: st.DataObject, life: Life
) -> None:
    tables = []
    for schedule in (life.undisturbed, data.draw(schedules(life))):
        table = f"ledger-{len(dynamodb.list_tables()['TableNames'])}"
        create_table(dynamodb, table)
        respot = Respot(DynamoDbLedger(dynamodb, table, clock=FakeClock(LATER), retention=timedelta(days=400)))
        respot.ledger.created_at = lambda: CREATED  # type: ignore[method-assign] # moto's tables are of today
        respot.live(life, schedule)
        tables.append(table)
    undisturbed, disturbed = (items(dynamodb, table) for table in tables)
    assert disturbed == undisturbed
    for table in tables:
        dynamodb.delete_table(TableName=table)
