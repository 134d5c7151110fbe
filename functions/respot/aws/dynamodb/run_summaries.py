"""The summaries of runs in the ledger's table, and lists of them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.expiry import expiry
from respot.aws.dynamodb.keys import RUN_SUMMARY_KEY, partition_of, run_summary_partition
from respot.aws.dynamodb.reading import reading
from respot.aws.dynamodb.run_items import read_run
from respot.aws.dynamodb.table import ABSENT, Store, readable, translated
from respot.errors import UnreadableItemError
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, Market, Owner, Parent
from respot.recovery.planning.run import RunId, first_job
from respot.runs.run_state import RunState
from respot.runs.summary import RunSummary, StoredSummary
from respot.schema import (
    BY_RUN,
    EXPIRES_AT,
    KIND,
    LISTED_AT,
    LISTED_IN,
    PK,
    RUN_SUMMARY_PARTITION,
    SCHEMA,
    SCHEMA_OF_THIS_VERSION,
    SK,
    VERSION,
    ItemKind,
)

_OPEN: Final = "open"
"""Where runs are listed that go on."""
_MOST_VERSIONS: Final = 10**9
"""No summary is written as often: a greater version is not counted on."""


class DynamoDbRunSummaries(Store):
    """The ports `SummaryStore`, `RunIndex` and `EndedRuns`, and lists for people."""

    def load(self, run: RunId) -> StoredSummary | None:
        """See `SummaryStore.load`."""
        item = self._table.get(run_summary_partition(run), RUN_SUMMARY_KEY)
        return None if item is None else next(readable([item], read_summary, self._on_unreadable_of_job), None)

    def save(self, summary: RunSummary, *, over: StoredSummary | None) -> bool:
        """See `SummaryStore.save`."""
        item = summary_item(summary, over.version + 1 if over else 1, self._retention)
        if over is None:
            return self._table.put(item, ABSENT) is None
        return self._table.put(item, f"{VERSION} = :version", {":version": over.version}) is None

    def rebuild(self, summary: RunSummary, *, over: UnreadableItemError) -> bool:
        """See `SummaryStore.rebuild`."""
        version, condition, values = _in_place_of(over)
        return self._table.put(summary_item(summary, version, self._retention), condition, values) is None

    def open_runs(self, region: str, *, since: datetime, until: datetime) -> dict[RunId, RunSummary | None]:
        """See `RunIndex.open_runs`. Each page of the index costs one Query, each hundred runs one BatchGetItem."""
        if iso(since) > iso(until):  # DynamoDB refuses a range that ends before it begins
            return {}
        condition = f"{LISTED_IN} = :place AND {LISTED_AT} BETWEEN :since AND :until"
        values = {":place": _OPEN, ":since": iso(since), ":until": iso(until)}
        indexed = self._table.query(condition, values, IndexName=BY_RUN)
        every = readable(indexed, _read_run, self._on_unreadable)
        runs = {run_summary_partition(run): run for run, first in every if first.region == region}
        found: dict[RunId, RunSummary | None] = {}
        for item in self._table.get_all([(partition, RUN_SUMMARY_KEY) for partition in runs]):
            # What cannot be read is rebuilt, which is logged.
            stored = next(readable([item], read_summary, lambda _: None), None)
            found[runs[item[PK]["S"]]] = stored.summary if stored else None
        return found

    def ended(self, days: Sequence[datetime]) -> tuple[RunId, ...]:
        """See `EndedRuns.ended`. A day costs one Query for each page of the index."""
        condition = f"{LISTED_IN} = :day"
        every = (self._table.query(condition, {":day": _day(day)}, IndexName=BY_RUN) for day in days)
        return tuple(RunId(item[PK]["S"].removeprefix(RUN_SUMMARY_PARTITION)) for items in every for item in items)

    def ended_summaries(self, runs: Sequence[RunId]) -> Iterator[RunSummary]:
        """See `EndedRuns.ended_summaries`. A hundred runs cost one BatchGetItem."""
        items = self._table.get_all([(run_summary_partition(run), RUN_SUMMARY_KEY) for run in runs])
        stored = readable(items, read_summary, self._on_unreadable)
        return (each.summary for each in stored if each.summary.has_ended)

    def pages(
        self, *, now: datetime, since: datetime, size: int, until: datetime | None = None
    ) -> Iterator[tuple[RunSummary, ...]]:
        """The runs that go on, and those that ended since then: pages of at most `size`, each group newest first.

        With `until`, only those that ended before it. A page costs one Query and one BatchGetItem (two beyond 100
        runs), and is read when it is asked for.
        """
        if until is None:
            yield from self._pages(_OPEN, size=size)
        # From tomorrow: a run may end, or a clock be ahead, while pages are read.
        last = now + timedelta(days=1) if until is None else until - timedelta.resolution
        for back in range((last.date() - since.date()).days + 1):
            for page in self._pages(_day(last - timedelta(days=back)), size=size, since=since):
                yield page if until is None else tuple(each for each in page if each.since < until)

    def _pages(self, place: str, *, size: int, since: datetime | None = None) -> Iterator[tuple[RunSummary, ...]]:
        condition, values = f"{LISTED_IN} = :place", {":place": place}
        if since:
            condition, values = f"{condition} AND {LISTED_AT} >= :since", values | {":since": iso(since)}
        pages = self._table.client.get_paginator("query").paginate(
            TableName=self._table.name,
            IndexName=BY_RUN,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=serialize(values),
            ScanIndexForward=False,
            PaginationConfig={"PageSize": size},
        )
        with translated(f"runs {place}"):
            for page in pages:
                keys = [(each[PK]["S"], each[SK]["S"]) for each in page["Items"]]
                if keys:
                    found = {item[PK]["S"]: item for item in self._table.get_all(keys)}
                    items = (found[partition] for partition, _ in keys if partition in found)
                    stored = tuple(readable(items, read_summary, self._on_unreadable))
                    # The index may lag: a run that has just ended is listed where it ended.
                    yield tuple(each.summary for each in stored if _listed_in(each.summary) == place)


def summary_item(summary: RunSummary, version: int, retention: timedelta | None) -> Item:
    """A run's summary."""
    return serialize(
        {
            PK: run_summary_partition(summary.run),
            SK: RUN_SUMMARY_KEY,
            KIND: ItemKind.RUN_SUMMARY.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            VERSION: version,
            LISTED_IN: _listed_in(summary),
            LISTED_AT: iso(summary.since if summary.has_ended else summary.began),
            "run": summary.run,
            "state": summary.state.value,
            "reason": summary.reason,
            "since": iso(summary.since),
            "end_id": summary.end_id,
            "number": summary.number,
            "job": partition_of(summary.job),
            "market": summary.market and summary.market.value,
            "instance_type": summary.instance_type,
            "tags": dict(summary.tags),
            "parent": summary.parent and {"owner": summary.parent.owner.value, "identifier": summary.parent.identifier},
            "next_step": summary.next_step,
            "next_at": summary.next_at and iso(summary.next_at),
            EXPIRES_AT: expiry(summary.since, retention),
        }
    )


