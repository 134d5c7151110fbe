"""Merges a snapshot of a job into its record: what the ledger must write."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from respot.jobs.job import JobId, JobRecord, JobSnapshot, JobState, Transition
from respot.jobs.lifecycle import DELETING, TERMINAL_STATUSES, figures, in_order, is_end, is_terminal, status_periods

TIMESTAMP_TOLERANCE: Final = timedelta(seconds=1)
"""How far an event's time may differ from Describe's for one transition: events may have whole seconds only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What the ledger must write.

    Attributes:
        state: the job's state after the change.
        state_changed: whether the state must be written.
        inserted: transitions that the ledger lacks, oldest first.
        marked: at most one transition that the ledger has, and that now turns out to be the end of the job.
        transitions: all transitions after the change, oldest first.
        version: the version of the state that this change was derived from.
    """

    state: JobState
    state_changed: bool
    inserted: tuple[Transition, ...]
    transitions: tuple[Transition, ...]
    version: int
    marked: tuple[Transition, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.state_changed and not self.inserted and not self.marked


def reconcile(record: JobRecord, snapshot: JobSnapshot) -> Change:
    """Merge a snapshot into the record: idempotent, with the same result for any order of snapshots."""
    state = snapshot.state if record.state is None else merge(record.state, snapshot.state)
    snapshot = replace(snapshot, history=_with_end(snapshot))
    inserted = _missing(record.transitions, snapshot)
    marked = _marked(record.transitions, snapshot, inserted)
    known = (next((new for new in marked if new == transition), transition) for transition in record.transitions)
    transitions = in_order((*known, *inserted))
    if unlisted := _unlisted_end(snapshot.state, transitions):
        inserted, transitions = (*inserted, unlisted), (*transitions, unlisted)
    return Change(
        state=state,
        # The state item contains the totals as well: a late transition may change only them.
        state_changed=state != record.state or figures(transitions) != figures(record.transitions),
        inserted=inserted,
        transitions=transitions,
        version=record.version,
        marked=marked,
    )


def merge(one: JobState, other: JobState) -> JobState:
    """Both states together: the later one wins, and the earlier one supplies what the later one lacks.

    Of two states of the same moment the first one wins: an event must not replace a description.

    A state only moves forward: a terminal status outranks any status that is not terminal, and only Deleting outranks
    a terminal status.
    """
    later, earlier = (other, one) if _rank(other) > _rank(one) else (one, other)
    missing = {
        field.name: getattr(earlier, field.name) for field in fields(JobState) if getattr(later, field.name) is None
    }
    if _rank(earlier) != _rank(later):  # the text on one transition does not apply to another
        missing.pop("status_message", None)
    return replace(later, **missing)


def same_creation(one: datetime, other: datetime) -> bool:
    """Whether two creation times of a name belong to one job, with different rounding."""
    return abs(one - other) <= TIMESTAMP_TOLERANCE


def is_same_job(one: JobId, other: JobId) -> bool:
    """Whether both are one job, whose creation time may be rounded differently."""
    return (one.region, one.name) == (other.region, other.name) and same_creation(one.created, other.created)


def _rank(state: JobState) -> tuple[int, datetime]:
    stage = 2 if state.status == DELETING else 1 if state.status in TERMINAL_STATUSES else 0
    return stage, state.last_modified


def _with_end(snapshot: JobSnapshot) -> tuple[Transition, ...]:
    """The snapshot's transitions, with the end of the job marked if it has ended.

    TrainingJobStatus decides: "Valid values for SecondaryStatus are subject to change" (SageMaker API Reference). A job
    that is being deleted had ended before.
    """
    state, history = snapshot.state, snapshot.history
    life = in_order(transition for transition in history if transition.status != DELETING)
    if not is_terminal(state.status):
        return history
    held = (transition for transition in reversed(life) if state.secondary_status in {transition.status, DELETING})
    end = next(held, None)
    return in_order(
        replace(transition, ended_as=state.status) if transition == end else transition for transition in history
    )


def _unlisted_end(seen: JobState, transitions: Sequence[Transition]) -> Transition | None:
    """The end of a job that has ended, if its list of transitions lacks it; it starts at SageMaker's end time.

    Nothing promises that an undocumented status is in the list, or has a start there. A later snapshot that has it
    describes the same transition.
    """
    if seen.status not in TERMINAL_STATUSES or not transitions or any(map(is_end, transitions)):
        return None
    started = max(transitions[-1].started, seen.training_ended or seen.last_modified)
    return Transition(status=seen.secondary_status, started=started, provisional=True, ended_as=seen.status)


def _marked(
    known: Sequence[Transition], snapshot: JobSnapshot, inserted: Sequence[Transition]
) -> tuple[Transition, ...]:
    """The end in the snapshot, if the ledger already has this transition without the mark."""
    end = next((transition for transition in snapshot.history if transition.ended_as), None)
    if end is None or end in inserted:
        return ()
    seen = in_order(known)
    twins = (
        transition
        for transition in seen
        if (transition.status, transition.started) == (end.status, end.started)
        or (transition.provisional and _reported_as(transition, snapshot, seen) == end)
        or (end.provisional and _same_transition(end, seen, covered=not snapshot.start_known) == transition)
    )
    return tuple(
        replace(transition, ended_as=end.ended_as) for transition in islice(twins, 1) if not is_end(transition)
    )


def _missing(known: Sequence[Transition], snapshot: JobSnapshot) -> tuple[Transition, ...]:
    exact = {(transition.status, transition.started) for transition in known}
    seen = in_order(known)
    accounted = {_reported_as(transition, snapshot, seen) for transition in seen if transition.provisional}
    return tuple(
        transition
        for transition in snapshot.history
        if (transition.status, transition.started) not in exact
        and transition not in accounted
        and not (transition.provisional and _same_transition(transition, seen, covered=not snapshot.start_known))
    )


def _reported_as(known: Transition, snapshot: JobSnapshot, seen: Sequence[Transition]) -> Transition | None:
    """The snapshot's transition that an event reported before, perhaps with a later time than its start."""
    if not any(transition.provisional for transition in snapshot.history):
        return _same_transition(known, snapshot.history, covered=True)
    # An event reports one transition; the known ones show when its status had ended.
    others = (transition for transition in seen if transition != known)
    among = in_order((*others, *snapshot.history))
    return _same_transition(known, among, covered=not snapshot.start_known)


def _same_transition(wanted: Transition, among: Sequence[Transition], *, covered: bool) -> Transition | None:
    """The transition that `wanted` describes too: its status covers that time, or it started within the tolerance."""
    alike = [(transition, ended) for transition, ended in status_periods(among) if transition.status == wanted.status]
    if covered:
        for transition, ended in alike:
            if transition.started <= wanted.started and (ended is None or wanted.started < ended):
                return transition
    near = [transition for transition, _ in alike if abs(transition.started - wanted.started) <= TIMESTAMP_TOLERANCE]
    return min(near, key=lambda transition: abs(transition.started - wanted.started), default=None)
