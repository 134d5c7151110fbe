"""Reading many items of the table at once."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.stub import Stubber

from respot.aws.dynamodb.attribute_values import deserialize, serialize
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.aws.dynamodb.table import Table
from respot.errors import LedgerUnavailableError
from respot.recovery.planning.run import RunId
from respot.schema import PK, SK
from tests.support.builders import CREATED, NAME, REGION, job_id
from tests.support.clock import FakeClock
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

JOB = job_id()
KEYS = [(f"job#{number}", "state") for number in range(3)]


def item(key: tuple[str, str]) -> dict[str, Any]:
    return serialize({PK: key[0], SK: key[1]})


def answer(*found: tuple[str, str], left: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    return {
        "Responses": {TABLE: [item(key) for key in found]},
        "UnprocessedKeys": {TABLE: {"Keys": [item(key) for key in left]}} if left else {},
    }


def asked(*keys: tuple[str, str]) -> dict[str, Any]:
    return {"RequestItems": {TABLE: {"Keys": [item(key) for key in keys]}}}


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_as_many_as_wanted_a_hundred_at_a_time(dynamodb: "DynamoDBClient", count: int) -> None:
    table, sizes = Table(dynamodb, TABLE), []

    def note(params: Any, **_: object) -> None:  # noqa: ANN401
        sizes.append(len(params["RequestItems"][TABLE]["Keys"]))

    dynamodb.meta.events.register("provide-client-params.dynamodb.BatchGetItem", note)
    keys = [(f"job#{number}", "state") for number in range(count)]
    for key in keys[1:]:  # what is not there is left out
        table.put(item(key), f"attribute_not_exists({PK})")
    assert sorted(deserialize(found)[PK] for found in table.get_all(keys)) == sorted(pk for pk, _ in keys[1:])
    assert sizes == [100] * (count // 100) + [count % 100] * bool(count % 100)


def test_what_dynamodb_has_left_over_is_asked_for_again(dynamodb: "DynamoDBClient") -> None:
    with Stubber(dynamodb) as stub:
        stub.add_response("batch_get_item", answer(KEYS[1], left=(KEYS[0], KEYS[2])), asked(*KEYS))
        stub.add_response("batch_get_item", answer(left=(KEYS[0], KEYS[2])), asked(KEYS[0], KEYS[2]))
        stub.add_response("batch_get_item", answer(KEYS[2], KEYS[0]), asked(KEYS[0], KEYS[2]))
        found = list(Table(dynamodb, TABLE).get_all(KEYS))
        stub.assert_no_pending_responses()
    assert found == [item(key) for key in (KEYS[1], KEYS[2], KEYS[0])]


def test_items_that_remain_unread_are_an_error(dynamodb: "DynamoDBClient") -> None:
    """They must not count as absent: their jobs would seem unknown."""
    with Stubber(dynamodb) as stub:
        for _ in range(5):
            stub.add_response("batch_get_item", answer(left=tuple(KEYS)))
        with pytest.raises(LedgerUnavailableError, match="3 items were not read in 5 attempts; try again later"):
            list(Table(dynamodb, TABLE).get_all(KEYS))
        stub.assert_no_pending_responses()


READS: Final[dict[str, Callable[[DynamoDbLedger, DynamoDbRunStore], object]]] = {
    "a job": lambda ledger, _: ledger.load(JOB),
    "a job's alerts": lambda ledger, _: ledger.alerts(JOB),
    "a decision": lambda _, runs: runs.decision(JOB),
    "an outcome": lambda _, runs: runs.outcome(JOB),
    "a stop intent": lambda _, runs: runs.stop_intent(JOB),
    "all of a recovery": lambda _, runs: runs.recovery_records(JOB),
    "an attempt": lambda _, runs: runs.attempt(RunId("run"), 2),
    "all attempts": lambda _, runs: runs.attempts(RunId("run")),
    "attempts of a name": lambda _, runs: runs.attempts_named(REGION, NAME),
    "a reservation": lambda _, runs: runs.reservation("s3://b/p/"),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_what_decisions_are_made_from_is_read_consistently(
    dynamodb: "DynamoDBClient", read: Callable[[DynamoDbLedger, DynamoDbRunStore], object]
) -> None:
    """The emulators are always consistent: only the request shows it."""
    asked: list[Any] = []

    def note(params: Any, **_: object) -> None:  # noqa: ANN401
        asked.append(params)

    dynamodb.meta.events.register("provide-client-params.dynamodb.Query", note)
    clock = FakeClock(CREATED)
    read(
        DynamoDbLedger(dynamodb, TABLE, clock=clock, retention=None),
        DynamoDbRunStore(dynamodb, TABLE, clock=clock, retention=None),
    )
    assert asked
    assert all(params.get("ConsistentRead") is True for params in asked)
