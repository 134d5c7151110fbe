"""What of the ledger's stream reaches whom: the deployed patterns, against items as the adapters write them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from respot import schema
from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import KIND_BY_STATUS, AlertKind
from respot.aws.dynamodb.alerts import alert_item
from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.digests import digest_key, entry_item, window_item
from respot.aws.dynamodb.job_items import state_item, transition_item
from respot.aws.dynamodb.lease import leased_item
from respot.aws.dynamodb.run_items import (
    attempt_item,
    decision_item,
    notice_item,
    outcome_item,
    reservation_item,
    stop_intent_item,
)
from respot.aws.dynamodb.sweeps import progress_item
from respot.jobs.job import JobRecord, Market
from respot.jobs.lifecycle import ENDS
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action, Decision, Placement
from respot.recovery.planning.run import run_id
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.records import AttemptRecord, DecisionRecord, LocationReservation, NoticeKind, Outcome, OutcomeKind
from respot.schema import CHECKS
from respot.sweep.progress import SweepProgress
from tests.infra.synthesis import Synthesized
from tests.support.builders import CREATED, a_drill, job_id, member_of, snapshot, transition, window_of
from tests.support.runs import saved

RETENTION = timedelta(days=400)
PLACEMENT = Placement(
    market=Market.SPOT, instance_type="ml.g5.2xlarge", max_runtime=timedelta(hours=4), max_wait=timedelta(hours=6)
)


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
        reader
        for reader in ("AlertingAlertsStream", "RecoveryEndedJobsStream")
        if any(matches(pattern, event) for pattern in patterns(template, reader))
    }


def recorded(status: str) -> Item:
    return transition_item(job_id(), transition(status), now=CREATED, retention=RETENTION)


def end(status: str, ended_as: str) -> Item:
    marked = replace(transition(status), ended_as=ended_as)
    return transition_item(job_id(), marked, now=CREATED, retention=RETENTION)


def drilled(status: str) -> Item:
    return transition_item(a_drill().job, transition(status), now=CREATED, retention=RETENTION)


def state(market: Market | None = Market.SPOT) -> Item:
    unknown = JobRecord(state=None, version=0, transitions=())
    return state_item(reconcile(unknown, snapshot(market=market, tags={"team": "vision"})), RETENTION)


def drilled_state() -> Item:
    return state_item(reconcile(JobRecord(), a_drill().snapshot()), RETENTION)


def decision(**others: Any) -> Item:  # noqa: ANN401
    plain = Decision(action=Action.REFUSE, reason="because", inputs={"budget": "spent"}, notify=True)
    record = DecisionRecord(
        job=job_id(),
        run=run_id(job_id()),
        number=1,
        decision=replace(plain, **others),
        decided_at=CREATED,
        checkpoint=saved(3600),
        next_name=None,
    )
    return decision_item(record, RETENTION)


def attempt() -> Item:
    record = AttemptRecord(
        run=run_id(job_id()), number=2, region="us-east-1", name="next", parent=job_id(), decided_at=CREATED
    )
    return attempt_item(record, RETENTION)


def outcome(kind: OutcomeKind) -> Item:
    return outcome_item(Outcome(job=job_id(), kind=kind, summary="so", settled_at=CREATED, name="next"), RETENTION)


def alert_record() -> Item:
    """An alert's own item: it has a status, too, and must not be alerted on again."""
    settled = AlertRecord(
        job=job_id(),
        kind=AlertKind.FAILED,
        transition=transition("Failed"),
        outcome=AlertOutcome.SENT,
        reason="new",
        headline="Failed",
        settled_at=CREATED,
        message_id="message",
    )
    return alert_item(settled, RETENTION)


def progress(scope: str = "us-east-1") -> Item:
    return progress_item(SweepProgress(scope=scope, watched_since=CREATED, leased_at=CREATED), until=CREATED)


def stop_intent() -> Item:
    return stop_intent_item(
        StopIntent(job=job_id(), waiting_since=CREATED, decided_at=CREATED, reason="waited too long"), RETENTION
    )


def notice() -> Item:
    return notice_item(job_id(), NoticeKind.POLICY_INVALID, "no policy", now=CREATED, retention=RETENTION)


