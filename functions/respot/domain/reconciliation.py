"""How a look at a job changes what the ledger knows of it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from respot.domain.job import JobFacts, JobRecord, JobSnapshot, Transition
from respot.domain.lifecycle import DELETING, TERMINAL_STATUSES, figures, in_order, is_end, is_terminal, stays

ROUNDING: Final = timedelta(seconds=1)
"""By how much an event's time may differ from Describe's for the same stay: events may be cut to whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What must be written so that the ledger knows what was seen.

    Attributes:
        facts: the job's state after the change.
        facts_changed: whether the state must be written at all.
        inserted: stays the ledger does not have yet, oldest first.
        marked: the stay that the ledger has, and that turns out to be the one in which the job ended; or none.
        transitions: all stays after the change, oldest first.
        version: the version of the state that this change was worked out from.
    """

    facts: JobFacts
    facts_changed: bool
    inserted: tuple[Transition, ...]
    transitions: tuple[Transition, ...]
    version: int
    marked: tuple[Transition, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write: the look told nothing new."""
        return not self.facts_changed and not self.inserted and not self.marked


def reconcile(record: JobRecord, snapshot: JobSnapshot) -> Change:
    """Merge one look into the record: idempotent, and the same result in whatever order the looks come."""
    facts = snapshot.facts if record.facts is None else merge(record.facts, snapshot.facts)
    snapshot = replace(snapshot, history=_with_end(snapshot))
    inserted = _missing(record.transitions, snapshot)
    marked = _marked(record.transitions, snapshot, inserted)
    known = (next((new for new in marked if new == stay), stay) for stay in record.transitions)
    transitions = in_order((*known, *inserted))
    if unlisted := _unlisted_end(snapshot.facts, transitions):
        inserted, transitions = (*inserted, unlisted), (*transitions, unlisted)
    return Change(
        facts=facts,
        # The state carries the figures, too: a stay that is learnt of late may change them and no fact.
        facts_changed=facts != record.facts or figures(transitions) != figures(record.transitions),
        inserted=inserted,
        transitions=transitions,
        version=record.version,
        marked=marked,
    )


def merge(one: JobFacts, other: JobFacts) -> JobFacts:
    """What both looks know together: the later look wins, the earlier one fills what it left unsaid.

    Of two looks at the same moment the first one stands: an event must not talk over a description.

    A state only moves forward: a terminal status outranks any later-looking one that is not,
    and only Deleting outranks a terminal status.
    """
    later, earlier = (other, one) if _rank(other) > _rank(one) else (one, other)
    unsaid = {
        field.name: getattr(earlier, field.name) for field in fields(JobFacts) if getattr(later, field.name) is None
    }
    if _rank(earlier) != _rank(later):  # the words on one stay say nothing of another
        unsaid.pop("status_message", None)
    return replace(later, **unsaid)


def same_creation(one: datetime, other: datetime) -> bool:
    """Whether two creation times of a name are one job's, told with different rounding."""
    return abs(one - other) <= ROUNDING


def _rank(facts: JobFacts) -> tuple[int, datetime]:
    stage = 2 if facts.status == DELETING else 1 if facts.status in TERMINAL_STATUSES else 0
    return stage, facts.last_modified


def _with_end(snapshot: JobSnapshot) -> tuple[Transition, ...]:
    """The look's stays; the one with which the job ended carries the mark of it, if the job has ended.

    TrainingJobStatus decides: "Valid values for SecondaryStatus are subject to change" (SageMaker API Reference). A job
    that is being deleted had ended before.
    """
    facts, history = snapshot.facts, snapshot.history
    life = in_order(stay for stay in history if stay.status != DELETING)
    if not is_terminal(facts.status):
        return history
    held = (stay for stay in reversed(life) if facts.secondary_status in {stay.status, DELETING})
    end = next(held, None)
    return in_order(replace(stay, ended_as=facts.status) if stay == end else stay for stay in history)


def _unlisted_end(seen: JobFacts, transitions: Sequence[Transition]) -> Transition | None:
    """The end of a job that has ended, where its list of transitions lacks it; by the time SageMaker gives for the end.

    Nothing promises that a status which is documented nowhere is in the list, or has a start there. A later look that
    has it tells of the same stay.
    """
    if seen.status not in TERMINAL_STATUSES or not transitions or any(map(is_end, transitions)):
        return None
    started = max(transitions[-1].started, seen.training_ended or seen.last_modified)
    return Transition(status=seen.secondary_status, started=started, provisional=True, ended_as=seen.status)


def _marked(
    known: Sequence[Transition], snapshot: JobSnapshot, inserted: Sequence[Transition]
) -> tuple[Transition, ...]:
    """The end of the look, where the ledger has it as a stay of which nobody knew that the job ended in it."""
    end = next((stay for stay in snapshot.history if stay.ended_as), None)
    if end is None or end in inserted:
        return ()
    seen = in_order(known)
    twins = (
        stay
        for stay in seen
        if (stay.status, stay.started) == (end.status, end.started)
        or (stay.provisional and _told_as(stay, snapshot, seen) == end)
        or (end.provisional and _same_stay(end, seen, covered=not snapshot.start_known) == stay)
    )
    return tuple(replace(stay, ended_as=end.ended_as) for stay in islice(twins, 1) if not is_end(stay))


def _missing(known: Sequence[Transition], snapshot: JobSnapshot) -> tuple[Transition, ...]:
    exact = {(stay.status, stay.started) for stay in known}
    seen = in_order(known)
    accounted = {_told_as(stay, snapshot, seen) for stay in seen if stay.provisional}
    return tuple(
        stay
        for stay in snapshot.history
        if (stay.status, stay.started) not in exact
        and stay not in accounted
        and not (stay.provisional and _same_stay(stay, seen, covered=not snapshot.start_known))
    )


def _told_as(known: Transition, snapshot: JobSnapshot, seen: Sequence[Transition]) -> Transition | None:
    """The stay of the look that an event told of before, perhaps by a later moment than its start."""
    if not any(stay.provisional for stay in snapshot.history):
        return _same_stay(known, snapshot.history, covered=True)
    # An event tells one stay: what is known of the others says when that one had ended.
    others = (stay for stay in seen if stay != known)
    among = in_order((*others, *snapshot.history))
    return _same_stay(known, among, covered=not snapshot.start_known)


def _same_stay(wanted: Transition, among: Sequence[Transition], *, covered: bool) -> Transition | None:
    """The stay that `wanted` tells of in other words: one that covers its time, or one that started just then."""
    alike = [(stay, ended) for stay, ended in stays(among) if stay.status == wanted.status]
    if covered:
        for stay, ended in alike:
            if stay.started <= wanted.started and (ended is None or wanted.started < ended):
                return stay
    near = [stay for stay, _ in alike if abs(stay.started - wanted.started) <= ROUNDING]
    return min(near, key=lambda stay: abs(stay.started - wanted.started), default=None)
