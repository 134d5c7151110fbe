"""Alerts and digests as versioned JSON documents for machines (docs/reference/alert-document.md)."""

from datetime import timedelta
from typing import Any

from respot.alerting import text as alert_text
from respot.alerting.alert import Alert
from respot.alerting.contract import DIGEST_MEMBER, VERSION
from respot.alerting.digest import text as digest_text
from respot.alerting.digest.digest import Digest
from respot.alerting.kinds import AlertKind
from respot.jobs.formatting import iso
from respot.jobs.job import JobState, savings_percent


def to_document(alert: Alert) -> dict[str, Any]:
    """The document; times are ISO 8601 UTC, durations are seconds, unknown values are null."""
    state, figures = alert.state, alert.figures
    percent = savings_percent(training=state.training_time, billable=state.billable_time)
    return {
        "version": VERSION,
        "id": alert.id,
        "kind": alert.kind.value,
        "severity": alert.severity.value,
        "drill": state.job.is_drill,
        "headline": alert_text.headline(alert),
        "what_happened": alert_text.what_happened(alert),
        "what_happens_next": alert_text.what_happens_next(alert),
        "cost": alert_text.cost(alert),
        "console_url": alert_text.console_url(state),
        "transition": {"status": alert.transition.status, "started": iso(alert.transition.started)},
        "story": alert.summary or None,
        "warning": alert.warning,
        "advice": list(alert.advice),
        "digest_id": alert.digest,
        "job": _job(state),
        "figures": {
            "earlier_interruptions": alert.earlier_interruptions,
            "trained_seconds": figures.trained.total_seconds(),
            "waited_seconds": figures.waited.total_seconds(),
            "training_time_seconds": _seconds(state.training_time),
            "billable_time_seconds": _seconds(state.billable_time),
            "savings_percent": None if percent is None else round(percent, 2),
        },
    }


def digest_document(digest: Digest) -> dict[str, Any]:
    """The document of a digest: it is about a pool, and has neither job nor transition nor figures.

    A form of its own, since `job: null` would break readers; its severity passes the filters that its alerts pass.
    """
    pool, entries = digest.window.pool, digest.entries
    return {
        "version": VERSION,
        "id": digest.id,
        "kind": AlertKind.DIGEST.value,
        "severity": digest.severity.value,
        "headline": digest_text.headline(digest),
        "what_happened": digest_text.what_happened(digest),
        "what_happens_next": digest_text.what_happens_next(digest),
        "console_url": digest_text.console_url(digest),
        DIGEST_MEMBER: {
            "of_kind": pool.kind.value,
            "account": account_of(entries[0].arn),
            "region": pool.region,
            "instance_type": pool.instance_type,
            "opened": iso(digest.window.opened),
            "since": digest_text.since(digest),
            "until": digest_text.until(digest),
            "count": len(entries),
            "job_count": digest.jobs,
            "alerts": [
                {
                    "id": entry.alert,
                    "job": entry.job.name,
                    "created": iso(entry.job.created),
                    "started": iso(entry.started),
                }
                for entry in entries[: digest_text.LISTED]
            ],
        },
    }


def _job(state: JobState) -> dict[str, Any]:
    return {
        "name": state.job.name,
        "arn": state.arn,
        "account": account_of(state.arn),
        "region": state.job.region,
        "created": iso(state.job.created),
        "status": state.status,
        "secondary_status": state.secondary_status,
        "failure_reason": state.failure_reason,
        "market": state.market and state.market.value,
        "instance_type": state.instance_type or state.requested_type,
        "instance_count": state.instance_count,
        "max_runtime_seconds": _seconds(state.max_runtime),
        "max_wait_seconds": _seconds(state.max_wait),
        "checkpoint_uri": state.checkpoint_uri,
        "parent": state.parent and {"owner": state.parent.owner.value, "identifier": state.parent.identifier},
        "tags": dict(state.tags) if state.tags is not None else None,
    }


def account_of(arn: str) -> str:
    """The account that an ARN names."""
    return arn.split(":")[4]


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
