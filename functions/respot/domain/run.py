"""A run: the chain of attempts that share one checkpoint location, and what they add up to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NewType

from respot.domain.checkpoints import Checkpoint
from respot.domain.ending import Budget, budget_of, ending_of
from respot.domain.job import JobFacts, JobId, Transition
from respot.domain.lifecycle import TRAINING, WAITING, figures, stays

RunId = NewType("RunId", str)
"""`<region>/<name of the first job>/<its creation, epoch milliseconds>`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One job of a run, which has ended.

    Attributes:
        number: 1 for the user's own job.
        facts: the job's state.
        transitions: its stays, oldest first.
        checkpoint: the newest complete checkpoint when the attempt had ended.
    """

    number: int
    facts: JobFacts
    transitions: tuple[Transition, ...]
    checkpoint: Checkpoint | None

    @property
    def budget(self) -> Budget | None:
        """What the resubmission after this attempt is charged to; `None` if its end calls for none."""
        trigger = ending_of(self.facts).trigger
        return None if trigger is None else budget_of(trigger, self.facts)

    @property
    def has_trained(self) -> bool:
        """Whether the attempt ever got as far as training."""
        return any(stay.status == TRAINING for stay in self.transitions)

    @property
    def brought_progress(self) -> bool:
        """Whether it saved a checkpoint of its own."""
        return self.checkpoint is not None and self.checkpoint.saved_at > self.facts.job.created

    @property
    def billable_hours(self) -> float:
        """Instance-hours billed; while SageMaker does not say, those it held instances for are the most it can be."""
        time = self.facts.billable_time or self.facts.training_time or figures(self.transitions).trained
        return time / timedelta(hours=1) * (self.facts.instance_count or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, as it is known when its last attempt has ended.

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
        return self.attempts[0].facts.job.created

    @property
    def billable_hours(self) -> float:
        """Instance-hours billed to all attempts."""
        return sum(attempt.billable_hours for attempt in self.attempts)

    def resubmissions(self, budget: Budget) -> int:
        """How many attempts ended in a way that is charged to this budget, the last one included."""
        return sum(attempt.budget is budget for attempt in self.attempts)

    def fruitless(self) -> int:
        """How many attempts in a row, counted from the last, have trained and saved nothing of their own."""
        count = 0
        for attempt in reversed(self.attempts):
            if not attempt.has_trained:
                continue
            if attempt.brought_progress:
                break
            count += 1
        return count

    def work_done(self) -> timedelta:
        """Training time that the checkpoints prove; what was trained after the last one of a stay is lost.

        A stay of which no checkpoint is listed counts whole if a later checkpoint exists (frameworks delete old
        ones, and the later one builds on them), and for nothing if none does.
        """
        saved = sorted(checkpoint.saved_at for checkpoint in self.checkpoints if checkpoint.complete)
        done = timedelta()
        for started, ended in self._training():
            if not saved or saved[-1] <= started:
                continue
            within = [at for at in saved if started < at <= ended]
            done += (within[-1] if within else ended) - started
        return done

    def work_lost(self) -> timedelta:
        """Training time of the last attempt after its newest checkpoint: it will be trained again."""
        saved = max((checkpoint.saved_at for checkpoint in self.checkpoints if checkpoint.complete), default=None)
        lost = timedelta()
        for started, ended in _training_of(self.last):
            lost += max(timedelta(), ended - (started if saved is None else max(started, saved)))
        return lost

    def restart_overhead(self) -> timedelta | None:
        """The longest time from getting instances to training that this run has seen; `None` if it never trained."""
        seen = [
            following.started - stay.started
            for attempt in self.attempts
            for stay, following in zip(attempt.transitions, attempt.transitions[1:], strict=False)
            if stay.status not in WAITING and stay.status != TRAINING and following.status == TRAINING
        ]
        return max(seen, default=None)

    def _training(self) -> list[tuple[datetime, datetime]]:
        return [stay for attempt in self.attempts for stay in _training_of(attempt)]


def _training_of(attempt: Attempt) -> list[tuple[datetime, datetime]]:
    return [
        (stay.started, ended)
        for stay, ended in stays(attempt.transitions)
        if stay.status == TRAINING and ended is not None
    ]


def run_id(first: JobId) -> RunId:
    """The run that a user's own job begins."""
    return RunId(f"{first.region}/{first.name}/{round(first.created.timestamp() * 1000)}")
