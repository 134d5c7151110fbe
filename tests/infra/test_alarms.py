"""Every alarm of the templates has a cause, and its cause makes it fire, as CloudWatch is documented to evaluate it.

Where the metric is Respot's own, the real handlers emit it; where it is AWS's, the samples follow AWS's description.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from infra.config import Config
from respot.bootstrap.observability import metrics
from respot.errors import (
    CreateLaterError,
    LedgerUnavailableError,
    PolicyInvalidError,
    Postponement,
    RespotError,
    TopicUnavailableError,
    UpstreamUnavailableError,
    WebhookRefusedError,
)
from respot.handlers import alert, record, recover, slack, sweep
from respot.jobs.message import write_message
from respot.metrics import (
    FAILED_DUE_ALERT_AGE,
    FAILED_OBSERVATION_AGE,
    FAILED_RECOVERY_AGE,
    FAILED_SLACK_MESSAGE_AGE,
    NAMESPACE,
    SERVICE_DIMENSION,
    SERVICE_VARIABLE,
    SWEEP_AGE,
    TRANSITIONS_FIRST_SEEN_BY_SWEEP,
)
from respot.queueing import RetrySchedule
from respot.recording.consumer import ObservationConsumer
from respot.recording.observation import RecheckRequest, write_recheck
from respot.recording.recorder import Recorder
from respot.recovery.consumer import RecoveryConsumer
from respot.recovery.planning.ending import Budget
from respot.recovery.policy.policy import BackOff
from respot.slack.blocks import SlackMessage
from respot.slack.relay import SlackRelay
from tests.infra.synthesis import Resource, render, synthesize_all
from tests.support.builders import CREATED, NAME, REGION, event, job_id, milliseconds, redelivery, snapshot
from tests.support.clock import FakeClock
from tests.support.cloudwatch import MINUTE, FakeQueue, Message, Sample, fired_after, is_alarm
from tests.support.faulty import FaultyJobs, FaultyLedger
from tests.support.memory import MemoryDelayQueue, MemoryDrillPosts, MemoryLedger
from tests.support.printed import Printed, printed
from tests.support.recovery_environment import SECOND, RecoveryEnvironment
from tests.support.sweep_environment import NOW, Environment

__all__ = ["printed"]  # used by each test, asked for or not

START: Final = CREATED + timedelta(hours=3, minutes=7, seconds=13)
"""When the trouble begins; the periods of alarms begin at other moments."""
INTERVAL: Final = timedelta(minutes=5)
"""Between two sweeps."""
AN_OUTAGE: Final = timedelta(minutes=15)
LONG: Final = timedelta(hours=2)

Handler = Callable[[dict[str, Any], Any], Any]


class Context:
    """Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@dataclass
class Stage:
    """The real handlers, their queues, and what they emit.

    Attributes:
        emitted: samples of Respot's own metrics, by name.
        delays: what the functions asked their queues to hide messages for.
    """

    monkeypatch: pytest.MonkeyPatch
    printed: Printed
    clock: FakeClock = field(default_factory=lambda: FakeClock(START))
    emitted: dict[str, list[Sample]] = field(default_factory=dict)
    delays: MemoryDelayQueue = field(default_factory=MemoryDelayQueue)

    def call(self, handler: Handler, event: dict[str, Any]) -> Any:  # noqa: ANN401 - as the handler answers
        """Call a function and note what its embedded metrics say."""
        self.printed()
        answer = handler(event, Context())
        for line in self.printed():
            for group in line.get("_aws", {}).get("CloudWatchMetrics", ()):
                assert (group["Namespace"], group["Dimensions"]) == (NAMESPACE, [[SERVICE_DIMENSION]])
                assert line[SERVICE_DIMENSION] == "Respot"
                for metric in group["Metrics"]:
                    samples = self.emitted.setdefault(metric["Name"], [])
                    samples += [Sample(self.clock(), value) for value in line[metric["Name"]]]
        return answer

    def redelivery(self, *, first: float = 5, longest: float = 900) -> RetrySchedule:
        """Delays in seconds, on this stage's clock."""
        return redelivery(self.delays, first=first, longest=longest, clock=self.clock)

    def deliver(self, queue: FakeQueue, handler: Handler, *, until: datetime) -> None:
        """Have the function take what is due, again and again."""
        while queue.messages and (due := min(each.visible_at for each in queue.messages)) <= until:
            self.clock.moment = max(self.clock(), due)
            batch = {f"m{number}": each for number, each in enumerate(queue.receive(now=self.clock()))}
            answer = self.call(
                handler,
                {
                    "Records": [
                        {
                            "messageId": name,
                            "receiptHandle": name,
                            "body": each.body,
                            "attributes": {
                                "ApproximateReceiveCount": str(len(each.received)),
                                "SentTimestamp": str(milliseconds(each.sent)),
                                "ApproximateFirstReceiveTimestamp": str(milliseconds(each.received[0])),
                            },
                        }
                        for name, each in batch.items()
                    ]
                },
            )
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            for name, each in batch.items():
                if name in failed:
                    each.visible_at = self.clock() + self.delays.delays.pop(name, queue.visibility)
                else:
                    queue.messages.remove(each)
        self.clock.moment = max(self.clock(), until)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, printed: Printed) -> Iterator[Stage]:
    monkeypatch.setenv(SERVICE_VARIABLE, "Respot")
    metrics.cache_clear()
    stage = Stage(monkeypatch, printed)
    for module in (record, recover, alert, slack):
        monkeypatch.setattr(module, "now", stage.clock)
    yield stage
    metrics.cache_clear()


