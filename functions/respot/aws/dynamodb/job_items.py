"""The items of jobs: states and transitions, as DynamoDB items and back."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from respot.aws.dynamodb.attribute_values import Item, deserialize, serialize
from respot.aws.dynamodb.expiry import expiry
from respot.aws.dynamodb.keys import STATE_KEY, job_of, partition_of, region_and_name, transition_key
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, JobRecord, JobState, Market, Owner, Parent, Transition, savings_percent
from respot.jobs.lifecycle import figures, in_order, is_terminal
from respot.jobs.merge import Change
from respot.schema import (
    ACTIVE_ON,
    CHECKPOINT_URI,
    CREATED,
    ENDED_AS,
    EXPIRES_AT,
    KIND,
    LAST_MODIFIED,
    LIVE_IN,
    PK,
    RECORDED_AT,
    REGION_AND_NAME,
    SK,
    STARTED,
    STATUS,
    VERSION,
    ItemKind,
)

_MILLISECOND: Final = timedelta(milliseconds=1)


def state_item(change: Change, retention: timedelta | None) -> Item:
    """The state after a change, with figures for people."""
    state, sums = change.state, figures(change.transitions)
    return serialize(
        {
            PK: partition_of(state.job),
            SK: STATE_KEY,
            KIND: ItemKind.STATE.value,
            VERSION: change.version + 1,
            # A drill is in no index: it is never listed, never swept, and never a location's writer.
            REGION_AND_NAME: None if state.job.is_drill else region_and_name(state.job.region, state.job.name),
            CREATED: iso(state.job.created),
            ACTIVE_ON: None if state.job.is_drill else f"{state.last_modified:%Y-%m-%d}",
            LAST_MODIFIED: iso(state.last_modified),
            "arn": state.arn,
            STATUS: state.status,
            "secondary_status": state.secondary_status,
            "status_message": state.status_message,
            "failure_reason": state.failure_reason,
            "training_started": state.training_started and iso(state.training_started),
            "training_ended": state.training_ended and iso(state.training_ended),
            "market": state.market and state.market.value,
            "instance_type": state.instance_type,
            "instance_count": state.instance_count,
            "max_runtime_seconds": _seconds(state.max_runtime),
            "max_wait_seconds": _seconds(state.max_wait),
            "max_pending_seconds": _seconds(state.max_pending),
            CHECKPOINT_URI: state.checkpoint_uri,
            "training_time_seconds": _seconds(state.training_time),
            "billable_time_seconds": _seconds(state.billable_time),
            "parent": state.parent and {"owner": state.parent.owner.value, "identifier": state.parent.identifier},
            "tags": None if state.tags is None else dict(state.tags),
            "role_arn": state.role_arn,
            "algorithm": state.algorithm,
            "image": state.image,
            LIVE_IN: None if state.job.is_drill or is_terminal(state.status) else state.job.region,
            "savings_percent": _percent(state),
            "interruptions": sums.interruptions,
            "waited_seconds": _seconds(sums.waited),
            "trained_seconds": _seconds(sums.trained),
            EXPIRES_AT: expiry(state.last_modified, retention),
        }
    )


def transition_item(job: JobId, transition: Transition, *, now: datetime, retention: timedelta | None) -> Item:
    """A transition, with the time at which Respot recorded it."""
    return serialize(
        {
            PK: partition_of(job),
            SK: transition_key(transition),
            KIND: (ItemKind.DRILL_TRANSITION if job.is_drill else ItemKind.TRANSITION).value,
            STATUS: transition.status,
            STARTED: iso(transition.started),
            "provisional": transition.provisional or None,
            ENDED_AS: transition.ended_as,
            RECORDED_AT: iso(now),
            EXPIRES_AT: expiry(transition.started, retention),
        }
    )


def read_record(items: Iterable[Item]) -> JobRecord:
    """A job's record from the items of its partition; other kinds of items are skipped."""
    state, version, transitions = None, 0, []
    for item in items:
        values = deserialize(item)
        if values[KIND] == ItemKind.STATE:
            state, version = _read_state(values), int(values[VERSION])
        elif values[KIND] in {ItemKind.TRANSITION, ItemKind.DRILL_TRANSITION}:
            transitions.append(transition_of(values))
    return JobRecord(state=state, version=version, transitions=in_order(transitions))


def read_transition(item: Item) -> tuple[JobId, Transition]:
    """The job and the transition of a transition item."""
    values = deserialize(item)
    return job_of(values[PK]), transition_of(values)


def transition_of(values: Mapping[str, Any]) -> Transition:
    """The transition in the values of an item."""
    return Transition(
        status=values[STATUS],
        started=_moment(values[STARTED]),
        provisional=bool(values.get("provisional")),
        ended_as=values.get(ENDED_AS),
    )


def _read_state(values: Mapping[str, Any]) -> JobState:
    started, ended = values.get("training_started"), values.get("training_ended")
    count, parent = values.get("instance_count"), values.get("parent")
    return JobState(
        job=job_of(values[PK]),
        arn=values["arn"],
        status=values[STATUS],
        secondary_status=values["secondary_status"],
        last_modified=_moment(values[LAST_MODIFIED]),
        status_message=values.get("status_message"),
        failure_reason=values.get("failure_reason"),
        training_started=started and _moment(started),
        training_ended=ended and _moment(ended),
        market=Market(values["market"]) if "market" in values else None,
        instance_type=values.get("instance_type"),
        instance_count=None if count is None else int(count),
        max_runtime=_span(values.get("max_runtime_seconds")),
        max_wait=_span(values.get("max_wait_seconds")),
        max_pending=_span(values.get("max_pending_seconds")),
        checkpoint_uri=values.get(CHECKPOINT_URI),
        training_time=_span(values.get("training_time_seconds")),
        billable_time=_span(values.get("billable_time_seconds")),
        parent=parent and Parent(owner=Owner(parent["owner"]), identifier=parent["identifier"]),
        tags=values.get("tags"),
        role_arn=values.get("role_arn"),
        algorithm=values.get("algorithm"),
        image=values.get("image"),
    )


def _moment(written: str) -> datetime:
    return datetime.fromisoformat(written)


def _seconds(span: timedelta | None) -> Decimal | None:
    return None if span is None else Decimal(span // _MILLISECOND) / 1000


def _span(seconds: Decimal | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=float(seconds))


def _percent(state: JobState) -> Decimal | None:
    percent = savings_percent(training=state.training_time, billable=state.billable_time)
    return None if percent is None else Decimal(f"{percent:.2f}")
