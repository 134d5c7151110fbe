"""Decides what follows the end of a job, and records the decision once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from respot.errors import CloneRefusedError, UpstreamUnavailableError
from respot.jobs.description import moment
from respot.jobs.formatting import iso, readable
from respot.jobs.job import JobId, JobRecord, JobState
from respot.jobs.lifecycle import DELETING, end_of, is_terminal
from respot.jobs.merge import same_creation
from respot.jobs.ports import Clock, JobStore, TrainingJobs
from respot.recovery.context import Situation, Situations, resumes
from respot.recovery.planning.attempt import Lineage, attempt_name
from respot.recovery.planning.decision import Action, Decision, ending_the_wait, is_silent
from respot.recovery.planning.planner import plan
from respot.recovery.ports import Clone, RunStore
from respot.recovery.records import AttemptRecord, DecisionRecord, NoticeKind
from respot.recovery.run_place import place_in_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The job must be recovered again.

    Attributes:
        reason: why, in words an operator reads.
        delay: when; `None` backs off, longer each time.
    """

    reason: str
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Decides on jobs that have ended."""

    jobs: TrainingJobs
    ledger: JobStore
    runs: RunStore
    situations: Situations
    clone: Clone
    clock: Clock

    def decide(self, record: JobRecord, state: JobState) -> Later | None:
        """Decide on the job; `None` once a decision is recorded, or one by another delivery stands in its way.

        Raises:
            PolicyInvalidError: nothing may be decided.
        """
        if reason := self.why_history(record, state):
            self._leave_alone(record, state, reason)
            return None
        situation = self.situations.gather(record, state, state.tags, now=self.clock())
        decision, now = self.plan(situation, state, state.tags or {}), self.clock()
        if decision.action is Action.WAIT:
            return self.wait(state.job, decision)
        if is_silent(decision) and self.runs.recovery_records(state.job).notices:
            decision = ending_the_wait(decision)
        return self._record(situation, state, decision, now)

    def why_history(self, record: JobRecord, state: JobState) -> str | None:
        """Why the job's end is history, from before Respot watched its region; `None` if it is not."""
        watched = self.ledger.watched_since(state.job.region)
        if end_of(record, state).started < watched:
            return f"ended before Respot watched {state.job.region} ({readable(watched)})"
        return None

    def plan(self, situation: Situation, state: JobState, tags: Mapping[str, str]) -> Decision:
        """The plan, once its request was built on trial: a request that cannot be built must not be promised."""
        now, document = self.clock(), None
        while True:  # as often as the ladder has pools: each round but the last one rules out another
            decision = plan(situation.run, situation.resolved, situation.circumstances, now=now)
            if decision.placement is None or decision.attempt is None:
                return decision
            document = document or self.ended_document(state)
            if document is None:
                obstructed = replace(situation.circumstances, blockers=(deleted(state),))
                return plan(situation.run, situation.resolved, obstructed, now=now)
            run = situation.run
            name = attempt_name(run.attempts[0].state.job.name, decision.attempt, run=run.id)
            lineage = Lineage(run=run.id, attempt=decision.attempt, parent=state.job.name)
            try:
                cloned = self.clone(document, name, tags, lineage, decision.placement)
            except CloneRefusedError as error:
                situation = situation.without(decision.placement, error)
                continue
            return replace(decision, warning=joined(decision.warning, *cloned.warnings))

    def wait(self, job: JobId, decision: Decision) -> Later:
        """Nothing is decided before the time that the plan says; people are notified if the plan says so."""
        if decision.notify:
            self.runs.notice(job, NoticeKind.POSTPONED, decision.reason)
        until = decision.until or self.clock()
        return Later(reason=decision.reason, delay=max(until - self.clock(), timedelta(seconds=1)))

    def ended_document(self, state: JobState) -> Mapping[str, Any] | None:
        """The ended job's description; `None` if the job was deleted, is being deleted, or another has its name.

        Raises:
            UpstreamUnavailableError: SageMaker contradicts the ledger: nothing may be concluded.
        """
        document = self.jobs.document(state.job.region, state.job.name)
        if document is None:
            return None
        created, status = moment(document.get("CreationTime")), str(document.get("TrainingJobStatus"))
        if created is None or not same_creation(created, state.job.created) or status == DELETING:
            return None
        if not is_terminal(status):
            message = f"{state.job}: ended as {state.status} by the ledger, {status} by SageMaker; look again later"
            raise UpstreamUnavailableError(message)
        return document

    def _leave_alone(self, record: JobRecord, state: JobState, reason: str) -> None:
        run, number = place_in_run(self.runs, state)
        decision = Decision(action=Action.NOTHING, reason=reason, inputs={"ended": iso(end_of(record, state).started)})
        decided = DecisionRecord(
            job=state.job,
            run=run,
            number=number,
            decision=decision,
            decided_at=self.clock(),
            checkpoint=None,
            next_name=None,
        )
        self.runs.decide(decided, None)

    def _record(self, situation: Situation, state: JobState, decision: Decision, now: datetime) -> Later | None:
        run, number = situation.run.id, situation.run.last.number
        name = None
        attempt = None
        if decision.action is Action.RESUBMIT and decision.attempt is not None:
            name = attempt_name(situation.run.attempts[0].state.job.name, decision.attempt, run=run)
            if not decision.dry_run:
                attempt = AttemptRecord(
                    run=run,
                    number=decision.attempt,
                    region=state.job.region,
                    name=name,
                    parent=state.job,
                    decided_at=now,
                )
        story = summary(decision, situation, name) if name else None
        decided = DecisionRecord(
            job=state.job,
            run=run,
            number=number,
            decision=replace(decision, reason=story) if decision.dry_run and story else decision,
            decided_at=now,
            checkpoint=situation.checkpoint,
            next_name=name,
            story=story,
        )
        reservation = situation.reservation if attempt else None
        if self.runs.decide(decided, attempt, reservation=reservation, replaces=situation.replaces):
            return None
        if self.runs.decision(state.job) is None:
            if attempt and self.runs.attempt(run, attempt.number) is None:
                return Later(reason="another run has just claimed the checkpoint location; look again")
            # The run goes on without this job: somebody deleted the attempt and made a job that looks like it.
            reason = f"attempt {decision.attempt} of the run was decided on after another job named {state.job.name}"
            refusal = Decision(action=Action.REFUSE, reason=reason, inputs=decision.inputs, notify=True)
            self.runs.decide(replace(decided, decision=refusal, next_name=None), None)
        return None


def summary(decision: Decision, situation: Situation, name: str | None) -> str:
    """The resubmission in a sentence: as what, where, from which checkpoint, and what is lost."""
    placement = decision.placement
    if placement is None:
        return decision.reason
    done = "would have been resubmitted" if decision.dry_run else "resubmitted"
    where = f"{placement.market} {placement.instance_type}".strip()
    most = situation.resolved.policy.max_attempts
    return f"{done} as {name}, attempt {decision.attempt} of {most}, {where}, {resumes(situation)} ({decision.reason})"


def deleted(state: JobState) -> str:
    """Why no attempt can follow a job that was deleted."""
    return f"{state.job.name} was deleted, and its settings with it"


def joined(*warnings: str | None) -> str | None:
    """The warnings in one text; `None` if there are none."""
    return "; ".join(filter(None, warnings)) or None
