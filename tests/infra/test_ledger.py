"""The table, its indexes and the readers of its stream."""

import pytest

from respot import schema
from tests.infra.synthesis import Synthesized, render


def test_the_ledger_is_kept_and_protected_unless_configured_otherwise(plain: Synthesized, full: Synthesized) -> None:
    assert plain.resources["LedgerTable"]["DeletionPolicy"] == "Retain"
    assert plain.properties("LedgerTable")["DeletionProtectionEnabled"] is True
    assert full.resources["LedgerTable"]["DeletionPolicy"] == "Delete"
    assert full.properties("LedgerTable")["DeletionProtectionEnabled"] is False


def test_the_ledger_is_the_table_of_the_schema(either: Synthesized) -> None:
    table = either.properties("LedgerTable")
    assert keys(table) == [(schema.PK, "HASH"), (schema.SK, "RANGE")]
    projections = {index["IndexName"]: (keys(index), index["Projection"]) for index in table["GlobalSecondaryIndexes"]}
    keys_only, live = {"ProjectionType": "KEYS_ONLY"}, [schema.CHECKPOINT_URI]
    assert projections == {
        schema.BY_NAME: ([(schema.REGION_AND_NAME, "HASH"), (schema.CREATED, "RANGE")], keys_only),
        schema.BY_ACTIVITY: ([(schema.ACTIVE_ON, "HASH"), (schema.LAST_MODIFIED, "RANGE")], keys_only),
        schema.BY_RUN: ([(schema.LISTED_IN, "HASH"), (schema.LISTED_AT, "RANGE")], keys_only),
        schema.BY_LIVE: (
            [(schema.LIVE_IN, "HASH"), (schema.CREATED, "RANGE")],
            {"ProjectionType": "INCLUDE", "NonKeyAttributes": live},
        ),
    }


def test_no_text_of_other_peoples_choice_is_a_key_of_the_ledger(either: Synthesized) -> None:
    """A key's length is bounded, and an item that exceeds it is refused as a whole."""
    table = either.properties("LedgerTable")
    ours = {schema.PK, schema.SK, schema.REGION_AND_NAME, schema.CREATED, schema.ACTIVE_ON, schema.LAST_MODIFIED}
    ours |= {schema.LISTED_IN, schema.LISTED_AT}
    assert {each["AttributeName"] for each in table["AttributeDefinitions"]} == ours | {schema.LIVE_IN}


def test_the_ledger_can_be_restored_read_as_it_changes_and_expires(either: Synthesized) -> None:
    table = either.properties("LedgerTable")
    assert {attribute["AttributeType"] for attribute in table["AttributeDefinitions"]} == {"S"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": schema.EXPIRES_AT, "Enabled": True}


def keys(owner: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in owner["KeySchema"]]


@pytest.mark.parametrize(
    ("reader", "function", "hours"),
    [("AlertingAlertsStream", "Alert", 2), ("RecoveryEndedJobsStream", "EnqueueEnded", 20)],
)
def test_a_reader_of_the_stream_misses_nothing_and_hangs_on_nothing(
    either: Synthesized, reader: str, function: str, hours: int
) -> None:
    mapping = render(either.properties(f"{reader}Delivery"))
    del mapping["FilterCriteria"]  # see test_stream_filters
    assert mapping == {
        "BatchSize": 10,
        "BisectBatchOnFunctionError": True,
        "DestinationConfig": {"OnFailure": {"Destination": f"${{{reader}DeadLetters.Arn}}"}},
        "EventSourceArn": "${LedgerTable.StreamArn}",
        "FunctionName": f"${{{function}Function}}",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumRecordAgeInSeconds": hours * 3600,
        "MaximumRetryAttempts": 5000,
        "StartingPosition": "TRIM_HORIZON",
    }
    mappings = either.of_type("Lambda::EventSourceMapping").values()
    readers = [m for m in mappings if render(m["EventSourceArn"]) == "${LedgerTable.StreamArn}"]
    assert len(readers) == 2  # of a shard, says the DynamoDB Developer Guide: more are throttled
