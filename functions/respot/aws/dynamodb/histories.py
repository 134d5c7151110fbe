"""All that the ledger has about a job, in one read: for reports over many jobs."""

from respot.aws.dynamodb.attribute_values import Item
from respot.aws.dynamodb.job_items import read_record
from respot.aws.dynamodb.keys import DECISION_KEY, STATE_KEY, partition_of
from respot.aws.dynamodb.reading import reading
from respot.aws.dynamodb.run_items import read_recovery_records
from respot.aws.dynamodb.table import Store
from respot.jobs.job import JobId
from respot.jobs.lifecycle import Figures
from respot.runs.period import JobHistory, StoredFigures
from respot.schema import PK, SK, ItemKind


class DynamoDbJobHistories(Store):
    """The port `JobHistories`."""

    def load(self, job: JobId) -> JobHistory:
        """The job's history; empty if the ledger does not know it. One Query.

        Raises:
            UnreadableItemError: an item cannot be read, and the store was not made to show the rest.
            LedgerUnavailableError: the ledger did not answer.
        """
        # `decision`, `next-step`, `notice#…`, `outcome`, `state` and `transition#…` follow each other.
        values = {":pk": partition_of(job), ":first": DECISION_KEY}
        items = list(self._table.query(f"{PK} = :pk AND {SK} >= :first", values, ConsistentRead=True))
        record = [item for item in items if item[SK]["S"] >= STATE_KEY]
        recovery = [item for item in items if item[SK]["S"] < STATE_KEY]
        state = next((item for item in record if item[SK]["S"] == STATE_KEY), None)
        return JobHistory(
            record=read_record(record, on_unreadable=self._on_unreadable_of_job),
            recovery=read_recovery_records(recovery, on_unreadable=self._on_unreadable_of_job),
            stored=None if state is None else _read_figures(state),
        )


def _read_figures(item: Item) -> StoredFigures:
    with reading(item, ItemKind.STATE) as values:
        figures = None
        if "interruptions" in values and "waited_seconds" in values and "trained_seconds" in values:
            figures = Figures(
                interruptions=values.whole("interruptions"),
                waited=values.span("waited_seconds"),
                trained=values.span("trained_seconds"),
            )
        return StoredFigures(figures=figures, savings_percent=values.number_or_none("savings_percent"))
