"""What happens to a run next, and when, as far as the ledger says it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from respot.jobs.formatting import clause, readable
from respot.jobs.job import JobRecord, JobState
from respot.jobs.lifecycle import end_of
from respot.recovery.planning.decision import DECIDED_WITHIN
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.records import NoticeKind, RecoveryRecords
from respot.runs.run_state import RunAttempt, RunState, situation_of

_HELD_UP: Final = {
    NoticeKind.POSTPONED: "Respot reads the kill switch again within half an hour, and decides once it is off",
    NoticeKind.POLICY_INVALID: "Respot decides once the policy is valid",
    NoticeKind.CREATION_POSTPONED: "Respot tries the creation again within half an hour each time",
}
"""By the notice that says what holds a decision or a creation up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens next.

    Attributes:
        words: what, in words for people.
        at: when, as far as that is known.
    """

    words: str
    at: datetime | None = None

    def in_words(self) -> str:
        """Both, for people."""
        return f"{self.words}, at about {readable(self.at)}" if self.at else self.words


def next_step_of(run: Sequence[RunAttempt], records: RecoveryRecords, stop_intent: StopIntent | None) -> Step | None:
    """What happens next to the run; `None` once nothing more does.

    Args:
        run: all attempts.
        records: what Respot has recorded about the recovery of the last one's job.
        stop_intent: the newest intent to stop that job.
    """
    last, situation = run[-1], situation_of(run)
    if situation.has_ended:
        return None
    if last.state is None or last.outcome:  # an outcome that ends nothing is a creation
        name = last.outcome.name if last.outcome else last.name
        return Step(words=f"SageMaker reports {name} with its first event, or the next sweep finds it")
    match situation.state:
        case RunState.WAITING:
            return _of_a_wait(last.state, stop_intent)
        case RunState.RUNNING:
            return Step(words="nothing is planned: Respot acts when the job waits for capacity, or ends")
        case _:
            return _of_an_end(last, last.state, records)


def is_stopping(intent: StopIntent | None) -> bool:
    """Whether Respot has asked SageMaker to stop the job, or is about to."""
    return intent is not None and intent.withdrawn is None and intent.refused_at is None


def _of_a_wait(state: JobState, intent: StopIntent | None) -> Step:
    if is_stopping(intent):
        return Step(words="SageMaker stops the job, as Respot asks it to; then Respot decides on the next attempt")
    pool = " ".join(filter(None, (state.market, state.requested_type)))
    starts = f"SageMaker starts it as soon as it has {pool or 'instances'}"
    if state.max_wait is None:
        return Step(words=starts)
    return Step(words=f"{starts}, or ends it when MaxWaitTimeInSeconds is over", at=state.job.created + state.max_wait)


def _of_an_end(last: RunAttempt, state: JobState, records: RecoveryRecords) -> Step:
    decided = last.decision
    since = decided.decided_at if decided else state.job.created
    notices = [each for each in records.notices if each.noticed_at >= since]
    latest = max(notices, key=lambda each: each.noticed_at, default=None)
    if latest and latest.kind in _HELD_UP:
        ended = end_of(JobRecord(state=state, transitions=last.transitions), state).started
        words = f"{_HELD_UP[latest.kind]}, until {readable(ended + DECIDED_WITHIN)} at most"
        return Step(words=f"{words}: {clause(latest.summary)}")
    if decided is None:
        return Step(words="Respot decides on its end, as a rule within a minute")
    there = decided.decision.placement
    pool = f", {there.market} {there.instance_type}" if there else ""
    return Step(words=f"attempt {decided.number + 1}, {decided.next_name}{pool}, is created", at=decided.decided_at)
