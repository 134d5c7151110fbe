"""The state of a run, derived from what the ledger has about its attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from respot.jobs.formatting import clause
from respot.jobs.job import JobState, Transition
from respot.jobs.lifecycle import DELETING, WAITING, is_end, is_terminal
from respot.recovery.planning.decision import Action
from respot.recovery.records import DecisionRecord, NextStep, Outcome, OutcomeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAttempt:
    """One attempt of a run.

    Attributes:
        number: its place.
        state: its state; `None` until SageMaker's first event about it.
        name: its job name.
        decision: what was decided when it had ended.
        outcome: the outcome of that decision.
        transitions: its transitions, oldest first.
        next_step: what is to happen about it, as recovery last said; it may be over.
    """

    number: int
    state: JobState | None
    name: str
    decision: DecisionRecord | None
    outcome: Outcome | None
    transitions: tuple[Transition, ...] = ()
    next_step: NextStep | None = None

    @property
    def end(self) -> Transition | None:
        """The transition with which the job ended; `None` while it lives, or if nobody has seen its end."""
        return next((each for each in self.transitions if is_end(each)), None)

    @property
    def ended_as(self) -> str:
        """TrainingJobStatus with which it ended. A job that is deleted keeps it."""
        status = self.state.status if self.state else ""
        end = self.end if status == DELETING else None
        return (end.ended_as or end.status) if end else status


class RunState(StrEnum):
    """What a run is now."""

    RUNNING = "running"
    """Its last job has instances."""
    WAITING = "waiting"
    """Its last job waits for instances."""
    RECOVERING = "recovering"
    """Its last job has ended; the decision, or the next attempt, is still to come."""
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    REFUSED = "refused"
    """Its owner wants another attempt, and there will be none."""


ENDED: Final = frozenset({RunState.COMPLETED, RunState.FAILED, RunState.STOPPED, RunState.REFUSED})
"""The states in which nothing more happens."""
_BY_STATUS: Final = {"Completed": RunState.COMPLETED, "Failed": RunState.FAILED}
"""TrainingJobStatus of a job after which nothing follows; any other end is a stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a run is now, and why.

    Attributes:
        state: its state.
        reason: why, in words an operator reads.
    """

    state: RunState
    reason: str

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens."""
        return self.state in ENDED


def situation_of(attempts: Sequence[RunAttempt]) -> Situation:
    """What the run of these attempts is now: all of them in order, the last one decides.

    A run that has ended goes on no more: a decision is written once, and nothing follows one that calls for no attempt.
    """
    last = attempts[-1]
    if last.state is None:
        return Situation(state=RunState.RECOVERING, reason=f"{last.name} was created and not reported yet")
    if not is_terminal(last.state.status):
        return _live(last.state)
    follows = last.decision is not None and last.decision.decision.creates_attempt
    if last.ended_as == "Completed" and not follows:
        return Situation(state=RunState.COMPLETED, reason=f"{last.name} completed")
    if last.decision is None:
        return Situation(state=RunState.RECOVERING, reason=f"{_end(last)}; not decided yet")
    return _decided(last, last.decision)


def _live(state: JobState) -> Situation:
    pool = " ".join(filter(None, (state.market, state.instance_type or state.requested_type)))
    if state.secondary_status in WAITING:
        return Situation(state=RunState.WAITING, reason=f"{state.job.name} waits for {pool or 'instances'}")
    where = f" on {pool}" if pool else ""
    return Situation(state=RunState.RUNNING, reason=f"{state.job.name} is in {state.secondary_status}{where}")


def _decided(last: RunAttempt, record: DecisionRecord) -> Situation:
    decision = record.decision
    if not decision.creates_attempt:
        refused = decision.action is Action.REFUSE and decision.notify
        kind = RunState.REFUSED if refused else _BY_STATUS.get(last.ended_as, RunState.STOPPED)
        return Situation(state=kind, reason=f"{_end(last)}; {clause(decision.reason)}")
    if last.outcome is None:
        reason = f"{_end(last)}; {record.next_name} is to follow: {clause(decision.reason)}"
        return Situation(state=RunState.RECOVERING, reason=reason)
    match last.outcome.kind:
        case OutcomeKind.CREATED:
            return Situation(state=RunState.RECOVERING, reason=f"{last.outcome.name} was created")
        case OutcomeKind.WITHDRAWN:
            kind = _BY_STATUS.get(last.ended_as, RunState.STOPPED)
        case _:
            kind = RunState.REFUSED
    return Situation(state=kind, reason=f"{_end(last)}; {clause(last.outcome.summary)}")


def _end(last: RunAttempt) -> str:
    known = last.end.status if last.end else last.state.secondary_status if last.state else None
    return f"{last.name} ended as {known}"
