"""The items of a drill: in no index, and expired after a day."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import AlertKind
from respot.aws.dynamodb.attribute_values import deserialize
from respot.aws.dynamodb.drills import DrillPost, DynamoDbDrillPosts
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.errors import LedgerUnavailableError
from respot.jobs.job import JobRecord
from respot.jobs.merge import reconcile
from respot.schema import BY_ACTIVITY, BY_LIVE, BY_NAME, EXPIRES_AT
from respot.slack.ports import DrillPosts
from tests.support.builders import CREATED, REGION, a_drill
from tests.support.clock import FakeClock
from tests.support.memory import MemoryDrillPosts
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY = timedelta(days=1)


def alert_record(outcome: AlertOutcome = AlertOutcome.SENT) -> AlertRecord:
    return AlertRecord(
        job=a_drill().job,
        kind=AlertKind.INTERRUPTED,
        transition=a_drill().alerted,
        outcome=outcome,
        reason="because",
        headline="DRILL",
        settled_at=CREATED,
        message_id="message-1",
    )


def items(client: "DynamoDBClient") -> list[dict[str, Any]]:
    return [deserialize(item) for item in client.scan(TableName=TABLE)["Items"]]


def lease(ledger: DynamoDbLedger) -> None:
    drill = a_drill()
    assert ledger.lease_alert(drill.job, AlertKind.INTERRUPTED, drill.alerted, now=CREATED, lease=timedelta(minutes=2))


def release(ledger: DynamoDbLedger) -> None:
    drill = a_drill()
    ours = ledger.lease_alert(drill.job, AlertKind.INTERRUPTED, drill.alerted, now=CREATED, lease=timedelta(minutes=2))
    assert ours
    ledger.release_alert(drill.job, AlertKind.INTERRUPTED, drill.alerted, ours)


@pytest.mark.parametrize("retention", [None, timedelta(days=400)], ids=["kept for ever", "kept for 400 days"])
@pytest.mark.parametrize("leased", [CREATED, CREATED + 50_000 * DAY], ids=["just now", "in a hundred years"])
@pytest.mark.parametrize(
    "then",
    [lease, release, lambda ledger: ledger.complete_alert(alert_record())],
    ids=["alert leased", "alert released", "alert settled"],
)
def test_every_item_of_a_drill_expires_a_day_after_it_was_written(
    dynamodb: "DynamoDBClient",
    clock: FakeClock,
    retention: timedelta | None,
    leased: Any,  # noqa: ANN401
    then: Callable[[DynamoDbLedger], None],
) -> None:
    ledger = DynamoDbLedger(dynamodb, TABLE, clock=clock, retention=retention)
    drill = a_drill(sent_at=leased)
    assert ledger.save(reconcile(JobRecord(), drill.snapshot()))
    then(ledger)
    written = items(dynamodb)
    assert len(written) == 6
    assert {int(item[EXPIRES_AT]) for item in written} == {int((CREATED + DAY).timestamp())}


def test_a_drill_is_in_no_index(dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger) -> None:
    dynamodb_ledger.save(reconcile(JobRecord(), a_drill().snapshot()))
    assert [dynamodb.scan(TableName=TABLE, IndexName=index)["Items"] for index in (BY_NAME, BY_ACTIVITY, BY_LIVE)] == [
        [],
        [],
        [],
    ]
    assert dynamodb_ledger.find(REGION, a_drill().job.name) == ()


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


def test_the_last_refusal_is_kept_until_slack_accepts(posts: tuple[DrillPosts, Callable[[], str | None]]) -> None:
    noted, said = posts
    for refusal in ("Slack answered 500", "Slack answered 404", None):
        noted.note("0123456789ab", refusal)
        assert said() == refusal


def test_what_slack_accepted_once_remains_accepted(posts: tuple[DrillPosts, Callable[[], str | None]]) -> None:
    noted, said = posts
    noted.note("0123456789ab", None)
    noted.note("0123456789ab", "a repetition: Slack answered 500")
    assert said() is None


def test_a_note_is_bounded_and_expires(dynamodb: "DynamoDBClient", drill_posts: DynamoDbDrillPosts) -> None:
    assert drill_posts.find("0123456789ab") is None
    drill_posts.note("0123456789ab", "x" * 100_000)
    assert drill_posts.find("0123456789ab") == DrillPost(at=CREATED, refusal="x" * 500)
    (item,) = items(dynamodb)
    assert (item["pk"], item["sk"]) == ("drill#0123456789ab", "slack")
    assert int(item[EXPIRES_AT]) == int((CREATED + DAY).timestamp())


def test_a_ledger_that_does_not_answer_is_an_error_of_ours(
    dynamodb: "DynamoDBClient", drill_posts: DynamoDbDrillPosts
) -> None:
    with Stubber(dynamodb) as stub:
        stub.add_client_error("put_item", "ProvisionedThroughputExceededException")
        stub.add_client_error("get_item", "AccessDeniedException")
        with pytest.raises(LedgerUnavailableError, match="could not be written"):
            drill_posts.note("0123456789ab", None)
        with pytest.raises(LedgerUnavailableError, match="could not be read"):
            drill_posts.find("0123456789ab")