@pytest.fixture(scope="module", name="alarms")
def all_alarms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Resource]:
    """All that can be deployed: with Slack, and with a second region."""
    config = Config(regions=("us-east-1", "eu-west-1"), slack_webhook_secret="respot/slack-webhook")  # noqa: S106 - a name
    stacks = synthesize_all(tmp_path_factory.mktemp("alarms"), config)
    return {
        re.sub("^Alarms?", "", name): render(alarm)
        for stack in stacks.values()
        for name, alarm in stack.of_type("CloudWatch::Alarm").items()
    }


# --- Respot's own metrics: the real handlers, in trouble


def record_in_trouble(stage: Stage, fault: RespotError, *, lasts: timedelta = AN_OUTAGE) -> tuple[Message, ...]:
    """An event arrives, and its job cannot be described or recorded for so long; returns the messages."""
    jobs = FaultyJobs()
    jobs.snapshots[REGION, NAME] = snapshot("Starting=0 Training=390")
    ledger = FaultyLedger(ledger=MemoryLedger(created=CREATED))
    if isinstance(fault, LedgerUnavailableError):
        ledger.faults["load"] = fault
    else:
        jobs.faults[NAME] = fault
    consumer = ObservationConsumer(recorder=Recorder(jobs=jobs, ledger=ledger), redelivery=stage.redelivery())
    stage.monkeypatch.setattr(record, "consumer", lambda: consumer)
    queue = FakeQueue()
    queue.send(json.dumps(event()), now=START)
    sent = tuple(queue.messages)
    stage.deliver(queue, record.handler, until=START + lasts)
    jobs.faults.clear()
    ledger.faults.clear()
    stage.deliver(queue, record.handler, until=START + LONG)
    return sent


def failing_observations(stage: Stage) -> list[Sample]:
    record_in_trouble(stage, UpstreamUnavailableError("ThrottlingException"))
    return stage.emitted[FAILED_OBSERVATION_AGE]


def resubmit_on(stage: Stage, env: RecoveryEnvironment) -> FakeQueue:
    """A job has just ended, and its message is in the recovery queue."""
    job = env.ended()
    env.clock.moment = START
    stage.clock = env.clock
    stage.monkeypatch.setattr(recover, "now", env.clock)
    consumer = RecoveryConsumer(recovery=env.recovery, redelivery=stage.redelivery(longest=1800))
    stage.monkeypatch.setattr(recover, "recovery_consumer", lambda: consumer)
    queue = FakeQueue(visibility=timedelta(minutes=12))
    queue.send(write_message(job), now=START)
    return queue


def resubmit_in_trouble(stage: Stage, call: str, fault: RespotError, *, lasts: timedelta = AN_OUTAGE) -> None:
    env = RecoveryEnvironment()
    queue = resubmit_on(stage, env)
    env.faults[call] = fault
    stage.deliver(queue, recover.handler, until=START + lasts)
    env.faults.clear()
    stage.deliver(queue, recover.handler, until=START + LONG)
    assert env.sagemaker.created == [SECOND]


def failing_recovery(stage: Stage) -> list[Sample]:
    resubmit_in_trouble(stage, "s3.list", UpstreamUnavailableError("AccessDenied"))
    return stage.emitted[FAILED_RECOVERY_AGE]


