"""Causes of alarms on Respot's own metrics: the real handlers, in trouble."""

import json
from datetime import timedelta

from local.proof.alarms import Sample
from respot.errors import (
    LedgerUnavailableError,
    RespotError,
    ScheduleUnavailableError,
    TopicUnavailableError,
    UnreadableItemError,
    UpstreamUnavailableError,
    WebhookRefusedError,
)
from respot.handlers import alert, record, recover, slack, sweep
from respot.jobs.message import write_message
from respot.metrics import (
    DRILL_RECORDS_FAILED,
    FAILED_DUE_ALERT_AGE,
    FAILED_OBSERVATION_AGE,
    FAILED_RECOVERY_AGE,
    FAILED_SLACK_MESSAGE_AGE,
    POLICY_READS_FAILED,
    SCHEDULES_FAILED,
    SWEEP_AGE,
    TRANSITIONS_FIRST_SEEN_BY_SWEEP,
    UNREADABLE_ITEMS,
)
from respot.recording.consumer import ObservationConsumer
from respot.recording.observation import SweepObservation, write_recheck
from respot.recording.recorder import Recorder
from respot.recovery.consumer import RecoveryConsumer
from respot.slack.blocks import SlackMessage
from respot.slack.relay import Relayed, SlackRelay
from respot.sweep.report import SweepReport
from tests.infra.alarm_stage import AN_OUTAGE, INTERVAL, LONG, START, Stage
from tests.support.builders import CREATED, NAME, REGION, event, job_id, snapshot
from tests.support.cloudwatch import MINUTE, FakeQueue, Message
from tests.support.memory import MemoryDrillPosts, MemoryLedger, MemoryTrainingJobs
from tests.support.recovery_environment import SECOND, RecoveryEnvironment
from tests.support.sweep_environment import NOW, Environment
from tests.support.with_hooks import Hooks, with_hooks


def record_in_trouble(stage: Stage, fault: RespotError, *, lasts: timedelta = AN_OUTAGE) -> tuple[Message, ...]:
    """An event arrives, and its job cannot be described or recorded for this long; returns the messages."""
    jobs = MemoryTrainingJobs()
    jobs.snapshots[REGION, NAME] = snapshot("Starting=0 Training=390")
    hooks = Hooks()
    if isinstance(fault, LedgerUnavailableError | UnreadableItemError):
        hooks.faults["load"] = fault
    else:
        jobs.faults[NAME] = fault
    recorder = Recorder(jobs=jobs, ledger=with_hooks(MemoryLedger(created=CREATED), hooks.gate))
    consumer = ObservationConsumer(recorder=recorder, retry_schedule=stage.retry_schedule())
    stage.monkeypatch.setattr(record, "consumer", lambda: consumer)
    queue = FakeQueue()
    queue.send(json.dumps(event()), now=START)
    sent = tuple(queue.messages)
    stage.deliver(queue, record.handler, until=START + lasts)
    jobs.faults.clear()
    hooks.faults.clear()
    stage.deliver(queue, record.handler, until=START + LONG)
    return sent


def failing_observations(stage: Stage) -> list[Sample]:
    record_in_trouble(stage, UpstreamUnavailableError("ThrottlingException"))
    return stage.emitted[FAILED_OBSERVATION_AGE]


def recover_on(stage: Stage, env: RecoveryEnvironment) -> FakeQueue:
    """A job has just ended, and its message is in the recovery queue."""
    job = env.ended()
    env.clock.moment = START
    stage.clock = env.clock
    stage.monkeypatch.setattr(recover, "now", env.clock)
    consumer = RecoveryConsumer(recovery=env.recovery, retry_schedule=stage.retry_schedule(longest=1800))
    stage.monkeypatch.setattr(recover, "recovery_consumer", lambda: consumer)
    queue = FakeQueue(visibility=timedelta(minutes=12))
    queue.send(write_message(job), now=START)
    return queue


