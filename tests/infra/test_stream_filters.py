"""What of the ledger's stream reaches whom: the deployed patterns, against items as the adapters write them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from respot import schema
from respot.alerting.kinds import KIND_BY_STATUS
from respot.alerting.weekly.digest import WeeklyOutcome, WeeklyRecord
from respot.alerting.weekly.week import week_before
from respot.aws.dynamodb.alerts import alert_item
from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.digests import digest_key, entry_item, window_item
from respot.aws.dynamodb.job_items import state_item, transition_item
from respot.aws.dynamodb.lease import leased_item
from respot.aws.dynamodb.refusals import refusal_item
from respot.aws.dynamodb.run_items import (
    attempt_item,
    attempt_name_item,
    creation_intent_item,
    decision_item,
    next_step_item,
    notice_item,
    outcome_item,
    reservation_item,
    stop_intent_item,
)
from respot.aws.dynamodb.run_summaries import summary_item
from respot.aws.dynamodb.starts import start_item
from respot.aws.dynamodb.sweeps import progress_item
from respot.aws.dynamodb.weekly import weekly_item
from respot.jobs.job import JobId, JobRecord, JobSnapshot, Market
from respot.jobs.lifecycle import ENDS, INTERRUPTED
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action, Decision, Placement
from respot.recovery.planning.run import run_id
from respot.recovery.planning.start_history import MeasuredStart, StartPool, StartSample
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.records import (
    AttemptRecord,
    CreationIntent,
    DecisionRecord,
    LocationReservation,
    NextStep,
    NoticeKind,
    Outcome,
    OutcomeKind,
    Refusal,
)
from respot.runs.run_state import RunState
from respot.runs.summary import RunSummary
from respot.schema import CHECKS
from respot.sweep.progress import SweepProgress
from tests.infra.synthesis import Synthesized
from tests.support.builders import CREATED, a_drill, job_id, member_of, snapshot, transition, window_of
from tests.support.records import alert_record
from tests.support.runs import saved

ALERT, RECOVER = "AlertingAlertsStream", "RecoveryEndedJobsStream"
RUN, RETENTION = run_id(job_id()), timedelta(days=400)


def patterns(template: Synthesized, reader: str) -> list[dict[str, Any]]:
    filters = template.properties(f"{reader}Delivery")["FilterCriteria"]["Filters"]
    return [json.loads(each["Pattern"]) for each in filters]


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Lambda's rule: of each field that a pattern names, the value is one of those that it lists, or it exists."""
    return all(
        matches(wanted, event.get(name, {}))
        if isinstance(wanted, dict)
        else name in event and any(_is_wanted(event[name], each) for each in wanted)
        for name, wanted in pattern.items()
    )


def _is_wanted(value: object, wanted: object) -> bool:
    match wanted:
        case {"anything-but": others}:
            return value not in others
        case {"exists": True}:
            return True
        case _:
            return value == wanted


def readers(template: Synthesized, item: Item, event_name: str = "INSERT") -> set[str]:
    """Who is shown an event about this item."""
    keys = {name: item[name] for name in (schema.PK, schema.SK)}
    image = {} if event_name == "REMOVE" else {"NewImage": item}
    event = {"eventName": event_name, "dynamodb": {"Keys": keys, "StreamViewType": "NEW_IMAGE"} | image}
    return {
        reader for reader in (ALERT, RECOVER) if any(matches(pattern, event) for pattern in patterns(template, reader))
    }


def recorded(status: str, ended_as: str | None = None, job: JobId | None = None) -> Item:
    marked = replace(transition(status), ended_as=ended_as)
    return transition_item(job or job_id(), marked, now=CREATED, retention=RETENTION)


def state(seen: JobSnapshot) -> Item:
    return state_item(reconcile(JobRecord(), seen), RETENTION)