class Dead:
    """A topic, or a chat, that takes nothing."""

    def catch_up(self, _job: object) -> None:
        message = "AuthorizationError"
        raise TopicUnavailableError(message)

    def post(self, _message: SlackMessage) -> None:
        message = "Slack answered 404"
        raise WebhookRefusedError(message)


def failing_due_alerts(stage: Stage) -> list[Sample]:
    stage.monkeypatch.setattr(alert, "alerter", Dead)
    queue = FakeQueue(visibility=timedelta(minutes=12))
    queue.send(write_message(job_id()), now=START)
    stage.deliver(queue, alert.handler, until=START + AN_OUTAGE)
    return stage.emitted[FAILED_DUE_ALERT_AGE]


def failing_slack(stage: Stage) -> list[Sample]:
    relay = SlackRelay(chat=Dead(), redelivery=stage.redelivery(first=30, longest=3600), drills=MemoryDrillPosts())
    stage.monkeypatch.setattr(slack, "slack_relay", lambda: relay)
    queue = FakeQueue()
    queue.send("an alarm", now=START)
    stage.deliver(queue, slack.handler, until=START + AN_OUTAGE)
    return stage.emitted[FAILED_SLACK_MESSAGE_AGE]


def old_sweep(stage: Stage) -> list[Sample]:
    """A region's list can no longer be read; the others can."""
    env, healthy = Environment(regions=(REGION, "eu-west-1")), 20
    env.watched()
    stage.clock = env.clock
    stage.monkeypatch.setattr(sweep, "heartbeat_queues", tuple)
    stage.monkeypatch.setattr(sweep, "sweeper", env.invocation)
    for number in range(healthy + 20):
        if number == healthy:
            env.lists.faults[REGION, None] = UpstreamUnavailableError("ListTrainingJobs: AccessDenied")
        env.clock.moment = NOW + number * INTERVAL
        stage.call(sweep.handler, {})
    shift = START - (NOW + healthy * INTERVAL)
    return [Sample(each.at + shift, each.value) for each in stage.emitted[SWEEP_AGE]]


def lost_events(stage: Stage) -> list[Sample]:
    jobs = FaultyJobs()
    jobs.snapshots[REGION, NAME] = snapshot("Starting=0 Training=390")
    recorder = Recorder(jobs=jobs, ledger=MemoryLedger(created=CREATED))
    consumer = ObservationConsumer(recorder=recorder, redelivery=stage.redelivery())
    stage.monkeypatch.setattr(record, "consumer", lambda: consumer)
    queue = FakeQueue()
    queue.send(write_recheck(RecheckRequest(region=REGION, name=NAME, watched_since=CREATED, overdue=START)), now=START)
    stage.deliver(queue, record.handler, until=START + MINUTE)
    return stage.emitted[TRANSITIONS_FIRST_SEEN_BY_SWEEP]


# --- AWS's metrics, as AWS describes them