def recover_in_trouble(stage: Stage, call: str, fault: RespotError, *, lasts: timedelta = AN_OUTAGE) -> None:
    env = RecoveryEnvironment()
    queue = recover_on(stage, env)
    env.faults[call] = fault
    stage.deliver(queue, recover.handler, until=START + lasts)
    env.faults.clear()
    stage.deliver(queue, recover.handler, until=START + LONG)
    assert env.sagemaker.created == [SECOND]


def failing_schedules(stage: Stage) -> list[Sample]:
    """A job with a deadline waits, each sweep has it checked, and Scheduler refuses its schedule."""
    env = RecoveryEnvironment()
    queue = recover_on(stage, env)
    queue.messages.clear()
    env.on_schedule_failure = recover._schedule_failed  # noqa: SLF001
    env.faults["scheduler.keep"] = ScheduleUnavailableError("CreateSchedule: AccessDeniedException")
    env.set_policy(deadline=timedelta(days=2), work=timedelta(days=1))
    job = env.submit("waits")
    while env.clock() < START + LONG:
        env.clock.pass_by(INTERVAL)
        queue.send(write_message(job), now=env.clock())
        stage.deliver(queue, recover.handler, until=env.clock())
    return stage.emitted[SCHEDULES_FAILED]


def failing_recovery(stage: Stage) -> list[Sample]:
    recover_in_trouble(stage, "s3.list", UpstreamUnavailableError("AccessDenied"))
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
    relay = SlackRelay(
        chat=Dead(), retry_schedule=stage.retry_schedule(first=30, longest=3600), drills=MemoryDrillPosts()
    )
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


class Unread:
    """A sweeper that cannot read the policy."""

    def sweep(self, **_: object) -> tuple[SweepReport, ...]:
        denied = UpstreamUnavailableError("GetParameter: AccessDeniedException")
        return (SweepReport(scope=REGION, age=timedelta(), complete=True, policy_error=denied),)


def unread_policy(stage: Stage) -> list[Sample]:
    stage.monkeypatch.setattr(sweep, "heartbeat_queues", tuple)
    stage.monkeypatch.setattr(sweep, "sweeper", Unread)
    for _ in range(6):
        stage.call(sweep.handler, {})
        stage.clock.pass_by(INTERVAL)
    return stage.emitted[POLICY_READS_FAILED]


class Unrecorded:
    """A relay whose drills cannot be noted."""

    def relay(self, _: object) -> Relayed:
        return Relayed(posted=0, retries=(), drill_errors=(LedgerUnavailableError("PutItem: AccessDeniedException"),))


def unrecorded_drill(stage: Stage) -> list[Sample]:
    stage.monkeypatch.setattr(slack, "slack_relay", Unrecorded)
    stage.call(slack.handler, {"Records": []})
    return stage.emitted[DRILL_RECORDS_FAILED]


def unreadable_items(stage: Stage) -> list[Sample]:
    """An event arrives of a job whose state a newer version has written."""
    record_in_trouble(stage, UnreadableItemError("job#...", "state", "a word"), lasts=MINUTE)
    return stage.emitted[UNREADABLE_ITEMS]


def lost_events(stage: Stage) -> list[Sample]:
    jobs = MemoryTrainingJobs()
    jobs.snapshots[REGION, NAME] = snapshot("Starting=0 Training=390")
    recorder = Recorder(jobs=jobs, ledger=MemoryLedger(created=CREATED))
    consumer = ObservationConsumer(recorder=recorder, retry_schedule=stage.retry_schedule())
    stage.monkeypatch.setattr(record, "consumer", lambda: consumer)
    queue = FakeQueue()
    queue.send(
        write_recheck(SweepObservation(region=REGION, name=NAME, watched_since=CREATED, event_due_by=START)), now=START
    )
    stage.deliver(queue, record.handler, until=START + MINUTE)
    return stage.emitted[TRANSITIONS_FIRST_SEEN_BY_SWEEP]
