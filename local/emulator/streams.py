"""DynamoDB streams: one reader for each function, and failed batches are repeated, as AWS does."""

import logging
import threading
import time
from collections.abc import Iterable
from typing import Any

from ministack.services import lambda_svc  # type: ignore[import-untyped]

logger = logging.getLogger("events")

_STREAM_PAUSE = 0.1
"""Seconds between two reads of a stream in which nothing is new."""


def repeat_failed_stream_batches() -> None:
    """Deliver a stream's batch again when the function reports that an item of it failed.

    ministack respects `ReportBatchItemFailures` of queues. It ignores those of streams, and failed items would be
    lost. AWS repeats from the first failed item; this repeats the whole batch, which asks more of the function.
    """
    execute = lambda_svc._execute_function  # both pollers call it by this name

    def executed(function: Any, event: Any, *rest: Any, **options: Any) -> Any:
        result = execute(function, event, *rest, **options)
        records = event.get("Records") if isinstance(event, dict) else None
        is_stream = records and records[0].get("eventSource") == "aws:dynamodb"
        body = result.get("body")
        failed = is_stream and isinstance(body, dict) and body.get("batchItemFailures")
        return {**result, "error": True} if failed else result

    lambda_svc._execute_function = executed


def read_streams_side_by_side() -> None:
    """Give each reader of a stream its own thread, and repeat a failed batch in halves where the mapping says so.

    ministack calls functions for streams on the thread that hands out the messages of all queues: while an alert is
    slow, no queue moves. It also repeats a failed batch as a whole. AWS has a poller for each mapping, and splits a
    failed batch in two before it retries (Lambda's API_CreateEventSourceMapping, BisectBatchOnFunctionError).
    """
    readers = _StreamReaders()
    # By these names the polling thread calls them.
    lambda_svc._iter_all_esms = readers.mappings
    lambda_svc._poll_dynamodb_streams = readers.start


class _StreamReaders:
    """A thread for each mapping of a stream, which sees no other mapping."""

    def __init__(self) -> None:
        self._poll = lambda_svc._poll_dynamodb_streams
        self._all_mappings = lambda_svc._iter_all_esms
        self._thread = threading.local()
        self._reading: set[tuple[str, str, str]] = set()

    def mappings(self) -> Iterable[tuple[str, str, Any]]:
        """What ministack's pollers go through: all mappings, or in a reader's thread its own."""
        mine = getattr(self._thread, "mapping", None)
        return self._all_mappings() if mine is None else [mine]

    def start(self) -> bool:
        """Start a thread for each mapping that has none; nothing is read here."""
        for account, region, mapping in self._all_mappings():
            key = account, region, mapping["UUID"]
            if ":dynamodb:" in mapping["EventSourceArn"] and key not in self._reading:
                self._reading.add(key)
                threading.Thread(target=self._read, args=key, daemon=True).start()
        return False

    def _read(self, *key: str) -> None:
        account, region, _ = key
        size = None
        while mapping := lambda_svc._esms._data.get(key):
            most = mapping["BatchSize"]
            view = {**mapping, "BatchSize": min(size or most, most), "LastProcessingResult": ""}
            self._thread.mapping = account, region, view
            try:
                found_more = self._poll()
            except Exception:
                # As in ministack's own loop: the next pass may succeed.
                logger.exception("the reader of %s", mapping["EventSourceArn"])
                found_more = False
            if result := view["LastProcessingResult"]:
                mapping["LastProcessingResult"] = result
                split = result == "FAILED" and mapping.get("BisectBatchOnFunctionError")
                size = max(1, view["BatchSize"] // 2) if split else 2 * view["BatchSize"]
            if not found_more:
                time.sleep(_STREAM_PAUSE)
        self._reading.discard((account, region, key[2]))
