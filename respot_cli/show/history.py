"""A job's history in the ledger, as a headline or as JSON."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from respot.alerting.alert import AlertRecord
from respot.alerting.text import one_line
from respot.jobs.formatting import clause, in_words, iso, readable, sentence
from respot.jobs.job import JobId, JobState, Transition, savings_percent
from respot.jobs.lifecycle import Figures, figures, is_terminal, status_periods
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.records import DecisionRecord, Notice, NoticeKind, RecoveryRecords
from respot.runs.run_state import RunAttempt, situation_of
from respot_cli.show.next_step import Step, is_stopping


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the ledger has about one job.

    Attributes:
        state: its state.
        transitions: its transitions, oldest first.
        alerts: its completed alerts, oldest first.
        others: jobs that had the same name before or after.
        stop_intent: the newest intent to stop it because it waited too long; `None` if there was none.
        recovery_records: what Respot has recorded about its recovery.
        run: all attempts of the run that the job belongs to, in order; the job alone if it has no other.
        next_step: what happens to the run next; `None` if nothing does.
    """

    state: JobState
    transitions: tuple[Transition, ...]
    alerts: tuple[AlertRecord, ...]
    others: tuple[JobId, ...] = ()
    stop_intent: StopIntent | None = None
    recovery_records: RecoveryRecords = field(default_factory=RecoveryRecords)
    run: tuple[RunAttempt, ...] = ()
    next_step: Step | None = None

    @property
    def is_open(self) -> bool:
        """Whether the job has not ended: its last status still lasts."""
        return not is_terminal(self.state.status)

    @property
    def run_id(self) -> str:
        """The run's id; by the job alone if the run's first one has expired from the ledger."""
        decided = next((each.decision.run for each in self.run if each.decision), None)
        first = self.run[0].state if self.run else None
        return decided or run_id(first.job if first else self.state.job)

    def lengths(self, now: datetime) -> tuple[tuple[Transition, timedelta | None], ...]:
        """Each status period with its length; an open one counts up to `now`, and the end of a job has none."""
        return tuple(
            (transition, self._length(transition.started, ended, now))
            for transition, ended in status_periods(self.transitions)
        )

    def _length(self, started: datetime, ended: datetime | None, now: datetime) -> timedelta | None:
        if ended is None and not self.is_open:
            return None
        # A clock that is behind AWS's must not show a negative length.
        return max((ended or now) - started, timedelta())

    def figures(self, now: datetime) -> Figures:
        """What the status periods add up to; an open one counts up to `now`."""
        if not (self.is_open and self.transitions):
            return figures(self.transitions)
        until = max(now, self.transitions[-1].started)
        return figures((*self.transitions, Transition(status="", started=until)))

    @property
    def savings_percent(self) -> float | None:
        """SageMaker's own savings figure; `None` while it is not known."""
        return savings_percent(training=self.state.training_time, billable=self.state.billable_time)


def headline(history: History, now: datetime) -> str:
    """The job's current situation, in a sentence."""
    recovery_records = history.recovery_records
    if recovery_records.outcome:
        return _sentence(recovery_records.outcome.summary)
    if recovery_records.decision is None and history.is_open:
        return _sentence(_still(history, now))
    said = (
        _decided(recovery_records.decision)
        if recovery_records.decision
        else f"ended as {history.state.secondary_status}, not decided yet"
    )
    # Respot notes once why a decision, or its creation, has to wait. The reason may no longer apply.
    since = recovery_records.decision.decided_at if recovery_records.decision else history.state.job.created
    latest = max(recovery_records.notices, key=lambda notice: notice.noticed_at, default=None)
    waited = f"; {_noticed(latest)}" if latest and latest.noticed_at >= since else ""
    return _sentence(f"{clause(one_line(said))}{waited}")


def _noticed(notice: Notice) -> str:
    what = _NOTICED.get(notice.kind, f"{notice.kind} was noted")
    return f"{what} at {readable(notice.noticed_at)}: {notice.summary}"


_NOTICED: Final = {
    NoticeKind.POSTPONED: "it was postponed",
    NoticeKind.WAIT_LIMIT_EXCEEDED: "Respot stopped it",
    NoticeKind.CREATION_POSTPONED: "its creation was postponed",
    NoticeKind.DEADLINE_AT_RISK: "its deadline was at risk",
    NoticeKind.WORK_UNKNOWN: "its work was not known",
    NoticeKind.POLICY_INVALID: "the account's policy was invalid",
}


def _decided(record: DecisionRecord) -> str:
    decision = record.decision
    match decision.action:
        case Action.RESUBMIT if decision.dry_run:
            return f"nothing was created, since the policy says dry_run: {decision.reason}"
        case Action.RESUBMIT:
            return f"to be resubmitted as {record.next_name}, which is not created yet: {decision.reason}"
        case Action.REFUSE:
            return f"not resubmitted: {decision.reason}"
        case _:
            return decision.reason


def _still(history: History, now: datetime) -> str:
    if (intent := history.stop_intent) and is_stopping(intent):
        return f"Respot is stopping it: {intent.reason}"
    lasts = history.lengths(now)[-1][1] if history.transitions else None
    return history.state.secondary_status + (f" for {in_words(lasts)} so far" if lasts is not None else "")


