"""Explains a run by its last decision, or by what it waits for while there is none."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.formatting import clause
from respot.jobs.job import JobState, Market
from respot.recovery.planning.cause import Cause, Obstacle
from respot.recovery.planning.left_alone import why_left_alone, why_nothing_is_done
from respot.recovery.planning.run import first_job
from respot.recovery.planning.wait_limit import limit_end, why_no_limit
from respot.recovery.planning.waiting import waiting_since
from respot.recovery.policy.policy import Resolved
from respot.recovery.records import DecisionRecord, NoticeKind, Outcome
from respot.runs.run_state import RunAttempt, RunState, Situation, situation_of
from respot_cli.show.history import History
from respot_cli.show.next_step import is_stopping, max_wait_end, next_step_of
from respot_cli.why.advice import Facts, advice, while_it_lives, while_it_waits

NOBODY_ASKED: Final = (
    "Nobody has asked Respot to resume this job. That is the default: it records, alerts and starts nothing."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """How long a job waits for capacity, and for how long it may.

    Attributes:
        since: since when.
        message: SageMaker's words.
        limit: the policy's limit; `None` without one.
        limit_at: when Respot acts by it; `None` if it does not.
        no_limit: why it does not, in words an operator reads.
        ends_at: when MaxWaitTimeInSeconds is over, if the job has one.
        deadline: when the work must be done, if there is a deadline.
        on_demand_by: the latest on-demand start, in words of the decision before this job.
    """

    since: datetime
    message: str | None = None
    limit: timedelta | None = None
    limit_at: datetime | None = None
    no_limit: str | None = None
    ends_at: datetime | None = None
    deadline: datetime | None = None
    on_demand_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a run is what it is.

    Attributes:
        history: of its last job that the ledger has.
        situation: what the run is now.
        note: what must be known too, in a sentence; empty if nothing must.
        about: the attempt with the run's last decision; `None` if there is none yet.
        wait: the wait of its last job; `None` if it does not wait.
        resolved: the policy that its last job has now; `None` if a decision names it, or if it cannot be read.
        left: why Respot does nothing about its last job by that policy; `None` if it does.
        changes: what would change it, or what it comes to.
    """

    history: History
    situation: Situation
    note: str
    about: RunAttempt | None
    wait: Wait | None
    resolved: Resolved | None
    left: Obstacle | None
    changes: tuple[str, ...]

    @property
    def decided(self) -> DecisionRecord | None:
        """The run's last decision."""
        return self.about.decision if self.about else None

    @property
    def outcome(self) -> Outcome | None:
        """What became of it."""
        return self.about.outcome if self.about else None

    @property
    def cause(self) -> Cause | None:
        """What keeps the next attempt from being created, if anything does."""
        if self.about is not self.history.run[-1]:
            return None
        return self.outcome.cause if self.outcome else self.decided.decision.cause if self.decided else None


def needs_policy(history: History) -> bool:
    """Whether the present policy explains the run: a decision on its last job names its own."""
    last = history.run[-1]
    return last.state is not None and last.decision is None and not situation_of(history.run).has_ended


def explain(history: History, *, resolved: Resolved | None, kill_switch: str) -> Explanation:
    """The run, by the history of its last job; `kill_switch` is the name of the switch's parameter."""
    situation, last = situation_of(history.run), history.run[-1]
    about = next((each for each in reversed(history.run) if each.decision), None)
    waits = situation.state is RunState.WAITING and last.state is not None
    wait = _wait(last, last.state, about, resolved) if waits and last.state else None
    left = why_nothing_is_done(last.state, resolved) if last.state and resolved else None
    alive = _of_a_live_job(last.state, wait, left) if last.state and resolved else ()
    return Explanation(
        history=replace(history, next_step=next_step_of(history.run, history.stop_intent, resolved)),
        situation=situation,
        note=_note(last, left),
        about=about,
        wait=wait,
        resolved=resolved,
        left=left,
        changes=_changes(history, situation, alive, kill_switch),
    )


def _note(last: RunAttempt, left: Obstacle | None) -> str:
    decided = last.decision.decision.cause if last.decision else None
    if Cause.NOT_ASKED in {decided, left and left.cause}:
        return NOBODY_ASKED
    return f"Respot does nothing about this job: {clause(left.reason)}." if left else ""


def _wait(last: RunAttempt, state: JobState, about: RunAttempt | None, resolved: Resolved | None) -> Wait | None:
    since = waiting_since(last.transitions)
    if since is None:
        return None
    limit = resolved.policy.give_up_waiting_after if resolved and resolved.policy.resume else None
    deadline = resolved.policy.deadline if resolved and not why_left_alone(state, resolved) else None
    if isinstance(deadline, timedelta):
        run = about.decision.run if about and about.decision else None
        deadline = (first_job(run).created if run else state.job.created) + deadline
    return Wait(
        since=since,
        message=state.status_message,
        limit=limit,
        limit_at=limit_end(state, since, resolved) if resolved else None,
        no_limit=why_no_limit(state, resolved) if resolved else None,
        ends_at=max_wait_end(state),
        deadline=deadline,
        on_demand_by=about.decision.decision.inputs.get("on_demand_by") if about and about.decision else None,
    )


def _of_a_live_job(state: JobState, wait: Wait | None, left: Obstacle | None) -> tuple[str, ...]:
    """What would change the course of a job that has not ended."""
    if wait is None:
        return while_it_lives(left)
    by_limit = wait.limit_at is not None and not (wait.ends_at and wait.ends_at <= wait.limit_at)
    by_deadline = wait.deadline is not None and state.market is not Market.ON_DEMAND
    return while_it_waits(left, limited=by_limit or by_deadline)


def _changes(history: History, situation: Situation, alive: tuple[str, ...], kill_switch: str) -> tuple[str, ...]:
    last = history.run[-1]
    if situation.state is RunState.COMPLETED:
        return advice(Cause.COMPLETED, Facts(reason=situation.reason))
    if situation.has_ended and last.decision:
        decision, outcome = last.decision.decision, last.outcome
        reason = outcome.summary if outcome else decision.reason
        cause = outcome.cause if outcome else decision.cause
        return advice(cause, Facts(reason=reason, inputs=decision.inputs, kill_switch=kill_switch))
    if situation.state is RunState.RECOVERING:
        return _of_a_delay(history, last, kill_switch)
    if is_stopping(history.stop_intent):
        return ("Nothing: Respot stops the job, and then decides on the next attempt.",)
    return alive


def _of_a_delay(history: History, last: RunAttempt, kill_switch: str) -> tuple[str, ...]:
    """What would end the delay of a decision or of a creation, by what people were notified of."""
    since = last.decision.decided_at if last.decision else history.state.job.created
    notices = [each for each in history.recovery_records.notices if each.noticed_at >= since]
    latest = max(notices, key=lambda each: each.noticed_at, default=None)
    match latest.kind if latest else None:
        case NoticeKind.POSTPONED:
            return advice(Cause.KILL_SWITCH, Facts(reason="", kill_switch=kill_switch))
        case NoticeKind.POLICY_INVALID:
            return ("Correct policy.yaml as the notice says (`respot policy check policy.yaml`), and deploy it.",)
        case NoticeKind.CREATION_POSTPONED:
            return (
                "If the reason is a quota, a higher one in AWS Service Quotas ends the wait; else Respot keeps trying.",
            )
        case _:
            return ("Nothing: the next step follows automatically.",)