def each_minute(value: Callable[[timedelta], float | None], *, lasts: timedelta = LONG) -> list[Sample]:
    spans = [number * MINUTE for number in range(lasts // MINUTE + 1)]
    return [Sample(START + span, told) for span in spans if (told := value(span)) is not None]


def an_error(_: Stage) -> list[Sample]:
    """`Errors`: invocations that end in an error, time-outs included; one is enough."""
    return [Sample(START, 1)]


def a_dead_letter(_: Stage) -> list[Sample]:
    """`ApproximateNumberOfMessagesVisible` of a queue that nothing has touched for six hours.

    SQS measures active queues only, and takes up to 15 minutes to begin with one that was not
    (Amazon SQS Developer Guide, "Monitoring Amazon SQS queues using CloudWatch").
    """
    return each_minute(lambda span: 1 if span >= timedelta(minutes=15) else None)


def a_backlog(_: Stage) -> list[Sample]:
    """`ApproximateAgeOfOldestMessage` of a queue that nobody reads any more."""
    queue = FakeQueue()
    queue.send("waits", now=START)
    return each_minute(lambda span: queue.age_of_oldest_message(now=START + span))


def always_messages(_: Stage) -> list[Sample]:
    """`ApproximateNumberOfMessagesVisible` of a queue from which less is taken than arrives."""
    queue = FakeQueue()
    queue.send("waits", now=START)
    return each_minute(lambda span: queue.messages_visible(now=START + span))


def a_stuck_batch(_: Stage) -> list[Sample]:
    """`IteratorAge`: a batch that fails is sent to the function again, older each time."""
    return each_minute(lambda span: span.total_seconds() * 1000)


def no_more_logs(_: Stage) -> list[Sample]:
    """`IncomingLogEvents`: Lambda's START, END and REPORT of each heartbeat, until nothing arrives any more."""
    return [Sample(START - number * INTERVAL, 3) for number in range(20)]


def no_more_batches(_: Stage) -> list[Sample]:
    """`IteratorAge`, sampled with each batch: one for each heartbeat, until nothing is shown any more."""
    return [Sample(START - number * INTERVAL, 40) for number in range(20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What makes an alarm fire.

    Attributes:
        metric: the one that the alarm watches.
        of: the value of its dimension.
        play: plays the cause from `START` on and returns the metric's samples.
        within: when the alarm has fired by.
    """

    metric: str
    of: str
    play: Callable[[Stage], list[Sample]]
    within: timedelta


def ours(metric: str, play: Callable[[Stage], list[Sample]], *, minutes: int) -> Cause:
    return Cause(metric=f"{NAMESPACE}/{metric}", of="Respot", play=play, within=minutes * MINUTE)


def dead_letters(queue: str) -> Cause:
    of = f"${{{queue}DeadLetters.QueueName}}"
    metric = "AWS/SQS/ApproximateNumberOfMessagesVisible"
    return Cause(metric=metric, of=of, play=a_dead_letter, within=17 * MINUTE)


def backlog(queue: str) -> Cause:
    metric = "AWS/SQS/ApproximateAgeOfOldestMessage"
    return Cause(metric=metric, of=f"${{{queue}.QueueName}}", play=a_backlog, within=17 * MINUTE)


def errors(function: str) -> Cause:
    return Cause(metric="AWS/Lambda/Errors", of=f"${{{function}Function}}", play=an_error, within=6 * MINUTE)


def lag(function: str) -> Cause:
    of = f"${{{function}Function}}"
    return Cause(metric="AWS/Lambda/IteratorAge", of=of, play=a_stuck_batch, within=7 * MINUTE)


def silence(function: str) -> Cause:
    metric = "AWS/Logs/IncomingLogEvents"
    return Cause(metric=metric, of=f"${{{function}Logs}}", play=no_more_logs, within=31 * MINUTE)


CAUSES: Final = {
    "ObservationsAge": backlog("RecordingObservationsQueue"),
    "ObservationsFailing": ours(FAILED_OBSERVATION_AGE, failing_observations, minutes=15),
    "ObservationsDeadLetters": dead_letters("RecordingObservations"),
    "AlertStreamAge": lag("Alert"),
    "AlertStreamSilent": Cause(
        metric="AWS/Lambda/IteratorAge", of="${AlertFunction}", play=no_more_batches, within=31 * MINUTE
    ),
    "AlertsDeadLetters": dead_letters("AlertingAlertsStream"),
    "DueAlertsAge": backlog("AlertingDueAlertsQueue"),
    "DueAlertsFailing": ours(FAILED_DUE_ALERT_AGE, failing_due_alerts, minutes=15),
    "DueAlertsDeadLetters": dead_letters("AlertingDueAlerts"),
    "EnqueueEndedStreamAge": lag("EnqueueEnded"),
    "EndedJobsDeadLetters": dead_letters("RecoveryEndedJobsStream"),
    "RecoveryBacklog": Cause(
        metric="AWS/SQS/ApproximateNumberOfMessagesVisible",
        of="${RecoveryQueue.QueueName}",
        play=always_messages,
        within=17 * MINUTE,
    ),
    # Two failures, counted in the five minutes of each, when these are over.
    "RecoveryFailing": ours(FAILED_RECOVERY_AGE, failing_recovery, minutes=16),
    "RecoveryDeadLetters": dead_letters("RecoveryQueue"),
    "LostEvents": ours(TRANSITIONS_FIRST_SEEN_BY_SWEEP, lost_events, minutes=6),
    # The last complete one began an interval before.
    "SweepAge": ours(SWEEP_AGE, old_sweep, minutes=30),
    "SlackAge": backlog("SlackQueue"),
    "SlackFailing": ours(FAILED_SLACK_MESSAGE_AGE, failing_slack, minutes=15),
    "SlackDeadLetters": dead_letters("SlackQueue"),
    "ForwarderDeadLetters": dead_letters("Forwarder"),
    **{f"{name}Errors": errors(name) for name in ("Record", "Alert", "EnqueueEnded", "Recover", "Sweep", "Slack")},
    **{
        f"{name}Silent": silence(f"{capability}{name}")
        for capability, name in (
            ("Recording", "Record"),
            ("Alerting", "Alert"),
            ("Recovery", "EnqueueEnded"),
            ("Recovery", "Recover"),
            ("", "Slack"),
        )
    },
}


def test_every_alarm_has_a_cause_that_is_played_here(alarms: dict[str, Resource]) -> None:
    assert sorted(alarms) == sorted(CAUSES)


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_of_an_alarm_makes_it_fire_in_time(alarms: dict[str, Resource], stage: Stage, name: str) -> None:
    alarm, cause = alarms[name], CAUSES[name]
    (dimension,) = alarm["Dimensions"]
    assert (f"{alarm['Namespace']}/{alarm['MetricName']}", dimension["Value"]) == (cause.metric, cause.of)
    samples = cause.play(stage)
    before = [sample for sample in samples if sample.at <= START]
    if before[1:]:  # where there is a time before the trouble, nothing fires in it
        assert fired_after(alarm, before, since=START - 8 * INTERVAL, until=START) is None
    fired = fired_after(alarm, samples, since=START, until=START + LONG)
    assert fired is not None
    assert fired <= cause.within


@pytest.mark.parametrize(
    "fault",
    [
        UpstreamUnavailableError("DescribeTrainingJob: ThrottlingException"),
        UpstreamUnavailableError("DescribeTrainingJob: AccessDeniedException"),
        UpstreamUnavailableError("ListTags: no answer"),
        LedgerUnavailableError("Query: AccessDeniedException"),
    ],
    ids=str,
)
def test_an_outage_of_a_quarter_of_an_hour_is_noticed_where_jobs_are_recorded(
    alarms: dict[str, Resource], stage: Stage, fault: RespotError
) -> None:
    record_in_trouble(stage, fault)
    samples = stage.emitted[FAILED_OBSERVATION_AGE]
    fired = fired_after(alarms["ObservationsFailing"], samples, since=START, until=START + LONG)
    assert fired is not None
    assert fired <= AN_OUTAGE


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("ledger.load", LedgerUnavailableError("Query: AccessDeniedException")),
        ("ssm.load", UpstreamUnavailableError("GetParameter: AccessDeniedException")),
        ("s3.list", UpstreamUnavailableError("ListObjectsV2: AccessDenied")),
        ("sagemaker.document", UpstreamUnavailableError("DescribeTrainingJob: no answer")),
        ("sagemaker.create", CreateLaterError("CreateTrainingJob: throttled", reason=Postponement.THROTTLED)),
        ("sagemaker.create", CreateLaterError("CreateTrainingJob: no answer", reason=Postponement.UNANSWERED)),
    ],
    ids=str,
)
def test_an_outage_of_a_quarter_of_an_hour_is_noticed_where_jobs_are_resubmitted(
    alarms: dict[str, Resource], stage: Stage, call: str, fault: RespotError
) -> None:
    resubmit_in_trouble(stage, call, fault)
    samples = stage.emitted[FAILED_RECOVERY_AGE]
    fired = fired_after(alarms["RecoveryFailing"], samples, since=START, until=START + LONG)
    assert fired is not None
    assert fired <= AN_OUTAGE + MINUTE


def test_an_outage_of_a_few_minutes_is_waited_out_in_silence(alarms: dict[str, Resource], stage: Stage) -> None:
    record_in_trouble(stage, UpstreamUnavailableError("ThrottlingException"), lasts=timedelta(minutes=5))
    stage.clock = FakeClock(START)
    resubmit_in_trouble(stage, "s3.list", UpstreamUnavailableError("SlowDown"), lasts=timedelta(minutes=5))
    for name, metric in (("ObservationsFailing", FAILED_OBSERVATION_AGE), ("RecoveryFailing", FAILED_RECOVERY_AGE)):
        assert fired_after(alarms[name], stage.emitted[metric], since=START, until=START + LONG) is None


def test_sqs_does_not_see_an_outage_in_the_age_of_the_oldest_message(alarms: dict[str, Resource], stage: Stage) -> None:
    """Its third receipt, 15 s after the first, takes a message out of SQS's metric."""
    (received,) = (
        each.received for each in record_in_trouble(stage, UpstreamUnavailableError("no answer"), lasts=LONG)
    )
    third = received[2] - START
    samples = each_minute(lambda span: span.total_seconds() if span < third else None)
    assert fired_after(alarms["ObservationsAge"], samples, since=START, until=START + LONG) is None


# --- what waits for a reason is no failure


def waits(env: RecoveryEnvironment, why: str) -> None:
    """Give the job's message a reason to wait for hours."""
    match why:
        case "a pause":
            hours = timedelta(hours=12)
            env.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=hours, longest=hours)))
        case "a quota":
            env.faults["sagemaker.create"] = CreateLaterError("ResourceLimitExceeded", reason=Postponement.QUOTA)
        case "an invalid policy":  # people are alerted
            env.faults["ssm.load"] = PolicyInvalidError("no JSON")


@pytest.mark.parametrize("why", ["a pause", "a quota", "an invalid policy"])
def test_a_job_that_waits_for_a_reason_fires_no_alarm(alarms: dict[str, Resource], stage: Stage, why: str) -> None:
    env = RecoveryEnvironment()
    queue = resubmit_on(stage, env)
    waits(env, why)
    stage.deliver(queue, recover.handler, until=START + timedelta(hours=1))
    assert queue.messages
    assert FAILED_RECOVERY_AGE not in stage.emitted
    backlog = each_minute(lambda span: queue.messages_visible(now=START + span), lasts=timedelta(hours=1))
    assert fired_after(alarms["RecoveryBacklog"], backlog, since=START, until=START + timedelta(hours=1)) is None


@pytest.mark.parametrize("lasts", [False, True], ids=["once", "again and again"])
@pytest.mark.parametrize("why", ["a pause", "a quota", "an invalid policy"])
def test_after_hours_of_waiting_a_failure_fires_the_alarm_only_if_it_is_repeated(
    alarms: dict[str, Resource], stage: Stage, why: str, *, lasts: bool
) -> None:
    env = RecoveryEnvironment()
    queue = resubmit_on(stage, env)
    waits(env, why)
    stage.deliver(queue, recover.handler, until=START + timedelta(hours=1))
    failing = queue.messages[0].visible_at
    env.faults["ledger.load"] = LedgerUnavailableError("no answer")
    stage.deliver(queue, recover.handler, until=failing)
    if not lasts:
        del env.faults["ledger.load"]
    stage.deliver(queue, recover.handler, until=failing + LONG)
    samples = stage.emitted[FAILED_RECOVERY_AGE]
    fired = fired_after(alarms["RecoveryFailing"], samples, since=failing, until=failing + LONG)
    assert (fired is not None) is lasts


def test_after_a_pause_of_hours_an_outage_of_a_few_minutes_is_waited_out_in_silence(
    alarms: dict[str, Resource], stage: Stage
) -> None:
    """The message is old, and has not been failing for long."""
    env = RecoveryEnvironment()
    queue = resubmit_on(stage, env)
    waits(env, "a pause")
    stage.deliver(queue, recover.handler, until=START + timedelta(hours=1))
    failing = queue.messages[0].visible_at
    env.faults["ledger.load"] = LedgerUnavailableError("no answer")
    stage.deliver(queue, recover.handler, until=failing + timedelta(minutes=5, seconds=30))
    env.faults.clear()
    stage.deliver(queue, recover.handler, until=failing + LONG)
    samples = stage.emitted[FAILED_RECOVERY_AGE]
    assert len(samples) > 5
    assert fired_after(alarms["RecoveryFailing"], samples, since=failing, until=failing + LONG) is None


# --- how CloudWatch treats what is missing


@pytest.mark.parametrize(
    ("points", "datapoints", "breaching", "not_breaching"),
    [
        # The tables of "Configuring how CloudWatch alarms treat missing data": 0 is within the threshold, X beyond it.
        ("0-X-X", 3, False, False),
        ("----0", 3, False, False),
        ("-----", 3, True, False),
        ("0XX-X", 3, True, True),
        ("--X--", 3, True, False),
        ("0-X-X", 2, True, True),
        ("00X0X", 2, True, True),
        ("0-X--", 2, True, False),
        ("----0", 2, True, False),
        ("---X-", 2, True, False),
    ],
)
def test_alarms_are_evaluated_as_in_the_tables_of_the_documentation(
    points: str, datapoints: int, *, breaching: bool, not_breaching: bool
) -> None:
    seen = [{"0": False, "X": True, "-": None}[point] for point in points]
    for missing, expected in (("breaching", breaching), ("notBreaching", not_breaching)):
        assert is_alarm(seen, periods=3, datapoints=datapoints, missing=missing) is expected
