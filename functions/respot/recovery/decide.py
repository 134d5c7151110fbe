"""Decides once what follows the end of a job."""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from functools import partial

from respot.errors import UpstreamUnavailableError
from respot.jobs.description import JobDescription
from respot.jobs.formatting import iso, readable
from respot.jobs.job import JobId, JobRecord, JobState
from respot.jobs.lifecycle import DELETING, end_of, is_terminal
from respot.jobs.merge import is_same_job
from respot.jobs.owner import find_parent
from respot.jobs.ports import Clock, JobStore
from respot.recovery.checkpoints.progress import reached
from respot.recovery.load_context import PlanContextLoader
from respot.recovery.planning.attempt import ATTEMPT_TAG, RUN_TAG, AttemptRequest
from respot.recovery.planning.cause import Cause, Obstacle
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.decision import Action, Decision, ending_the_wait, is_silent
from respot.recovery.planning.planner import plan
from respot.recovery.planning.waiting import stop_of
from respot.recovery.ports import Clone, RecoverableJobs, RunStore
from respot.recovery.records import AttemptRecord, DecisionRecord, NoticeKind
from respot.recovery.run_place import place_in_run
from respot.recovery.trial import decide_on_trial


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

    jobs: RecoverableJobs
    ledger: JobStore
    runs: RunStore
    contexts: PlanContextLoader
    clone: Clone
    clock: Clock

    def decide(self, record: JobRecord, state: JobState) -> Later | None:
        """Decide on the job; `None` once a decision is recorded, or one by another delivery stands in its way.

        Raises:
            PolicyInvalidError: nothing may be decided.
        """
        history = self.why_history(record, state)
        if history and history.cause is Cause.HISTORY:
            self._leave_alone(record, state, history)
            return None
        unclear = history or self._why_unclear(record, state)
        context = self.contexts.load(record, state, state.tags, now=self.clock())
        decision, now = self.plan(context), self.clock()
        stopped = context.resolved.policy.resume and context.run.last.ending.by_a_person
        if unclear and (stopped or not is_silent(decision)):
            decision = _refusal(unclear, decision.inputs)
        if decision.action is Action.WAIT:
            return self.wait(state.job, decision)
        if is_silent(decision) and self.runs.recovery_records(state.job).owes_news:
            decision = ending_the_wait(decision)
        return self._record(context, decision, now)

    def described(self, state: JobState) -> JobState:
        """The state of an ended job, asked for if only events reported it: they do not say where its checkpoints are.

        Its tags are read as well if they are missing: they may opt it in.

        Raises:
            UpstreamUnavailableError: SageMaker does not describe the job now.
        """
        if state.described and state.tags is not None:
            return state
        seen = self.jobs.describe(state.job.region, state.job.name)
        if seen is None or not is_same_job(seen.state.job, state.job):
            return state
        # Only what is missing: how the job ended is for `record` to say.
        known = {each.name: getattr(state, each.name) for each in fields(state)}
        missing = {name: getattr(seen.state, name) for name, value in known.items() if value is None}
        completed = replace(state, **missing)
        if completed.tags is not None:
            return completed
        tags = self.jobs.tags(state.job.region, state.arn)
        parent = completed.parent or find_parent(name=state.job.name, tags=tags or {})
        return replace(completed, tags=tags, parent=parent)

    def why_history(self, record: JobRecord, state: JobState) -> Obstacle | None:
        """Why the job's end is history, from before Respot watched its region; `None` if it is not."""
        watched = self.ledger.watched_since(state.job.region)
        if end_of(record, state).started >= watched:
            return None
        if self._may_be_missing(state, end_of(record, state).started):
            reason = (
                f"ended before the ledger was restored from a backup ({readable(watched)}): whether Respot resubmitted "
                "it since the backup is unknown; if no job continues it, submit it again by hand"
            )
            return Obstacle(Cause.RESTORED, reason)
        return Obstacle(Cause.HISTORY, f"ended before Respot watched {state.job.region} ({readable(watched)})")

    def _why_unclear(self, record: JobRecord, state: JobState) -> Obstacle | None:
        """Why it is unknown who stopped the job: a restored ledger may lack Respot's stop intent, or its withdrawal."""
        stopped = stop_of(record.transitions)
        if stopped is None or not self._may_be_missing(state, stopped):
            return None
        watched = self.ledger.watched_since(state.job.region)
        reason = f"was stopped before the ledger was restored from a backup ({readable(watched)}): by whom is unknown"
        return Obstacle(Cause.RESTORED, reason)

    def _may_be_missing(self, state: JobState, moment: datetime) -> bool:
        """Whether a restored ledger may lack what Respot did at that moment."""
        region = state.job.region
        return moment < self.ledger.watched_since(region) and moment >= self.ledger.first_watched(region)

    def plan(self, context: PlanContext) -> Decision:
        """The plan for the present moment, on the first pool for which a request can be built."""
        now, state = self.clock(), context.run.last.state
        decision, warnings = decide_on_trial(
            context,
            partial(plan, now=now),
            describe=lambda: self.description_of(state),
            clone=self.clone,
            with_unknown_writers=self.contexts.with_unknown_writers,
        )
        return replace(decision, warning=joined(decision.warning, *warnings, self._forgotten(context)))

    def _forgotten(self, context: PlanContext) -> str | None:
        """What to add about a job that may be an attempt which a restored ledger does not know; its tags prove nothing.

        Its budgets begin again: the ledger cannot count what it does not know, and anyone can write tags.
        """
        last = context.run.last
        state, tags = last.state, last.state.tags or {}
        known = RUN_TAG not in tags or (last.number > 1 and tags[RUN_TAG] == context.run.id)
        if known or state.job.created >= self.ledger.watched_since(state.job.region):
            return None
        if state.job.created < self.ledger.first_watched(state.job.region):
            return None
        said = f"attempt {tags.get(ATTEMPT_TAG)} of run {tags[RUN_TAG]}"
        of_another = f"it counts as attempt {last.number} of {context.run.id}"
        counts = of_another if last.number > 1 else "its budgets count from this job"
        return f"its tags name {said}, which the restored ledger does not know: {counts}"

    def wait(self, job: JobId, decision: Decision) -> Later:
        """Nothing is decided before the time that the plan says; people are notified if the plan asks for it."""
        if decision.notify:
            self.runs.notice(job, NoticeKind.POSTPONED, decision.reason)
        until = decision.until or self.clock()
        return Later(reason=decision.reason, delay=max(until - self.clock(), timedelta(seconds=1)))

    def description_of(self, state: JobState) -> JobDescription | None:
        """The ended job's description; `None` if the job was deleted, is being deleted, or another has its name.

        Raises:
            UpstreamUnavailableError: SageMaker contradicts the ledger: nothing may be concluded.
        """
        seen = self.jobs.description(state.job.region, state.job.name)
        if seen is None or not is_same_job(seen.job, state.job) or seen.status == DELETING:
            return None
        if not is_terminal(seen.status):
            message = f"{state.job}: ended as {state.status} by the ledger, {seen.status} by SageMaker; repeat later"
            raise UpstreamUnavailableError(message)
        return seen

    def _leave_alone(self, record: JobRecord, state: JobState, why: Obstacle) -> None:
        run, number = place_in_run(self.runs, self.ledger, state)
        inputs = {"ended": iso(end_of(record, state).started)}
        decision = Decision(action=Action.NOTHING, reason=why.reason, inputs=inputs, cause=why.cause)
        decided = DecisionRecord(job=state.job, run=run, number=number, decision=decision, decided_at=self.clock())
        self.runs.decide(decided, None)

    def _record(self, context: PlanContext, decision: Decision, now: datetime) -> Later | None:
        run, job = context.run, context.run.last.state.job
        new = run.next_attempt(decision.placement) if decision.placement else None
        attempt = None
        if new and not decision.dry_run:
            attempt = AttemptRecord(
                run=run.id, number=new.lineage.attempt, region=job.region, name=new.name, parent=job, decided_at=now
            )
        summary = summarize(decision, context, new) if new else None
        decided = DecisionRecord(
            job=job,
            run=run.id,
            number=run.last.number,
            decision=replace(decision, reason=summary) if decision.dry_run and summary else decision,
            decided_at=now,
            checkpoint=run.last.checkpoint,
            made_progress=_progress_of(context),
            reached=reached(run.checkpoints, since=run.created),
            next_name=new.name if new else None,
            summary=summary,
        )
        reservation = context.reservation if attempt else None
        if self.runs.decide(decided, attempt, reservation=reservation, replaces=context.replaces):
            return None
        if self.runs.decision(job) is None:
            if attempt and self.runs.attempt(run.id, attempt.number) is None:
                return Later(reason="another run has just reserved the checkpoint location; try again")
            # The run goes on without this job: somebody replaced the attempt by a job like it.
            reason = f"attempt {decision.attempt} of the run was decided on after another job named {job.name}"
            refusal = _refusal(Obstacle(Cause.OVERTAKEN, reason), decision.inputs)
            self.runs.decide(replace(decided, decision=refusal, next_name=None), None)
        return None


def _refusal(why: Obstacle, inputs: dict[str, str]) -> Decision:
    return Decision(action=Action.REFUSE, reason=why.reason, inputs=inputs, notify=True, cause=why.cause)


def _progress_of(context: PlanContext) -> bool | None:
    """Whether the job made progress; `None` if the listing was cut."""
    if not context.listed:
        return None
    made = context.run.progress().made
    return None if context.listing_cut and not made else made


def summarize(decision: Decision, context: PlanContext, new: AttemptRequest) -> str:
    """The resubmission in a sentence: its name and place, the checkpoint it resumes from, and what is lost."""
    done = "would have been resubmitted" if decision.dry_run else "resubmitted"
    where = f"{new.placement.market} {new.placement.instance_type}".strip()
    number = f"attempt {decision.attempt} of {context.resolved.policy.max_attempts}"
    return f"{done} as {new.name}, {number}, {where}, {context.resumes_from()} ({decision.reason})"


def joined(*warnings: str | None) -> str | None:
    """The warnings in one text; `None` if there are none."""
    return "; ".join(filter(None, warnings)) or None