def _sentence(words: str) -> str:
    line = sentence(one_line(words))
    return line[:1].upper() + line[1:]


def to_document(history: History, *, now: datetime) -> dict[str, Any]:
    """The history as JSON: times are ISO 8601 UTC, spans are seconds, what is not known is null.

    A status that still lasts has no end, `so_far` is true, and its seconds count up to `now`, as do the sums.
    """
    state, sums, percent = history.state, history.figures(now), history.savings_percent
    decided, outcome = history.recovery_records.decision, history.recovery_records.outcome
    ends = [ended for _, ended in status_periods(history.transitions)]
    situation, step = situation_of(history.run) if history.run else None, history.next_step
    return {
        "headline": headline(history, now),
        "read_at": iso(now),
        "job": {
            "name": state.job.name,
            "region": state.job.region,
            "created": iso(state.job.created),
            "arn": state.arn,
            "status": state.status,
            "secondary_status": state.secondary_status,
            "status_message": state.status_message,
            "failure_reason": state.failure_reason,
            "market": state.market,
            "instance_type": state.instance_type or state.requested_type,
            "instance_count": state.instance_count,
            "max_runtime_seconds": _seconds(state.max_runtime),
            "max_wait_seconds": _seconds(state.max_wait),
            "checkpoint_uri": state.checkpoint_uri,
            "parent": state.parent and {"owner": state.parent.owner, "identifier": state.parent.identifier},
            "tags": dict(state.tags) if state.tags is not None else None,
        },
        "transitions": [
            {
                "status": transition.status,
                "started": iso(transition.started),
                "ended": ended and iso(ended),
                "seconds": _seconds(length),
                "so_far": history.is_open and ended is None,
                "provisional": transition.provisional,
            }
            for (transition, length), ended in zip(history.lengths(now), ends, strict=True)
        ],
        "alerts": [
            {
                "kind": alert.kind,
                "transition": iso(alert.transition.started),
                "outcome": alert.outcome,
                "reason": alert.reason,
                "headline": alert.headline,
                "settled_at": iso(alert.settled_at),
                "message_id": alert.message_id,
                "digest": alert.digest,
            }
            for alert in history.alerts
        ],
        "giving_up": history.stop_intent
        and {
            "waiting_since": iso(history.stop_intent.waiting_since),
            "decided_at": iso(history.stop_intent.decided_at),
            "reason": history.stop_intent.reason,
            "inputs": dict(history.stop_intent.inputs),
            "withdrawn": history.stop_intent.withdrawn,
        },
        "notices": [
            {"kind": notice.kind, "story": notice.summary, "noticed_at": iso(notice.noticed_at)}
            for notice in history.recovery_records.notices
        ],
        "decision": decided
        and {
            "action": decided.decision.action,
            "dry_run": decided.decision.dry_run,
            "reason": decided.decision.reason,
            "cause": decided.decision.cause,
            "inputs": dict(decided.decision.inputs),
            "decided_at": iso(decided.decided_at),
            "next_job": decided.next_name,
        },
        "outcome": outcome
        and {
            "kind": outcome.kind,
            "story": outcome.summary,
            "cause": outcome.cause,
            "warning": outcome.warning,
            "settled_at": iso(outcome.settled_at),
            "next_job": outcome.name,
        },
        "figures": {
            "so_far": history.is_open,
            "interruptions": sums.interruptions,
            "waited_seconds": sums.waited.total_seconds(),
            "trained_seconds": sums.trained.total_seconds(),
            "training_time_seconds": _seconds(state.training_time),
            "billable_time_seconds": _seconds(state.billable_time),
            "savings_percent": None if percent is None else round(percent, 2),
        },
        "run": [
            {
                "attempt": each.number,
                "job": each.name,
                "status": each.state and each.state.secondary_status,
                "market": each.state and each.state.market,
                "instance_type": each.state and (each.state.instance_type or each.state.requested_type),
                "decision": each.decision and each.decision.decision.action,
                "reason": each.decision and each.decision.decision.reason,
                "inputs": each.decision and dict(each.decision.decision.inputs),
                "cause": each.decision and each.decision.decision.cause,
                "outcome": each.outcome and each.outcome.kind,
                "story": each.outcome and each.outcome.summary,
                "created": each.state and iso(each.state.job.created),
                "checkpoint": _checkpoint(each),
            }
            for each in history.run
        ],
        "run_id": history.run_id if history.run else None,
        "run_state": situation.state if situation else None,
        "run_reason": situation.reason if situation else None,
        "next_step": step and {"reason": step.words, "at": step.at and iso(step.at)},
        "other_jobs_of_this_name": [iso(other.created) for other in history.others],
    }


def _checkpoint(attempt: RunAttempt) -> dict[str, Any] | None:
    """What there was to resume from when the attempt was decided on."""
    decided = attempt.decision
    if decided is None or decided.checkpoint is None:
        return None
    newest = decided.checkpoint
    return {
        "name": newest.name,
        "step": newest.step,
        "saved_at": iso(newest.saved_at),
        "bytes": newest.size,
        "layout": newest.layout,
        "complete": newest.complete,
        "made_progress": decided.made_progress,
    }


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
