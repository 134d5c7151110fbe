"""Records of the ledger's DynamoDB stream, as changes of the ledger: apart, since reading all items loads much code."""

from collections.abc import Mapping
from typing import Any

from respot.alerting.required import JobAppeared, LedgerChange, TransitionRecorded
from respot.aws.dynamodb.job_items import read_transition
from respot.aws.dynamodb.run_items import read_decision, read_notice, read_outcome
from respot.aws.dynamodb.stream import image_of, kind_of, read_job
from respot.schema import ItemKind


def read_change(record: Mapping[str, Any]) -> LedgerChange | None:
    """The change that a stream record reports; `None` for a kind of item that requires no alert.

    Source: `StreamRecord` in the Amazon DynamoDB Streams API Reference, with the stream view type `NEW_IMAGE`.

    Raises:
        UnreadableItemError: this version cannot read the item.
    """
    item = image_of(record)
    match kind_of(record):
        case ItemKind.STATE:
            return JobAppeared(job=read_job(record))
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
