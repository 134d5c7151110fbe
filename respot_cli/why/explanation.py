"""Explains a run by its last decision, or by what it waits for while there is none."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.job import JobState
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.run import first_job
from respot.recovery.planning.waiting import waiting_since
from respot.recovery.policy.policy import Resolved
from respot.recovery.records import DecisionRecord, NoticeKind, Outcome
from respot.runs.run_state import RunAttempt, RunState, Situation, situation_of
from respot_cli.show.history import History
from respot_cli.show.next_step import Step, is_stopping
from respot_cli.why.advice import Facts, advice, while_it_lives

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
        limit_at: when Respot acts by it; `None` if it does not, since no ladder names another pool.
        ends_at: when MaxWaitTimeInSeconds is over, if the job has one.
        deadline: when the work must be done, if there is a deadline.
        on_demand_by: the latest on-demand start, in words of the decision before this job.
    """

    since: datetime
    message: str | None = None
    limit: timedelta | None = None
    limit_at: datetime | None = None
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
        changes: what would change it, or what it comes to.
    """

    history: History
    situation: Situation
    note: str
    about: RunAttempt | None
    wait: Wait | None
    resolved: Resolved | None
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
    return Explanation(
        history=replace(history, next_step=_at_the_limit(last, wait) or history.next_step),
        situation=situation,
        note=_note(last, resolved),
        about=about,
        wait=wait,
        resolved=resolved,
        changes=_changes(history, situation, resolved, kill_switch),
    )


def _note(last: RunAttempt, resolved: Resolved | None) -> str:
    cause = last.decision.decision.cause if last.decision else None
    unasked = resolved is not None and not resolved.policy.resume and not resolved.opted_out
    return NOBODY_ASKED if unasked or cause is Cause.NOT_ASKED else ""


def _wait(last: RunAttempt, state: JobState, about: RunAttempt | None, resolved: Resolved | None) -> Wait | None:
    since = waiting_since(last.transitions)
    if since is None:
        return None
    policy = resolved.policy if resolved and resolved.policy.resume else None
    limit = policy.give_up_waiting_after if policy else None
    deadline = policy.deadline if policy else None
    if isinstance(deadline, timedelta):
        run = about.decision.run if about and about.decision else None
        deadline = (first_job(run).created if run else state.job.created) + deadline
    return Wait(
        since=since,
        message=state.status_message,
        limit=limit,
        limit_at=since + limit if policy and limit and policy.ladder else None,
        ends_at=state.job.created + state.max_wait if state.max_wait else None,
        deadline=deadline,
        on_demand_by=about.decision.decision.inputs.get("on_demand_by") if about and about.decision else None,
    )


def _at_the_limit(last: RunAttempt, wait: Wait | None) -> Step | None:
    """What the policy's limit has happen, until recovery notes more; `None` if that comes first, or nothing does."""
    if wait is None or wait.limit_at is None or (wait.ends_at and wait.ends_at <= wait.limit_at):
        return None
    noted = last.next_step if last.next_step and last.next_step.noted_at >= wait.since else None
    if noted and noted.at and abs(noted.at - wait.limit_at) > timedelta(seconds=1):
        return None  # something else comes first
    return Step(words="if it still waits then, Respot stops it and goes on in another pool", at=wait.limit_at)


def _changes(history: History, situation: Situation, resolved: Resolved | None, kill_switch: str) -> tuple[str, ...]:
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
    return while_it_lives(resolved, waits=situation.state is RunState.WAITING)


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