ALERT, RECOVER = "AlertingAlertsStream", "RecoveryEndedJobsStream"
CASES = [
    pytest.param(recorded("Interrupted"), {ALERT}, id="interrupted"),
    pytest.param(recorded("Failed"), {ALERT, RECOVER}, id="failed"),
    pytest.param(recorded("MaxWaitTimeExceeded"), {ALERT, RECOVER}, id="waited too long"),
    pytest.param(recorded("MaxRuntimeExceeded"), {ALERT, RECOVER}, id="ran too long"),
    pytest.param(recorded("Completed"), {RECOVER}, id="completed"),
    pytest.param(recorded("Stopped"), {RECOVER}, id="stopped"),
    pytest.param(end("Stopped", "Stopped"), {ALERT, RECOVER}, id="stopped, marked: alert declines it"),
    pytest.param(end("Completed", "Completed"), {RECOVER}, id="completed, marked"),
    pytest.param(end("Failed", "Failed"), {ALERT, RECOVER}, id="failed, marked"),
    pytest.param(end("MaxWaitTimeExceeded", "Stopped"), {ALERT, RECOVER}, id="waited too long, marked"),
    pytest.param(end("NewInThe2030s", "Stopped"), {ALERT, RECOVER}, id="stopped in a way of tomorrow"),
    pytest.param(end("NewInThe2030s", "Failed"), {ALERT, RECOVER}, id="failed in a way of tomorrow"),
    pytest.param(end("NewInThe2030s", "Deleting"), {ALERT, RECOVER}, id="an end of tomorrow, seen late"),
    pytest.param(end("NewInThe2030s", "Completed"), {RECOVER}, id="completed in a way of tomorrow"),
    *(
        pytest.param(recorded(s), set(), id=s)
        for s in ("Starting", "Training", "Stopping", "Deleting", "NewInThe2030s")
    ),
    pytest.param(state(Market.SPOT), {ALERT}, id="a spot job appears"),
    pytest.param(state(Market.ON_DEMAND), set(), id="an on-demand job appears"),
    pytest.param(state(None), set(), id="a job appears that is known from an event alone"),
    pytest.param(decision(), {ALERT}, id="a refusal"),
    pytest.param(
        decision(action=Action.RESUBMIT, placement=PLACEMENT, attempt=2, dry_run=True), {ALERT}, id="a dry run"
    ),
    pytest.param(outcome(OutcomeKind.CREATED), {ALERT}, id="resubmitted"),
    pytest.param(outcome(OutcomeKind.FAILED), {ALERT}, id="could not be resubmitted"),
    pytest.param(outcome(OutcomeKind.CANCELLED), {ALERT}, id="cancelled"),
    pytest.param(outcome(OutcomeKind.WITHDRAWN), {ALERT}, id="withdrawn"),
    pytest.param(notice(), {ALERT}, id="a notice"),
    pytest.param(attempt(), set(), id="an attempt"),
    pytest.param(stop_intent(), set(), id="a stop that is about to follow"),
    pytest.param(
        reservation_item(LocationReservation(location="s3://b/p/", run=run_id(job_id()), number=2)),
        set(),
        id="a location's writer",
    ),
    pytest.param(alert_record(), set(), id="an alert"),
    pytest.param(progress(), set(), id="how far a sweep has come"),
    pytest.param(window_item(window_of(), RETENTION), set(), id="a pool's window"),
    pytest.param(entry_item(window_of(), member_of(1, 3721), RETENTION), set(), id="a member of a digest"),
    pytest.param(leased_item(digest_key(window_of()), CREATED), set(), id="a digest"),
    pytest.param(drilled("Interrupted"), {ALERT}, id="a drill of an interruption"),
    pytest.param(drilled("MaxWaitTimeExceeded"), {ALERT}, id="a drill of a job that waited too long"),
    pytest.param(drilled("Starting"), set(), id="a drill begins"),
    pytest.param(drilled_state(), set(), id="the state of a drill"),
    pytest.param(
        serialize({schema.PK: "drill#1", schema.SK: schema.POST_KEY, schema.KIND: "drill-post"}),
        set(),
        id="what Slack said to a drill",
    ),
]


