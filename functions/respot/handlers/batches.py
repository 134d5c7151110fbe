"""The words in which Lambda's event sources are told which parts of a batch failed."""

from collections.abc import Iterable
from typing import Protocol, TypedDict


class ItemFailure(TypedDict):
    """One item that must be delivered again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """The answer of a function that reports partial failures (`ReportBatchItemFailures`)."""

    batchItemFailures: list[ItemFailure]


class Context(Protocol):
    """What Respot uses of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


def failed(identifiers: Iterable[str]) -> BatchResponse:
    """Exactly these failed; without any, the whole batch is done."""
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}