def decision(**others: Any) -> Item:  # noqa: ANN401
    plain = Decision(action=Action.REFUSE, reason="because", inputs={"budget": "spent"}, notify=True)
    record = DecisionRecord(
        job=job_id(),
        run=RUN,
        number=1,
        decision=replace(plain, **others),
        decided_at=CREATED,
        checkpoint=saved(3600),
        next_name=None,
    )
    return decision_item(record, RETENTION)


def outcome(kind: OutcomeKind) -> Item:
    return outcome_item(Outcome(job=job_id(), kind=kind, summary="so", settled_at=CREATED, name="next"), RETENTION)


def progress(scope: str = "us-east-1") -> Item:
    return progress_item(SweepProgress(scope=scope, watched_since=CREATED, leased_at=CREATED), until=CREATED)


def shown(*, alert: bool, recover: bool = False) -> set[str]:
    return {reader for reader, is_shown in ((ALERT, alert), (RECOVER, recover)) if is_shown}


PLACEMENT = Placement(
    market=Market.SPOT, instance_type="ml.g5.2xlarge", max_runtime=timedelta(hours=4), max_wait=timedelta(hours=6)
)
ASKED = CreationIntent(placement=PLACEMENT, at=CREATED)
NEXT = AttemptRecord(run=RUN, number=2, region="us-east-1", name="next", parent=job_id(), decided_at=CREATED)
SENT = alert_record("Failed")
INTENT = StopIntent(job=job_id(), waiting_since=CREATED, decided_at=CREATED, reason="waited too long")
SUMMARY = RunSummary(
    run=run_id(job_id()), state=RunState.WAITING, reason="it waits", since=CREATED, number=1, job=job_id()
)
NOTICE = notice_item(job_id(), NoticeKind.POLICY_INVALID, "no policy", now=CREATED, retention=RETENTION)
WRITER = LocationReservation(location="s3://b/p/", run=RUN, number=2)
REFUSAL = Refusal(region="us-east-1", market=Market.SPOT, why="no quota", refused_at=CREATED)
START = MeasuredStart(
    job=job_id(),
    pool=StartPool(region="us-east-1", instance_type="ml.g5.2xlarge", image=None),
    sample=StartSample(took=timedelta(minutes=12), seen=CREATED),
)
POST = {schema.PK: "drill#1", schema.SK: schema.POST_KEY, schema.KIND: "drill-post"}
STATUSES = (*KIND_BY_STATUS, *sorted(ENDS), "Starting", "Training", "Stopping", "Deleting", "NewInThe2030s")
WEEKLY = WeeklyRecord(
    week=week_before(CREATED).id,
    outcome=WeeklyOutcome.SENT,
    reason="all",
    headline="h",
    message_id="m",
    settled_at=CREATED,
)