@pytest.mark.parametrize(("item", "expected"), CASES)
def test_a_new_item_is_shown_to_whom_it_concerns(plain: Synthesized, item: Item, expected: set[str]) -> None:
    assert readers(plain, item) == expected


@pytest.mark.parametrize("event_name", ["INSERT", "MODIFY"])
def test_both_readers_are_shown_that_a_sweep_has_begun(plain: Synthesized, event_name: str) -> None:
    """The write that takes up the pass over the ledger's own jobs: no other one, of it or of a region's."""
    claim = serialize({schema.LEASE_HOLDER: "c"})
    assert readers(plain, progress(CHECKS) | claim, event_name) == {ALERT, RECOVER}
    assert readers(plain, progress(CHECKS), event_name) == set()
    assert readers(plain, progress() | claim, event_name) == set()
    assert readers(plain, progress(CHECKS) | claim, "REMOVE") == set()


@pytest.mark.parametrize("event_name", ["MODIFY", "REMOVE"])
@pytest.mark.parametrize("item", [pytest.param(case.values[0], id=str(case.id)) for case in CASES])
def test_what_is_written_again_or_expires_concerns_nobody(plain: Synthesized, item: Item, event_name: str) -> None:
    if event_name == "REMOVE" or schema.ENDED_AS not in item:
        assert readers(plain, item, event_name) == set()


@pytest.mark.parametrize(
    ("item", "expected"), [(end("NewInThe2030s", "Stopped"), {ALERT, RECOVER}), (end("X", "Completed"), {RECOVER})]
)
def test_a_transition_that_turns_out_to_be_the_end_is_shown_when_it_is_marked(
    plain: Synthesized, item: Item, expected: set[str]
) -> None:
    assert readers(plain, item, "MODIFY") == expected


def test_the_cases_have_every_kind_of_item() -> None:
    assert {case.values[0][schema.KIND]["S"] for case in CASES} == set(schema.ItemKind)  # type: ignore[index]


def new(*kinds: schema.ItemKind, **attributes: Sequence[Any]) -> dict[str, Any]:
    image = {schema.KIND: {"S": list(kinds)}} | {name: {"S": values} for name, values in attributes.items()}
    return {"eventName": ["INSERT"], "dynamodb": {"NewImage": image}}


HEARTBEAT = {
    "eventName": ["INSERT", "MODIFY"],
    "dynamodb": {
        "NewImage": {"kind": {"S": ["sweep"]}, "scope": {"S": [CHECKS]}, "claim": {"S": [{"exists": True}]}},
    },
}


def marked(**attributes: Sequence[Any]) -> dict[str, Any]:
    return new(schema.ItemKind.TRANSITION, **attributes) | {"eventName": ["INSERT", "MODIFY"]}


def test_alert_is_shown_exactly_this(either: Synthesized) -> None:
    assert patterns(either, "AlertingAlertsStream") == [
        new(schema.ItemKind.TRANSITION, schema.ItemKind.DRILL_TRANSITION, status=sorted(KIND_BY_STATUS)),
        marked(status=[{"anything-but": sorted(KIND_BY_STATUS)}], ended_as=["Deleting", "Failed", "Stopped"]),
        new(schema.ItemKind.STATE, market=["spot"]),
        new(schema.ItemKind.DECISION, schema.ItemKind.OUTCOME, schema.ItemKind.NOTICE),
        HEARTBEAT,
    ]


def test_recover_is_shown_exactly_this(either: Synthesized) -> None:
    assert patterns(either, "RecoveryEndedJobsStream") == [
        new(schema.ItemKind.TRANSITION, status=sorted(ENDS)),
        marked(ended_as=["Completed", "Deleting", "Failed", "Stopped"]),
        HEARTBEAT,
    ]


def test_lambda_takes_the_patterns(either: Synthesized) -> None:
    for mapping in either.of_type("Lambda::EventSourceMapping").values():
        filters = mapping.get("FilterCriteria", {}).get("Filters", [])
        assert len(filters) <= 5  # Lambda's quota, unless it is asked to raise it
        assert all(len(each["Pattern"]) <= 4096 for each in filters)
