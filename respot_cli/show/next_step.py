"""What happens to a run next, and when, as far as the ledger says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from respot.jobs.formatting import clause, in_words, readable
from respot.jobs.job import JobState
from respot.recovery.planning.run import run_id
from respot.recovery.planning.waiting import StopIntent
from respot.runs.run_state import RunAttempt, RunState, situation_of
from respot.runs.summary import summarize


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens next.

    Attributes:
        words: what, in words for people.
        at: when, or when Respot checks it again; `None` if that is not known.
    """

    words: str
    at: datetime | None = None

    def when(self, now: datetime) -> str:
        """The time, and how far away it is; empty if it is not known."""
        if self.at is None:
            return ""
        away = f"in {in_words(self.at - now)}" if self.at >= now else f"{in_words(now - self.at)} ago"
        return f"about {readable(self.at)} ({away})"


def next_step_of(run: Sequence[RunAttempt], stop_intent: StopIntent | None) -> Step | None:
    """What happens next to the run of these attempts; `None` once nothing more does.

    What recovery has noted comes first; `stop_intent` is the newest intent to stop the last attempt's job.
    """
    last, situation = run[-1], situation_of(run)
    if situation.has_ended:
        return None
    if last.state is None:
        return Step(words=f"SageMaker reports {last.name} with its first event, or the next sweep finds it")
    is_waiting = situation.state is RunState.WAITING
    if is_waiting and is_stopping(stop_intent):
        return Step(words="SageMaker stops the job, as Respot asks it to; then Respot decides on the next attempt")
    noted = summarize(run_id(last.state.job), last, last.state)
    ends = last.state.job.created + last.state.max_wait if is_waiting and last.state.max_wait else None
    if noted.next_step and not (ends and noted.next_at and ends < noted.next_at):
        return Step(words=clause(noted.next_step), at=noted.next_at)
    if is_waiting:
        return _of_a_wait(last.state)
    if situation.state is RunState.RUNNING:
        return Step(words="nothing is planned: Respot acts when the job waits for capacity, or ends")
    return Step(words="Respot decides on its end, as a rule within a minute")


def is_stopping(intent: StopIntent | None) -> bool:
    """Whether Respot has asked SageMaker to stop the job, or is about to."""
    return intent is not None and intent.withdrawn is None and intent.refused_at is None


def _of_a_wait(state: JobState) -> Step:
    pool = " ".join(filter(None, (state.market, state.requested_type)))
    starts = f"SageMaker starts it as soon as it has {pool or 'instances'}"
    if state.max_wait is None:
        return Step(words=starts)
    return Step(words=f"{starts}, or ends it when MaxWaitTimeInSeconds is over", at=state.job.created + state.max_wait)