CASES: dict[str, tuple[Item, set[str]]] = {
    **{s: (recorded(s), shown(alert=s in KIND_BY_STATUS, recover=s in ENDS | {INTERRUPTED})) for s in STATUSES},
    "stopped, marked: alert declines it": (recorded("Stopped", "Stopped"), {ALERT, RECOVER}),
    "completed, marked": (recorded("Completed", "Completed"), {RECOVER}),
    "failed, marked": (recorded("Failed", "Failed"), {ALERT, RECOVER}),
    "waited too long, marked": (recorded("MaxWaitTimeExceeded", "Stopped"), {ALERT, RECOVER}),
    "stopped in a way of tomorrow": (recorded("NewInThe2030s", "Stopped"), {ALERT, RECOVER}),
    "failed in a way of tomorrow": (recorded("NewInThe2030s", "Failed"), {ALERT, RECOVER}),
    "an end of tomorrow, seen late": (recorded("NewInThe2030s", "Deleting"), {ALERT, RECOVER}),
    "completed in a way of tomorrow": (recorded("NewInThe2030s", "Completed"), {RECOVER}),
    "a spot job appears": (state(snapshot(market=Market.SPOT, tags={"team": "vision"})), {ALERT}),
    "an on-demand job appears": (state(snapshot(market=Market.ON_DEMAND)), set()),
    "a job appears that is known from an event alone": (state(snapshot(market=None)), set()),
    "a refusal": (decision(), {ALERT}),
    "a dry run": (decision(action=Action.RESUBMIT, placement=PLACEMENT, attempt=2, dry_run=True), {ALERT}),
    **{f"outcome: {kind}": (outcome(kind), {ALERT}) for kind in OutcomeKind},
    "a notice": (NOTICE, {ALERT}),
    "a next step": (next_step_item(job_id(), NextStep(reason="a pause", at=None, noted_at=CREATED), RETENTION), set()),
    "a run's summary": (summary_item(SUMMARY, 1, RETENTION), set()),
    "an attempt": (attempt_item(NEXT, RETENTION), set()),
    "the name of an attempt": (attempt_name_item(NEXT, RETENTION), set()),
    "a stop that is about to follow": (stop_intent_item(INTENT, RETENTION), set()),
    "a creation that is about to follow": (
        creation_intent_item(job_id(), ASKED, now=CREATED, retention=RETENTION),
        set(),
    ),
    "a refused creation": (refusal_item(REFUSAL), set()),
    "what starting took a job": (start_item(START, RETENTION), set()),
    "a location's writer": (reservation_item(WRITER), set()),
    "an alert, which has a status too": (alert_item(SENT, RETENTION), set()),
    "how far a sweep has come": (progress(), set()),
    "a pool's window": (window_item(window_of(), RETENTION), set()),
    "a member of a digest": (entry_item(window_of(), member_of(1, 3721), RETENTION), set()),
    "a digest": (leased_item(digest_key(window_of()), CREATED), set()),
    **{f"a drill: {s}": (recorded(s, job=a_drill().job), shown(alert=s in KIND_BY_STATUS)) for s in STATUSES},
    "the state of a drill": (state(a_drill().snapshot()), set()),
    "what Slack said to a drill": (serialize(POST), set()),
    "a weekly digest": (weekly_item(week_before(CREATED), WEEKLY, RETENTION), set()),
}


@pytest.mark.parametrize("case", CASES)
def test_an_item_is_shown_to_whom_it_concerns_when_it_is_new(either: Synthesized, case: str) -> None:
    """What is written again or expires concerns nobody, but a transition that turns out to be the end."""
    item, expected = CASES[case]
    assert readers(either, item) == expected
    assert readers(either, item, "REMOVE") == set()
    is_alerted_on_as_new = item.get("status", {}).get("S") in KIND_BY_STATUS
    marked = expected - ({ALERT} if is_alerted_on_as_new else set()) if schema.ENDED_AS in item else set()
    assert readers(either, item, "MODIFY") == marked


@pytest.mark.parametrize("event_name", ["INSERT", "MODIFY"])
def test_both_readers_are_shown_that_a_sweep_has_begun(plain: Synthesized, event_name: str) -> None:
    """The write that takes up the pass over the ledger's own jobs: no other one, of it or of a region's."""
    claim = serialize({schema.LEASE_HOLDER: "c"})
    assert readers(plain, progress(CHECKS) | claim, event_name) == {ALERT, RECOVER}
    assert readers(plain, progress(CHECKS), event_name) == set()
    assert readers(plain, progress() | claim, event_name) == set()
    assert readers(plain, progress(CHECKS) | claim, "REMOVE") == set()


def test_the_cases_have_every_kind_of_item() -> None:
    assert {str(item[schema.KIND]["S"]) for item, _ in CASES.values()} == set(schema.ItemKind)


def test_lambda_takes_the_patterns(either: Synthesized) -> None:
    for mapping in either.of_type("Lambda::EventSourceMapping").values():
        filters = mapping.get("FilterCriteria", {}).get("Filters", [])
        assert len(filters) <= 5  # Lambda's quota, unless it is asked to raise it
        assert all(len(each["Pattern"]) <= 4096 for each in filters)
