"""What happens to a run next, and when, as far as the ledger and the present policy say it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.formatting import clause, in_words, readable
from respot.jobs.job import JobState
from respot.recovery.planning.run import run_id
from respot.recovery.planning.wait_limit import limit_end
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.policy.policy import Resolved
from respot.runs.run_state import RunAttempt, RunState, situation_of
from respot.runs.summary import RunSummary, summarize

_AT_ITS_LIMIT: Final = "moves to the next pool if it still waits"
_UNTIL_MAX_WAIT: Final = "SageMaker starts it with capacity, or ends it when MaxWaitTimeInSeconds is over"
_SAME: Final = timedelta(seconds=1)
"""By how much two times of one limit differ: SageMaker corrects when the wait began."""


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


def next_step_of(
    run: Sequence[RunAttempt], stop_intent: StopIntent | None, resolved: Resolved | None = None
) -> Step | None:
    """What happens next to the run of these attempts; `None` once nothing more does.

    `stop_intent` is the newest intent to stop the last attempt's job, `resolved` that job's policy if it is known.
    """
    last, situation = run[-1], situation_of(run)
    if situation.has_ended:
        return None
    if last.state is None:
        return Step(words=f"SageMaker reports {last.name} with its first event, or the next sweep finds it")
    is_waiting = situation.state is RunState.WAITING
    if is_waiting and is_stopping(stop_intent):
        return Step(words="SageMaker stops the job, as Respot asks it to; then Respot decides on the next attempt")
    planned = planned_step(summarize(run_id(last.state.job), last, last.state), last.state, resolved)
    if planned:
        return planned
    if is_waiting:
        pool = " ".join(filter(None, (last.state.market, last.state.requested_type)))
        return Step(words=f"SageMaker starts it as soon as it has {pool or 'instances'}")
    if situation.state is RunState.RUNNING:
        return Step(words="nothing is planned: Respot acts when the job waits for capacity, or ends")
    return Step(words="Respot decides on its end, as a rule within a minute")


def planned_step(summary: RunSummary, state: JobState | None, resolved: Resolved | None) -> Step | None:
    """What is planned for the run of this summary; `None` if nothing is.

    What recovery has noted comes first, and MaxWaitTimeInSeconds ends what comes after it. `state` is that of the last
    job and `resolved` the job's policy, each `None` if it is not known.
    """
    noted = Step(words=clause(summary.next_step), at=summary.next_at) if summary.next_step else None
    if state is None or summary.state is not RunState.WAITING:
        return noted
    limit = limit_end(state, summary.since, resolved) if resolved else None
    # Recovery's words say for how long the job had waited then.
    by_limit = limit and (noted is None or (noted.at is not None and abs(noted.at - limit) <= _SAME))
    step, ends = Step(words=_AT_ITS_LIMIT, at=limit) if by_limit else noted, max_wait_end(state)
    if ends is None or (step and (step.at is None or step.at < ends)):
        return step
    return Step(words=_UNTIL_MAX_WAIT, at=ends)


def max_wait_end(state: JobState) -> datetime | None:
    """When SageMaker ends the job by MaxWaitTimeInSeconds; `None` if it has none."""
    return state.job.created + state.max_wait if state.max_wait else None


def is_stopping(intent: StopIntent | None) -> bool:
    """Whether Respot has asked SageMaker to stop the job, or is about to."""
    return intent is not None and intent.withdrawn is None and intent.refused_at is None
