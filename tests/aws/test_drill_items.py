"""The items of a drill: in no index by its own name, and expired after a day."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import AlertKind
from respot.alerting.ports import LeaseToken
from respot.aws.dynamodb.attribute_values import deserialize
from respot.aws.dynamodb.drills import DrillPost, DynamoDbDrillPosts
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.jobs.job import JobRecord
from respot.jobs.merge import reconcile
from respot.schema import BY_ACTIVITY, BY_LIVE, BY_NAME, EXPIRES_AT, REGION_AND_NAME
from respot.slack.ports import DrillPosts
from respot_cli.job_reference import job_reference
from tests.support.builders import CREATED, REGION, a_drill
from tests.support.clock import FakeClock
from tests.support.memory import MemoryDrillPosts
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
KIND = AlertKind.INTERRUPTED


def items(client: "DynamoDBClient") -> list[dict[str, Any]]:
    return [deserialize(item) for item in client.scan(TableName=TABLE)["Items"]]


def lease(ledger: DynamoDbLedger) -> LeaseToken | None:
    drill = a_drill()
    return ledger.lease_alert(drill.job, KIND, drill.alerted, now=CREATED, lease=timedelta(minutes=2))


def release(ledger: DynamoDbLedger) -> None:
    ours = lease(ledger)
    assert ours
    ledger.release_alert(a_drill().job, KIND, a_drill().alerted, ours)


def complete(ledger: DynamoDbLedger) -> None:
    ledger.complete_alert(
        AlertRecord(
            job=a_drill().job,
            kind=KIND,
            transition=a_drill().alerted,
            outcome=AlertOutcome.SENT,
            reason="because",
            headline="DRILL",
            settled_at=CREATED,
            message_id="message-1",
        )
    )


@pytest.mark.parametrize("retention", [None, timedelta(days=400)], ids=["kept for ever", "kept for 400 days"])
@pytest.mark.parametrize("leased", [CREATED, CREATED + 50_000 * DAY], ids=["just now", "in a hundred years"])
@pytest.mark.parametrize("then", [lease, release, complete])
def test_every_item_of_a_drill_expires_a_day_after_it_was_written(
    dynamodb: "DynamoDBClient",
    clock: FakeClock,
    retention: timedelta | None,
    leased: Any,  # noqa: ANN401
    then: Callable[[DynamoDbLedger], object],
) -> None:
    ledger = DynamoDbLedger(dynamodb, TABLE, clock=clock, retention=retention)
    drill = a_drill(sent_at=leased)
    assert ledger.save(reconcile(JobRecord(), drill.snapshot()))
    then(ledger)
    written = items(dynamodb)
    assert len(written) == 6
    assert {int(item[EXPIRES_AT]) for item in written} == {int((CREATED + DAY).timestamp())}


def test_a_drill_is_in_no_index_by_its_own_name(dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger) -> None:
    dynamodb_ledger.save(reconcile(JobRecord(), a_drill().snapshot()))
    for index in (BY_ACTIVITY, BY_LIVE):
        assert dynamodb.scan(TableName=TABLE, IndexName=index)["Items"] == []
    (listed,) = items_of(dynamodb, BY_NAME)
    assert listed[REGION_AND_NAME] == f"{REGION}#DRILL."
    assert dynamodb_ledger.find(REGION, a_drill().job.name) == ()
    with pytest.raises(ArgumentTypeError):  # and it is no name that anybody may ask for
        job_reference("DRILL.")


def items_of(client: "DynamoDBClient", index: str) -> list[dict[str, Any]]:
    return [deserialize(item) for item in client.scan(TableName=TABLE, IndexName=index)["Items"]]


def test_the_last_drill_of_a_region_is_found(dynamodb_ledger: DynamoDbLedger) -> None:
    assert dynamodb_ledger.last_drill(REGION, until=CREATED) is None
    sent = [a_drill(id=f"{hour:012x}", sent_at=CREATED + hour * HOUR) for hour in (2, 1, 3)]
    elsewhere = a_drill(id="9" * 12, region="eu-west-1", sent_at=CREATED + 4 * HOUR)
    for drill in (*sent, elsewhere):
        dynamodb_ledger.save(reconcile(JobRecord(), drill.snapshot()))
    assert dynamodb_ledger.last_drill(REGION, until=CREATED + 5 * HOUR) == sent[2].job
    assert dynamodb_ledger.last_drill(REGION, until=sent[0].sent_at) == sent[0].job
    assert dynamodb_ledger.last_drill("eu-west-1", until=CREATED + 5 * HOUR) == elsewhere.job


def test_what_was_written_of_a_drill_is_read_again(dynamodb_ledger: DynamoDbLedger) -> None:
    seen = a_drill().snapshot()
    assert dynamodb_ledger.recorded_at(a_drill().job, a_drill().alerted) is None
    dynamodb_ledger.save(reconcile(JobRecord(), seen))
    record = dynamodb_ledger.load(a_drill().job)
    assert (record.state, record.transitions) == (seen.state, seen.history)
    assert reconcile(record, seen).is_empty
    assert dynamodb_ledger.recorded_at(a_drill().job, a_drill().alerted) == CREATED


# --- what Slack said


@pytest.fixture
def drill_posts(dynamodb: "DynamoDBClient", clock: FakeClock) -> DynamoDbDrillPosts:
    return DynamoDbDrillPosts(dynamodb, TABLE, clock=clock)


@pytest.fixture(params=["memory", "dynamodb"])
def posts(request: pytest.FixtureRequest) -> tuple[DrillPosts, Callable[[], str | None]]:
    if request.param == "memory":
        memory = MemoryDrillPosts()
        return memory, lambda: memory.refusals["0123456789ab"]
    built: DynamoDbDrillPosts = request.getfixturevalue("drill_posts")

    def said() -> str | None:
        found = built.find("0123456789ab")
        assert found is not None
        return found.refusal

    return built, said


def test_the_last_refusal_is_kept_until_slack_accepts_which_remains(
    posts: tuple[DrillPosts, Callable[[], str | None]],
) -> None:
    noted, said = posts
    answers = ("Slack answered 500", "Slack answered 404", None, "a repetition: Slack answered 500")
    for refusal, kept in zip(answers, (*answers[:3], None), strict=True):
        noted.note("0123456789ab", refusal)
        assert said() == kept


def test_a_note_is_bounded_and_expires(dynamodb: "DynamoDBClient", drill_posts: DynamoDbDrillPosts) -> None:
    assert drill_posts.find("0123456789ab") is None
    drill_posts.note("0123456789ab", "x" * 100_000)
    assert drill_posts.find("0123456789ab") == DrillPost(at=CREATED, refusal="x" * 500)
    (item,) = items(dynamodb)
    assert (item["pk"], item["sk"]) == ("drill#0123456789ab", "slack")
    assert int(item[EXPIRES_AT]) == int((CREATED + DAY).timestamp())