def read_summary(item: Item) -> StoredSummary:
    """A run's summary from its item."""
    with reading(item, ItemKind.RUN_SUMMARY) as values:
        parent = values.inner_or_none("parent")
        summary = RunSummary(
            run=read_run(values),
            state=values.word("state", RunState),
            reason=values.text("reason"),
            since=values.moment("since"),
            number=values.whole("number"),
            job=values.job("job"),
            market=values.word("market", Market) if "market" in values else None,
            instance_type=values.text_or_none("instance_type"),
            tags=values.texts("tags"),
            parent=None
            if parent is None
            else Parent(owner=parent.word("owner", Owner), identifier=parent.text("identifier")),
            next_step=values.text_or_none("next_step"),
            next_at=values.moment_or_none("next_at"),
        )
        return StoredSummary(summary=summary, version=values.whole(VERSION))


def _read_run(item: Item) -> tuple[RunId, JobId]:
    """The run of an item of the index, and the job that began it."""
    with reading(item) as values:
        run = RunId(values.text(PK).removeprefix(RUN_SUMMARY_PARTITION))
        return run, first_job(run)


def _in_place_of(unreadable: UnreadableItemError) -> tuple[int, str, dict[str, Any]]:
    """The version that replaces an item that cannot be read, and the condition that nobody replaced it since.

    Its version may be anything. The new one always differs from it, or the condition would not see another writer.
    """
    match unreadable.version:
        case {"N": str(number)}:
            version = Decimal(number)
            following = int(version) + 1 if abs(version) < _MOST_VERSIONS else 1
            return following, f"{VERSION} = :version", {":version": version}
        case _:
            return 1, f"NOT attribute_type({VERSION}, :number)", {":number": "N"}


def _listed_in(summary: RunSummary) -> str:
    return _day(summary.since) if summary.has_ended else _OPEN


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
