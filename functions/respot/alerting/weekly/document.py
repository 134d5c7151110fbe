"""A weekly digest as a document for machines (docs/reference/alert-document.md)."""

from collections.abc import Mapping
from typing import Any

from respot.alerting.contract import VERSION, WEEK_MEMBER, WEEKLY_KIND
from respot.alerting.weekly import text
from respot.alerting.weekly.digest import WeeklyDigest
from respot.jobs.formatting import iso
from respot.savings.pools import PoolFigures
from respot.savings.span import Span


def weekly_document(digest: WeeklyDigest) -> dict[str, Any]:
    """The document of a weekly digest: times are ISO 8601 UTC, amounts instance-seconds, unknown values null."""
    totals, coverage = digest.totals, digest.coverage
    return {
        "version": VERSION,
        "id": digest.id,
        "kind": WEEKLY_KIND,
        "severity": digest.severity.value,
        "headline": text.headline(digest),
        "what_happened": text.what_happened(digest),
        "what_happens_next": text.NEXT,
        "console_url": text.console_url(digest),
        WEEK_MEMBER: {
            "id": digest.week.id,
            "account": digest.account,
            "region": digest.region,
            "since": iso(digest.week.began),
            "until": iso(digest.week.ended),
            "runs": totals.runs,
            "ended": {state.value: count for state, count in digest.ended.items()},
            "on_demand_runs": digest.on_demand_runs,
            "attempts": totals.attempts,
            "attempts_not_billed": totals.unbilled,
            "interruptions": totals.interruptions,
            "training_seconds": totals.training.total_seconds(),
            "billed_seconds": totals.billed.total_seconds(),
            "saved_gross_seconds": totals.saved_gross.total_seconds(),
            "saved_net_seconds": _range(totals.saved_net),
            "lost_seconds": _range(totals.lost),
            "worst_pools": [_pool(each) for each in digest.pools],
            "runs_found": coverage.found,
            "runs_tried": coverage.tried,
            "runs_not_read": coverage.unread,
        },
    }


def _pool(figures: PoolFigures) -> Mapping[str, Any]:
    median = figures.waits.p50
    return {
        "name": text.pool_name(figures),
        "region": figures.pool.region,
        "instance_type": figures.pool.instance_type or None,
        "market": figures.pool.market or None,
        "interruptions": figures.interruptions,
        "held_seconds": figures.held.total_seconds(),
        "interruptions_per_hour": None if figures.rate is None else round(figures.rate, 6),
        "waits_without_instances": figures.waits.without,
        "median_wait_seconds": None if median is None else median.total_seconds(),
        "words": text.pool_words(figures),
    }


def _range(span: Span) -> Mapping[str, float]:
    return {"least": span.low.total_seconds(), "most": span.high.total_seconds()}
