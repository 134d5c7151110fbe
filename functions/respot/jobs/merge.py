"""How a look at a job changes what the ledger knows of it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from respot.jobs.job import JobId, JobRecord, JobSnapshot, JobState, Transition
from respot.jobs.lifecycle import DELETING, TERMINAL_STATUSES, figures, in_order, is_end, is_terminal, status_periods

TIMESTAMP_TOLERANCE: Final = timedelta(seconds=1)
"""How far an event's time may differ from Describe's for one transition: events may be cut to whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What must be written so that the ledger knows what was seen.

    Attributes:
        state: the job's state after the change.
        state_changed: whether the state must be written at all.
        inserted: stays the ledger does not have yet, oldest first.
        marked: the transition that the ledger has, and that turns out to be the one in which the job ended; or none.
        transitions: all transitions after the change, oldest first.
        version: the version of the state that this change was worked out from.
    """

    state: JobState
    state_changed: bool
    inserted: tuple[Transition, ...]
    transitions: tuple[Transition, ...]
    version: int
    marked: tuple[Transition, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write: the look told nothing new."""
        return not self.state_changed and not self.inserted and not self.marked


def reconcile(record: JobRecord, snapshot: JobSnapshot) -> Change:
    """Merge one look into the record: idempotent, and the same result in whatever order the looks come."""
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
        # The state carries the figures, too: a transition that is learnt of late may change them and no fact.
        state_changed=state != record.state or figures(transitions) != figures(record.transitions),
        inserted=inserted,
        transitions=transitions,
        version=record.version,
        marked=marked,
    )


def merge(one: JobState, other: JobState) -> JobState:
    """What both looks know together: the later look wins, the earlier one fills what it left unsaid.

    Of two looks at the same moment the first one stands: an event must not talk over a description.

    A state only moves forward: a terminal status outranks any later-looking one that is not,
    and only Deleting outranks a terminal status.
    """
    later, earlier = (other, one) if _rank(other) > _rank(one) else (one, other)
    unsaid = {
        field.name: getattr(earlier, field.name) for field in fields(JobState) if getattr(later, field.name) is None
    }
    if _rank(earlier) != _rank(later):  # the words on one transition say nothing of another
        unsaid.pop("status_message", None)
    return replace(later, **unsaid)


def same_creation(one: datetime, other: datetime) -> bool:
    """Whether two creation times of a name are one job's, told with different rounding."""
    return abs(one - other) <= TIMESTAMP_TOLERANCE


def is_same_job(one: JobId, other: JobId) -> bool:
    """Whether both are one job, whose creation time may be rounded differently."""
    return (one.region, one.name) == (other.region, other.name) and same_creation(one.created, other.created)


def _rank(state: JobState) -> tuple[int, datetime]:
    stage = 2 if state.status == DELETING else 1 if state.status in TERMINAL_STATUSES else 0
    return stage, state.last_modified


def _with_end(snapshot: JobSnapshot) -> tuple[Transition, ...]:
    """The look's stays; the one with which the job ended carries the mark of it, if the job has ended.

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
    """The end of a job that has ended, where its list of transitions lacks it; by the time SageMaker gives for the end.

    Nothing promises that a status which is documented nowhere is in the list, or has a start there. A later look that
    has it tells of the same transition.
    """
    if seen.status not in TERMINAL_STATUSES or not transitions or any(map(is_end, transitions)):
        return None
    started = max(transitions[-1].started, seen.training_ended or seen.last_modified)
    return Transition(status=seen.secondary_status, started=started, provisional=True, ended_as=seen.status)


def _marked(
    known: Sequence[Transition], snapshot: JobSnapshot, inserted: Sequence[Transition]
) -> tuple[Transition, ...]:
    """The end of the look, where the ledger has it as a transition of which nobody knew that the job ended in it."""
    end = next((transition for transition in snapshot.history if transition.ended_as), None)
    if end is None or end in inserted:
        return ()
    seen = in_order(known)
    twins = (
        transition
        for transition in seen
        if (transition.status, transition.started) == (end.status, end.started)
        or (transition.provisional and _told_as(transition, snapshot, seen) == end)
        or (end.provisional and _same_transition(end, seen, covered=not snapshot.start_known) == transition)
    )
    return tuple(
        replace(transition, ended_as=end.ended_as) for transition in islice(twins, 1) if not is_end(transition)
    )


def _missing(known: Sequence[Transition], snapshot: JobSnapshot) -> tuple[Transition, ...]:
    exact = {(transition.status, transition.started) for transition in known}
    seen = in_order(known)
    accounted = {_told_as(transition, snapshot, seen) for transition in seen if transition.provisional}
    return tuple(
        transition
        for transition in snapshot.history
        if (transition.status, transition.started) not in exact
        and transition not in accounted
        and not (transition.provisional and _same_transition(transition, seen, covered=not snapshot.start_known))
    )


def _told_as(known: Transition, snapshot: JobSnapshot, seen: Sequence[Transition]) -> Transition | None:
    """The transition of the look that an event told of before, perhaps by a later moment than its start."""
    if not any(transition.provisional for transition in snapshot.history):
        return _same_transition(known, snapshot.history, covered=True)
    # An event tells one transition: what is known of the others says when that one had ended.
    others = (transition for transition in seen if transition != known)
    among = in_order((*others, *snapshot.history))
    return _same_transition(known, among, covered=not snapshot.start_known)


def _same_transition(wanted: Transition, among: Sequence[Transition], *, covered: bool) -> Transition | None:
    """The transition that `wanted` tells of in other words: one that covers its time, or one that started just then."""
    alike = [(transition, ended) for transition, ended in status_periods(among) if transition.status == wanted.status]
    if covered:
        for transition, ended in alike:
            if transition.started <= wanted.started and (ended is None or wanted.started < ended):
                return transition
    near = [transition for transition, _ in alike if abs(transition.started - wanted.started) <= TIMESTAMP_TOLERANCE]
    return min(near, key=lambda transition: abs(transition.started - wanted.started), default=None)
