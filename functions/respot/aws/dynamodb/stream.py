"""Records of the ledger's DynamoDB stream, as changes of the ledger."""

from collections.abc import Mapping
from typing import Any

from respot.alerting.required import JobAppeared, LedgerChange, TransitionRecorded
from respot.aws.dynamodb.job_items import read_transition
from respot.aws.dynamodb.keys import job_of
from respot.aws.dynamodb.run_items import read_decision, read_notice, read_outcome
from respot.schema import KIND, PK, ItemKind


def read_change(record: Mapping[str, Any]) -> LedgerChange | None:
    """The change that a stream record reports; `None` for a kind of item that requires no alert.

    Source: `StreamRecord` in the Amazon DynamoDB Streams API Reference, with the stream view type `NEW_IMAGE`.
    """
    item = record["dynamodb"]["NewImage"]
    match item[KIND]["S"]:
        case ItemKind.STATE:
            return JobAppeared(job=job_of(item[PK]["S"]))
        case ItemKind.TRANSITION | ItemKind.DRILL_TRANSITION:
            job, transition = read_transition(item)
            return TransitionRecorded(job=job, transition=transition)
        case ItemKind.DECISION:
            return read_decision(item)
        case ItemKind.OUTCOME:
            return read_outcome(item)
        case ItemKind.NOTICE:
            return read_notice(item)
        case _:
            return None
