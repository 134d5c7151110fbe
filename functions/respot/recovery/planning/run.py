"""A run: the chain of attempts that share one checkpoint location."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, NewType

from respot.jobs.formatting import in_words
from respot.jobs.job import JobId, JobState, Transition
from respot.jobs.lifecycle import STOPPED, TRAINING, WAITING, status_periods
from respot.recovery.checkpoints.checkpoint import Checkpoint, resume_point
from respot.recovery.checkpoints.progress import Progress, Reached, progress
from respot.recovery.planning.attempt import AttemptRequest, Lineage, attempt_name
from respot.recovery.planning.decision import Placement
from respot.recovery.planning.ending import Budget, Ending, Trigger, budget_of, ending_of
from respot.recovery.planning.start_history import overheads
from respot.recovery.planning.waiting import StopIntent, StoppedBy, stop_of, stopped_by
from respot.recovery.planning.work import ASSUMED_OVERHEAD, Proof, Training, prove

RunId = NewType("RunId", str)
"""`<region>/<name of the first job>/<its creation, epoch milliseconds>`."""
_AT_THE_LIMIT: Final = timedelta(minutes=1)
"""A stop this shortly before MaxPendingTime may be SageMaker's: when its counter starts is not documented."""
_ACCELERATED: Final = ("ml.p", "ml.g", "ml.trn")
"""Families "such as" which MaxPendingTime takes effect for (service model, StoppingCondition)."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One job of a run, which has ended.

    Attributes:
        number: 1 for the user's own job.
        state: the job's state.
        transitions: its transitions, oldest first.
        checkpoint: what there was to resume from when the attempt had ended.
        made_progress: whether it made progress, as decided then; `None` for the last one, and in older records.
        reached: the highest steps that the run had saved when the attempt had ended.
        stop_intent: that Respot was about to stop it; `None` if it never was.
    """

    number: int
    state: JobState
    transitions: tuple[Transition, ...]
    checkpoint: Checkpoint | None
    made_progress: bool | None = None
    reached: Reached = field(default_factory=dict)
    stop_intent: StopIntent | None = None

    @property
    def ended(self) -> datetime:
        """When it ended."""
        return self.transitions[-1].started if self.transitions else self.state.last_modified

    @property
    def gave_up_waiting(self) -> bool:
        """Whether Respot stopped it, since it waited too long for capacity."""
        return stopped_by(self.stop_intent, self.transitions) is StoppedBy.RESPOT

    @property
    def ending(self) -> Ending:
        """How it ended; a stop is its user's unless Respot's own stop intent says otherwise."""
        ending = ending_of(self.state)
        if (self.state.status, self.state.secondary_status) != (STOPPED, STOPPED):
            return ending
        match stopped_by(self.stop_intent, self.transitions):
            case StoppedBy.RESPOT:
                return Ending(trigger=Trigger.GAVE_UP_WAITING, description=self._gave_up())
            case StoppedBy.UNCLEAR:
                description = f"{self._unclear()}: by whom is unknown"
                return replace(ending, description=description, uncertain=True)
            case _:
                return self._stopped_by_another(ending)

    @property
    def budget(self) -> Budget | None:
        """What the resubmission after this attempt is charged to; `None` if its end calls for none."""
        trigger = self.ending.trigger
        return None if trigger is None else budget_of(trigger, self.state)

    @property
    def has_trained(self) -> bool:
        """Whether the attempt ever got as far as training."""
        return any(transition.status == TRAINING for transition in self.transitions)

    @property
    def billable_hours(self) -> float:
        """Instance-hours billed; until SageMaker reports them, those for which it held instances, an upper bound."""
        times = (self.state.billable_time, self.state.training_time, self._held())
        time = next(each for each in times if each is not None)
        return time / timedelta(hours=1) * (self.state.instance_count or 1)

    def _unclear(self) -> str:
        if self.stop_intent and self.stop_intent.refused_at:
            return "was stopped just when SageMaker refused Respot's stop"
        return "got instances just when Respot gave up waiting, and was stopped"

    def _stopped_by_another(self, ending: Ending) -> Ending:
        """A stop that was not Respot's: its user's, or SageMaker's once MaxPendingTime was over."""
        state, stopped = self.state, stop_of(self.transitions)
        limit = state.max_pending
        launched = self.has_trained or state.training_started or state.training_time
        waited = (stopped or state.last_modified) - state.job.created
        if limit is None or launched or waited < limit - _AT_THE_LIMIT or not may_be_accelerated(state.requested_type):
            return replace(ending, description="stopped by its user", by_a_person=True)
        description = f"stopped, by its user or by SageMaker after MaxPendingTimeInSeconds of {in_words(limit)}"
        return replace(ending, description=description, by_a_person=False, uncertain=True)

    def _gave_up(self) -> str:
        stopped, stop_intent = stop_of(self.transitions), self.stop_intent
        waited = f" after {in_words(stopped - stop_intent.waiting_since)}" if stopped and stop_intent else ""
        pool = " ".join(filter(None, (self.state.market, self.state.requested_type)))
        return f"gave up waiting{waited}" + (f" for {pool}" if pool else "")

    def _held(self) -> timedelta:
        held = (
            ended - transition.started
            for transition, ended in status_periods(self.transitions)
            if ended and transition.status not in WAITING
        )
        return sum(held, timedelta())


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, as known when its last attempt has ended.

    Attributes:
        id: the run.
        attempts: in order, without gaps, the ended one last; never empty.
        checkpoints: all that are listed now, oldest first.
    """

    id: RunId
    attempts: tuple[Attempt, ...]
    checkpoints: tuple[Checkpoint, ...]

    @property
    def last(self) -> Attempt:
        """The attempt whose end is to be decided on."""
        return self.attempts[-1]

    @property
    def created(self) -> datetime:
        """When the run's first job was created."""
        return self.attempts[0].state.job.created

    @property
    def ending(self) -> Ending:
        """How the last attempt ended."""
        ending = self.last.ending
        if self._was_cut_short(self.last):
            description = "reached the maximum runtime that the deadline left for spot"
            return replace(ending, trigger=Trigger.MAX_WAIT_TIME_EXCEEDED, description=description)
        return ending

    @property
    def budget(self) -> Budget | None:
        """What the next attempt is charged to; `None` if the last end calls for none."""
        return self._budget_of(self.last)

    @property
    def billable_hours(self) -> float:
        """Instance-hours billed to all attempts."""
        return sum(attempt.billable_hours for attempt in self.attempts)

    def next_attempt(self, placement: Placement) -> AttemptRequest:
        """What the next attempt is to be created as, with that placement."""
        number = self.last.number + 1
        return AttemptRequest(
            name=attempt_name(self.attempts[0].state.job.name, number, run=self.id),
            lineage=Lineage(run=self.id, attempt=number, parent=self.last.state.job.name),
            placement=placement,
        )

    def resubmissions(self, budget: Budget) -> int:
        """How many attempts ended in a way that is charged to this budget, the last one included."""
        return sum(self._budget_of(attempt) is budget for attempt in self.attempts)

    def _budget_of(self, attempt: Attempt) -> Budget | None:
        return Budget.INTERRUPTION if self._was_cut_short(attempt) else attempt.budget

    def _was_cut_short(self, attempt: Attempt) -> bool:
        """Whether it reached a MaxRuntime below the user's own: one shortened to MaxWait, for a deadline.

        Of two equal limits either may apply first; it means the same.
        """
        own, given = self.attempts[0].state.max_runtime, attempt.state.max_runtime
        reached = ending_of(attempt.state).trigger is Trigger.MAX_RUNTIME_EXCEEDED
        return reached and own is not None and given is not None and given < own

    def progress(self) -> Progress:
        """Whether the last attempt made progress, by what is listed now."""
        return progress(
            self.checkpoints,
            [attempt.reached for attempt in self.attempts[:-1]],
            run_began=self.created,
            attempt_began=self.last.state.job.created,
        )

    def attempts_without_progress(self) -> int:
        """How many attempts in a row, counted from the last, have trained and made no progress."""
        count = 0
        for attempt in reversed(self.attempts):
            if not attempt.has_trained:
                continue
            if self._made_progress(attempt):
                break
            count += 1
        return count

    def _made_progress(self, attempt: Attempt) -> bool:
        if attempt is self.last:
            return self.progress().made
        if attempt.made_progress is not None:
            return attempt.made_progress
        return attempt.checkpoint is not None and attempt.checkpoint.saved_at > attempt.state.job.created

    def work_done(self) -> timedelta:
        """Training time that the checkpoints prove, and that need not be repeated."""
        return self.proof().done

    def proof(self, longest_start: timedelta = ASSUMED_OVERHEAD) -> Proof:
        """What the checkpoints prove. Nothing counts that was saved before the run began.

        `longest_start` may hide at the beginning of a period of training.
        """
        seen = [attempt.checkpoint for attempt in self.attempts if attempt.checkpoint]
        return prove(self._trainings(), self.checkpoints, seen, began=self.created, longest_start=longest_start)

    def _trainings(self) -> list[Training]:
        """The periods of training, oldest first."""
        found: list[Training] = []
        for attempt, following in zip(self.attempts, [*self.attempts[1:], None], strict=True):
            own, over = list(_training_of(attempt)), following.state.job.created if following else _NEVER
            ends = [*(started for _, started, _ in own[1:]), over]
            found += (
                Training(launched=launched, started=started, ended=ended, over=until)
                for (launched, started, ended), until in zip(own, ends, strict=False)
            )
        return found

    def work_lost(self) -> timedelta:
        """Training time of the last attempt after its newest checkpoint, which must be repeated."""
        newest = resume_point(self.checkpoints)
        lost = timedelta()
        for _, started, ended in _training_of(self.last):
            lost += max(timedelta(), ended - (started if newest is None else max(started, newest.saved_at)))
        return lost

    def restart_overhead(self) -> timedelta | None:
        """The longest time from getting instances to training that this run has seen; `None` if it never trained."""
        seen = (each.took for attempt in self.attempts for each in overheads(attempt.transitions))
        return max(seen, default=None)


def may_be_accelerated(instance_type: str | None) -> bool:
    """Whether MaxPendingTime may take effect: it "has no effect on jobs that request CPU-only instance types"."""
    return instance_type is None or any(each.startswith(_ACCELERATED) for each in re.split("[+/]", instance_type))


def _training_of(attempt: Attempt) -> list[tuple[datetime, datetime, datetime]]:
    """The periods of training: when their instances were there, when they began, when they ended."""
    found, launched = [], None
    for transition, ended in status_periods(attempt.transitions):
        if transition.status in WAITING:
            launched = None
            continue
        launched = launched or transition.started
        if transition.status == TRAINING and ended is not None:
            found.append((launched, transition.started, ended))
    return found


def run_id(first: JobId) -> RunId:
    """The run that a user's own job begins."""
    return RunId(f"{first.region}/{first.name}/{round(first.created.timestamp() * 1000)}")


def first_job(run: RunId) -> JobId:
    """The job that began the run.

    Raises:
        ValueError: it is no id of a run.
        OverflowError: its creation is no time.
    """
    region, name, milliseconds = run.split("/")
    created = datetime.fromtimestamp(0, tz=UTC) + timedelta(milliseconds=int(milliseconds))
    return JobId(region=region, name=name, created=created)
