"""The items of jobs: states and transitions, as DynamoDB items and back."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.expiry import expiry
from respot.aws.dynamodb.keys import STATE_KEY, TRANSITION_KEY, partition_of, region_and_name, transition_key
from respot.aws.dynamodb.reading import Values, reading
from respot.errors import UnreadableItemError
from respot.jobs.drill_names import DRILL_PREFIX
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, JobRecord, JobState, Market, Owner, Parent, Transition, savings_percent
from respot.jobs.lifecycle import figures, in_order, is_terminal
from respot.jobs.merge import Change
from respot.jobs.type_lists import join_types, split_types
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
    SCHEMA,
    SCHEMA_OF_THIS_VERSION,
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
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            VERSION: change.version + 1,
            # A drill is in no index but under a name that no job has: it is never listed, swept or a location's writer.
            REGION_AND_NAME: region_and_name(state.job.region, DRILL_PREFIX if state.job.is_drill else state.job.name),
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
            "preferred_types": join_types(state.preferred_types or ()) or None,
            "instance_count": state.instance_count,
            "max_runtime_seconds": _seconds(state.max_runtime),
            "max_wait_seconds": _seconds(state.max_wait),
            "max_pending_seconds": _seconds(state.max_pending),
            # The index of live jobs has no other attribute: an empty text there is a location that is not known.
            CHECKPOINT_URI: state.checkpoint_uri if state.is_located else "",
            "training_time_seconds": _seconds(state.training_time),
            "billable_time_seconds": _seconds(state.billable_time),
            "parent": state.parent and {"owner": state.parent.owner.value, "identifier": state.parent.identifier},
            "tags": None if state.tags is None else dict(state.tags),
            "role_arn": state.role_arn,
            "algorithm": state.algorithm,
            "image": state.image,
            "described": state.described or False,
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
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            STATUS: transition.status,
            STARTED: iso(transition.started),
            "provisional": transition.provisional or None,
            ENDED_AS: transition.ended_as,
            RECORDED_AT: iso(now),
            EXPIRES_AT: expiry(transition.started, retention),
        }
    )


def read_record(
    items: Iterable[Item], *, on_unreadable: Callable[[UnreadableItemError], None] | None = None
) -> JobRecord:
    """A job's record from the items of its partition; other items than its state and transitions are skipped.

    Raises:
        UnreadableItemError: one cannot be read, and there is no `on_unreadable`.
    """
    state, version, transitions = None, 0, []
    for item in items:
        try:
            with reading(item) as values:
                key = values.text(SK)
                if key == STATE_KEY:
                    state, version = read_state(item)
                elif key.startswith(TRANSITION_KEY):
                    transitions.append(read_transition(item)[1])
        except UnreadableItemError as error:
            if on_unreadable is None:
                raise
            on_unreadable(error)
    return JobRecord(state=state, version=version, transitions=in_order(transitions))


def read_transition(item: Item) -> tuple[JobId, Transition]:
    """The job and the transition of a transition item."""
    with reading(item, ItemKind.TRANSITION, ItemKind.DRILL_TRANSITION) as values:
        return values.job(), transition_of(values)


def transition_of(values: Values) -> Transition:
    """The transition in the values of an item."""
    return Transition(
        status=values.text(STATUS),
        started=values.moment(STARTED),
        provisional=bool(values.flag_or_none("provisional")),
        ended_as=values.text_or_none(ENDED_AS),
    )


def read_state(item: Item) -> tuple[JobState, int]:
    """A state from its item, and its version."""
    with reading(item, ItemKind.STATE) as values:
        return _read_state(values), values.whole(VERSION)


def _read_state(values: Values) -> JobState:
    parent = values.inner_or_none("parent")
    return JobState(
        job=values.job(),
        arn=values.text("arn"),
        status=values.text(STATUS),
        secondary_status=values.text("secondary_status"),
        last_modified=values.moment(LAST_MODIFIED),
        status_message=values.text_or_none("status_message"),
        failure_reason=values.text_or_none("failure_reason"),
        training_started=values.moment_or_none("training_started"),
        training_ended=values.moment_or_none("training_ended"),
        market=values.word("market", Market) if "market" in values else None,
        instance_type=values.text_or_none("instance_type"),
        preferred_types=split_types(values.text_or_none("preferred_types")) or None,
        instance_count=values.whole_or_none("instance_count"),
        max_runtime=values.span_or_none("max_runtime_seconds"),
        max_wait=values.span_or_none("max_wait_seconds"),
        max_pending=values.span_or_none("max_pending_seconds"),
        checkpoint_uri=values.text_or_none(CHECKPOINT_URI) or None,
        training_time=values.span_or_none("training_time_seconds"),
        billable_time=values.span_or_none("billable_time_seconds"),
        parent=parent
        if parent is None
        else Parent(owner=parent.word("owner", Owner), identifier=parent.text("identifier")),
        tags=values.texts_or_none("tags"),
        role_arn=values.text_or_none("role_arn"),
        algorithm=values.text_or_none("algorithm"),
        image=values.text_or_none("image"),
        # An earlier version's item does not say; few of its events said the market.
        described=(values.flag("described") if "described" in values else "market" in values) or None,
    )


def _seconds(span: timedelta | None) -> Decimal | None:
    return None if span is None else Decimal(span // _MILLISECOND) / 1000


def _percent(state: JobState) -> Decimal | None:
    percent = savings_percent(training=state.training_time, billable=state.billable_time)
    return None if percent is None else Decimal(f"{percent:.2f}")
