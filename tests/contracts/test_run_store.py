"""The promises of the port `RunStore`, held against every implementation."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from respot.alerting.ports import Ledger
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.errors import LedgerUnavailableError
from respot.jobs.job import Market
from respot.jobs.merge import reconcile
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.decision import Action, Decision, Placement
from respot.recovery.planning.run import RunId, run_id
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.ports import RunStore
from respot.recovery.records import (
    AttemptRecord,
    CreationIntent,
    DecisionRecord,
    LocationReservation,
    NextStep,
    Notice,
    NoticeKind,
    Outcome,
    OutcomeKind,
    RecoveryRecords,
)
from tests.support.builders import CREATED, NAME, REGION, at, job_id, snapshot
from tests.support.clock import FakeClock
from tests.support.memory import MemoryLedger, MemoryRunStore
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

JOB = job_id()
RUN = run_id(JOB)
SECOND = f"{NAME}-r2"


@dataclass
class Environment:
    """The port, and the ledger whose states it reads."""

    runs: RunStore
    ledger: Ledger
    clock: FakeClock


@pytest.fixture(params=["memory", "dynamodb"])
def env(request: pytest.FixtureRequest) -> Environment:
    clock = FakeClock(CREATED)
    if request.param == "memory":
        memory = MemoryLedger(created=CREATED)
        return Environment(runs=MemoryRunStore(ledger=memory, clock=clock), ledger=memory, clock=clock)
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    ledger: DynamoDbLedger = request.getfixturevalue("dynamodb_ledger")
    runs = DynamoDbRunStore(client, TABLE, clock=clock, retention=None)
    return Environment(runs=runs, ledger=ledger, clock=clock)


CHECKPOINT = Checkpoint(
    name="checkpoint-500", step=500, saved_at=at(3000.037), size=2_100_000_000_000, complete=True, objects=17
)
FULL = DecisionRecord(
    job=JOB,
    run=RUN,
    number=1,
    decision=Decision(
        action=Action.RESUBMIT,
        reason="<größer & 😀>",
        inputs={"policy": "defaults", "empty": ""},
        placement=Placement(
            market=Market.SPOT,
            instance_type="ml.g5.2xlarge",
            max_runtime=timedelta(hours=4),
            max_wait=timedelta(seconds=21_601),
        ),
        attempt=2,
        dry_run=True,
        notify=True,
        warning="the deadline cannot be met any more",
    ),
    decided_at=at(21_630.444),
    checkpoint=CHECKPOINT,
    next_name=SECOND,
)
BARE = DecisionRecord(
    job=JOB,
    run=RUN,
    number=9999,
    decision=Decision(action=Action.NOTHING, reason="", inputs={}),
    decided_at=at(0),
)


def attempt(number: int = 2, **others: object) -> AttemptRecord:
    plain = AttemptRecord(
        run=RUN, number=number, region=REGION, name=f"{NAME}-r{number}", parent=JOB, decided_at=at(21_630.444)
    )
    return replace(plain, **others)  # type: ignore[arg-type] # each test names members that there are


def outcome(kind: OutcomeKind = OutcomeKind.CREATED) -> Outcome:
    return Outcome(
        job=JOB,
        kind=kind,
        summary="resubmitted",
        settled_at=at(21_640.5),
        name=SECOND,
        arn="arn:of:the:job" if kind is OutcomeKind.CREATED else None,
        warning="late" if kind is OutcomeKind.CREATED else None,
        job_created=at(21_639.044) if kind in {OutcomeKind.CREATED, OutcomeKind.FAILED} else None,
    )


# --- decisions and attempts -----------------------------------------------------------------------------------------


def test_at_first_nothing_is_known(env: Environment) -> None:
    runs = env.runs
    assert (runs.decision(JOB), runs.outcome(JOB), runs.attempt(RUN, 2), runs.stop_intent(JOB)) == (None,) * 4
    assert (runs.attempts(RUN), runs.live(REGION), runs.recovery_records(JOB)) == ((), (), RecoveryRecords())


ODD = replace(
    FULL,
    decision=replace(
        FULL.decision,
        placement=Placement(market=Market.ON_DEMAND, instance_type="", max_runtime=timedelta(seconds=1), max_wait=None),
    ),
    checkpoint=replace(
        CHECKPOINT, name=".", step=None, size=0, complete=False, layout=None, flaw="no shards", saved_at=at(1.123456)
    ),
)


@pytest.mark.parametrize("record", [FULL, BARE, ODD], ids=["everything", "next to nothing", "odd values"])
def test_a_decision_is_read_back(env: Environment, record: DecisionRecord) -> None:
    assert env.runs.decide(record, None)
    assert env.runs.decision(JOB) == record
    again = job_id(created=at(100_000))
    assert env.runs.decision(again) is None
    assert env.runs.decide(replace(BARE, job=again), None)


def test_a_job_and_an_attempt_are_decided_on_once(env: Environment) -> None:
    assert env.runs.decide(FULL, attempt())
    assert not env.runs.decide(BARE, None)
    assert not env.runs.decide(FULL, attempt(3))
    assert not env.runs.decide(replace(FULL, job=job_id("other")), attempt(name="another"))
    assert env.runs.decision(JOB) == FULL
    assert env.runs.decision(job_id("other")) is None
    assert env.runs.attempts(RUN) == (attempt(),)


def test_attempts_come_in_order_and_of_one_run(env: Environment) -> None:
    for number in (100, 10, 2, 9999, 9):
        assert env.runs.decide(replace(FULL, job=job_id(f"job-{number}")), attempt(number))
    foreign = RunId(f"{RUN}0")
    env.runs.decide(replace(FULL, job=job_id("foreign")), attempt(2, run=foreign))
    assert env.runs.attempts(RUN) == tuple(attempt(number) for number in (2, 9, 10, 100, 9999))
    assert env.runs.attempts(foreign) == (attempt(2, run=foreign),)
    assert (env.runs.attempt(RUN, 100), env.runs.attempt(RUN, 3)) == (attempt(100), None)


def test_attempts_are_found_by_their_name_the_latest_first(env: Environment) -> None:
    again = attempt(run=RunId("us-east-1/again/0"), decided_at=at(90_000))
    for number, each in enumerate(
        (attempt(), again, attempt(3), attempt(run=RunId("eu-west-1/far/0"), region="eu-west-1"))
    ):
        assert env.runs.decide(replace(FULL, job=job_id(f"job-{number}")), each)
    assert env.runs.attempts_named(REGION, SECOND) == (again, attempt())
    assert env.runs.attempts_named("eu-west-1", NAME) == ()


PLACE = "s3://ml-bucket/checkpoints/"


def test_a_location_has_one_writer_until_it_is_replaced_by_name(env: Environment) -> None:
    first, second = (LocationReservation(location=PLACE, run=RUN, number=number) for number in (2, 3))
    theirs = LocationReservation(location=PLACE, run=RunId("us-east-1/other/0"), number=2)
    other, planned = replace(FULL, job=job_id("other"), run=theirs.run), attempt(2, run=theirs.run)
    assert env.runs.reservation(PLACE) is None
    assert env.runs.decide(FULL, attempt(), reservation=first)
    assert env.runs.reservation(PLACE) == first
    assert not env.runs.decide(other, planned, reservation=theirs)
    assert env.runs.decision(other.job) is None
    assert env.runs.attempt(theirs.run, 2) is None
    assert env.runs.decide(replace(FULL, job=job_id("second")), attempt(3), reservation=second)
    assert not env.runs.decide(other, planned, reservation=theirs, replaces=first)
    assert env.runs.decide(other, planned, reservation=theirs, replaces=second)
    assert env.runs.reservation(PLACE) == theirs
    assert env.runs.reservation("s3://ml-bucket/elsewhere/") is None


# --- outcomes and notices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OutcomeKind)
def test_the_first_outcome_is_kept(env: Environment, kind: OutcomeKind) -> None:
    env.runs.record_outcome(outcome(kind))
    env.runs.record_outcome(replace(outcome(), summary="another"))
    assert env.runs.outcome(JOB) == outcome(kind)


def test_the_records_of_recovery_are_not_in_the_jobs_record(env: Environment) -> None:
    env.ledger.save(reconcile(env.ledger.load(JOB), snapshot("Starting=0")))
    before = env.ledger.load(JOB)
    env.runs.decide(FULL, attempt())
    env.runs.record_outcome(outcome())
    env.runs.notice(JOB, NoticeKind.POLICY_INVALID, "no JSON")
    env.runs.record_stop_intent(STOP_INTENT)
    env.runs.record_creation_intent(JOB, PLACEMENTS[0], env.clock())
    assert env.ledger.load(JOB) == before
    assert env.ledger.alerts(JOB) == ()


def test_a_notice_is_written_once_with_the_time_of_its_writing(env: Environment) -> None:
    env.runs.notice(JOB, NoticeKind.POLICY_INVALID, "first")
    env.clock.pass_by(timedelta(minutes=5))
    env.runs.notice(JOB, NoticeKind.POLICY_INVALID, "second")
    env.runs.notice(job_id("another"), NoticeKind.POSTPONED, "third")
    first = Notice(job=JOB, kind=NoticeKind.POLICY_INVALID, summary="first", noticed_at=CREATED)
    assert env.runs.recovery_records(JOB) == RecoveryRecords(notices=(first,))


# --- stop intents ---------------------------------------------------------------------------------------------------

STOP_INTENT = StopIntent(
    job=JOB,
    waiting_since=at(0.037),
    decided_at=at(7200.25),
    reason="has waited for spot <größer>",
    inputs={"policy": "defaults", "empty": ""},
)


@pytest.mark.parametrize("inputs", [{}, {"policy": "defaults"}])
def test_the_newest_stop_intent_wins_in_any_order(env: Environment, inputs: dict[str, str]) -> None:
    newer = replace(STOP_INTENT, waiting_since=at(9000), decided_at=at(16_200), inputs=inputs)
    stood = [env.runs.record_stop_intent(note) for note in (STOP_INTENT, newer, STOP_INTENT)]
    assert env.runs.stop_intent(JOB) == newer
    assert env.runs.stop_intent(job_id(created=at(1))) is None
    assert stood == [None, STOP_INTENT, newer]


def test_only_the_same_intent_is_withdrawn_and_any_other_replaces_it(env: Environment) -> None:
    env.runs.withdraw_stop_intent(STOP_INTENT, "waits no longer")
    assert env.runs.stop_intent(JOB) is None
    newer, withdrawn = replace(STOP_INTENT, decided_at=at(7200.251)), replace(STOP_INTENT, withdrawn="waits no longer")
    env.runs.record_stop_intent(STOP_INTENT)
    env.runs.withdraw_stop_intent(newer, "waits no longer")
    assert env.runs.stop_intent(JOB) == STOP_INTENT
    env.runs.withdraw_stop_intent(STOP_INTENT, "waits no longer")
    assert env.runs.stop_intent(JOB) == withdrawn
    assert env.runs.record_stop_intent(STOP_INTENT) == withdrawn
    assert env.runs.stop_intent(JOB) == STOP_INTENT


def test_only_the_same_intent_is_refused_and_is_withdrawn_with_it_or_not(env: Environment) -> None:
    refused = replace(STOP_INTENT, refused_at=at(7200.5))
    env.runs.refuse_stop_intent(refused)
    assert env.runs.stop_intent(JOB) is None
    env.runs.record_stop_intent(STOP_INTENT)
    env.runs.refuse_stop_intent(replace(refused, decided_at=at(7200.251)))
    assert env.runs.stop_intent(JOB) == STOP_INTENT
    for each in (refused, replace(refused, withdrawn="denied")):
        env.runs.refuse_stop_intent(each)
        assert env.runs.stop_intent(JOB) == each


# --- creation intents -----------------------------------------------------------------------------------------------

PLACEMENTS = [
    Placement(market=Market.SPOT, instance_type="ml.g5.2xlarge", max_runtime=timedelta(hours=4), max_wait=None),
    Placement(market=Market.SPOT, instance_type="ml.g5.2xlarge", max_runtime=timedelta(hours=1), max_wait=None),
    Placement(market=Market.ON_DEMAND, instance_type="", max_runtime=timedelta(hours=1), max_wait=timedelta(hours=2)),
]


def test_the_last_call_for_each_placement_is_kept_and_is_no_record_of_recovery(env: Environment) -> None:
    assert env.runs.creation_intents(JOB) == ()
    for placement in PLACEMENTS:
        env.runs.record_creation_intent(JOB, placement, env.clock())
    env.runs.record_creation_intent(job_id(SECOND), PLACEMENTS[0], env.clock())
    env.clock.pass_by(timedelta(minutes=10))
    env.runs.record_creation_intent(JOB, PLACEMENTS[0], env.clock())
    found = {intent.placement: intent.at for intent in env.runs.creation_intents(JOB)}
    assert found == dict.fromkeys(PLACEMENTS, CREATED) | {PLACEMENTS[0]: CREATED + timedelta(minutes=10)}
    env.clock.pass_by(timedelta(minutes=-5))  # the clock of another host
    env.runs.record_creation_intent(JOB, PLACEMENTS[0], env.clock())
    assert {intent.placement: intent.at for intent in env.runs.creation_intents(JOB)} == found
    assert env.runs.recovery_records(JOB) == RecoveryRecords()


def test_a_refused_call_leaves_the_calls_before_it(env: Environment) -> None:
    placement, early, late = PLACEMENTS[0], CREATED, at(60)
    none = env.runs.record_creation_intent(JOB, placement, early)
    assert none is None
    before = env.runs.record_creation_intent(JOB, placement, late)
    assert before == CreationIntent(placement=placement, at=early)
    env.runs.withdraw_creation_intent(JOB, placement, at(30), None)  # of another call
    assert env.runs.creation_intents(JOB) == (CreationIntent(placement=placement, at=late),)
    env.runs.withdraw_creation_intent(JOB, placement, late, before)
    assert env.runs.creation_intents(JOB) == (before,)
    env.runs.withdraw_creation_intent(JOB, placement, early, none)
    refused = CreationIntent(placement=placement, at=None)
    assert env.runs.creation_intents(JOB) == (refused,)
    assert env.runs.record_creation_intent(JOB, placement, late) == refused
    assert env.runs.record_creation_intent(JOB, placement, early) == CreationIntent(placement=placement, at=late)
    assert env.runs.creation_intents(JOB) == (CreationIntent(placement=placement, at=late),)


# --- live jobs ------------------------------------------------------------------------------------------------------


def test_live_jobs_have_their_checkpoint_locations(env: Environment) -> None:
    long = f"s3://ml-bucket/{'x' * 1000}/"
    for script, others in (
        ("Starting=0", {"job": job_id("live")}),
        ("Starting=0", {"job": job_id("long"), "checkpoint_uri": long}),
        ("Starting=0", {"job": job_id("elsewhere", region="eu-west-1")}),
        ("Starting=0", {"job": job_id("nowhere"), "checkpoint_uri": None}),
        ("Starting=0", {"job": job_id("reported"), "checkpoint_uri": None, "described": None}),
        ("Starting=0", {"job": job_id("ended")}),
        ("Starting=0 MaxWaitTimeExceeded=100", {"job": job_id("ended")}),
    ):
        env.ledger.save(reconcile(env.ledger.load(others["job"]), snapshot(script, **others)))  # type: ignore[arg-type]
    live = [
        (job_id("live"), "s3://ml-bucket/checkpoints/live/"),
        (job_id("long"), long),
        (job_id("reported"), None),  # by events alone
    ]
    assert sorted(env.runs.live(REGION)) == live


# --- DynamoDB -------------------------------------------------------------------------------------------------------


def test_items_expire_as_the_settings_say(dynamodb: "DynamoDBClient") -> None:
    runs = DynamoDbRunStore(dynamodb, TABLE, clock=FakeClock(CREATED), retention=timedelta(days=1))
    runs.decide(FULL, attempt())
    runs.record_outcome(outcome())
    runs.notice(JOB, NoticeKind.POLICY_INVALID, "no JSON")
    runs.record_stop_intent(replace(STOP_INTENT, decided_at=at(1)))
    runs.record_creation_intent(JOB, PLACEMENTS[0], CREATED)
    expiries = [int(item["expires_at"]["N"]) for item in dynamodb.scan(TableName=TABLE)["Items"]]
    assert len(expiries) == 7
    assert min(expiries) == int((CREATED + timedelta(days=1)).timestamp())


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_conflict_is_no_answer(
    dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    runs = DynamoDbRunStore(dynamodb, TABLE, clock=FakeClock(CREATED), retention=None)

    def conflict(**_: object) -> None:
        raise dynamodb.exceptions.TransactionCanceledException(
            {
                "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
                "CancellationReasons": [{"Code": "None"}, {"Code": code}],
            },
            "TransactWriteItems",
        )

    monkeypatch.setattr(dynamodb, "transact_write_items", conflict)
    with pytest.raises(LedgerUnavailableError):
        runs.decide(FULL, attempt())


def test_an_outage_is_no_answer(dynamodb: "DynamoDBClient") -> None:
    runs = DynamoDbRunStore(dynamodb, TABLE, clock=FakeClock(CREATED), retention=None)
    with Stubber(dynamodb) as stub:
        stub.add_client_error("transact_write_items", "InternalServerError")
        with pytest.raises(LedgerUnavailableError):
            runs.decide(FULL, attempt())


# --- all records ----------------------------------------------------------------------------------------------------


def test_all_records_are_read_at_once(env: Environment) -> None:
    env.ledger.save(reconcile(env.ledger.load(JOB), snapshot("Starting=0 Training=390")))
    env.runs.decide(FULL, None)
    env.runs.record_outcome(outcome())
    env.runs.notice(JOB, NoticeKind.POLICY_INVALID, "no JSON")
    notice = Notice(job=JOB, kind=NoticeKind.POLICY_INVALID, summary="no JSON", noticed_at=CREATED)
    assert env.runs.recovery_records(JOB) == RecoveryRecords(decision=FULL, outcome=outcome(), notices=(notice,))


# --- next steps -----------------------------------------------------------------------------------------------------


def test_of_what_is_to_happen_next_the_latest_stands(env: Environment) -> None:
    first, later = (
        NextStep(reason="first", at=None, noted_at=at(1)),
        NextStep(reason="<größer & 😀>", at=at(9000.5), noted_at=at(2)),
    )
    assert env.runs.recovery_records(JOB).next_step is None
    for each in (first, later, first):
        env.runs.note_next_step(JOB, each)
    assert env.runs.recovery_records(JOB).next_step == later
