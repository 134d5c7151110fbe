"""Recovers runs: decides on each job that has ended, and creates the next attempt, exactly once.

A job that has not ended may be one that waits too long: that is `patience`'s to judge.

Each step may be the last before the process dies, and each may be repeated: the decision is written once, the next
attempt's name follows from run and number, and a job of that name with our own marks means "already created".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from respot.errors import (
    CloneRefusedError,
    CreateLaterError,
    CreateRefusedError,
    JobNameTakenError,
    LedgerIncompleteError,
    PolicyInvalidError,
    Postponement,
    Reach,
    UpstreamUnavailableError,
)
from respot.jobs.description import moment
from respot.jobs.formatting import iso, readable
from respot.jobs.job import JobId, JobRecord, JobState
from respot.jobs.lifecycle import DELETING, end_of, is_terminal, lacks_its_end
from respot.jobs.merge import same_creation
from respot.jobs.ports import Clock, JobStore, TrainingJobs
from respot.recovery.context import Situation, Situations, resumes
from respot.recovery.planning.attempt import RUN_TAG, Lineage, attempt_name
from respot.recovery.planning.decision import Action, Decision, Placement, ending_the_wait, is_silent
from respot.recovery.planning.planner import plan
from respot.recovery.planning.run import Run
from respot.recovery.ports import Clone, KillSwitch, RunStore
from respot.recovery.records import AttemptRecord, DecisionRecord, NoticeKind, Outcome, OutcomeKind
from respot.recovery.run_place import MAX_CLOCK_SKEW, place_in_run
from respot.recovery.wait_timeout import WaitTimeout


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """The job must be taken up again.

    Attributes:
        reason: why, in words an operator reads.
        delay: when; `None` is later each time.
    """

    reason: str
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Decides, creates, and writes down both."""

    jobs: TrainingJobs
    ledger: JobStore
    runs: RunStore
    situations: Situations
    kill_switch: KillSwitch
    patience: WaitTimeout
    clone: Clone
    clock: Clock

    def recover(self, job: JobId) -> Later | None:
        """Take one job as far as it goes now; `None` once nothing is left to do about it.

        Raises:
            LedgerUnavailableError: DynamoDB did not answer; repeat.
            UpstreamUnavailableError: SageMaker, S3 or a parameter did not answer; nothing is concluded, repeat.
            StopFailedError: SageMaker did not take the stop of a job that waits too long; repeat.
            CreateLaterError: SageMaker throttled the creation, or did not answer it; repeat.
            JobNameTakenError: the next attempt's name is taken, and nobody can be seen who has it; repeat.
        """
        if job.is_drill:
            return None  # the stream's filter passes none on; nothing is decided about one that was sent here otherwise
        record = self.ledger.load(job)
        if record.state is None:
            message = f"{job}: the ledger was to recover this job but has no state of it"
            raise LedgerIncompleteError(message)
        state = record.state
        if not is_terminal(state.status):
            return self._enforce(state)
        if lacks_its_end(record):
            return Later(
                reason=f"{job}: ended as {state.status}, but the ledger lacks the transition with which it ended"
            )
        decided = self.runs.decision(job)
        if decided is None:
            if later := self._decide_or_leave(record, state):
                return later
            decided = self.runs.decision(job)
        if decided is None or decided.decision.action is not Action.RESUBMIT or decided.decision.dry_run:
            return None
        if self.runs.outcome(job):
            return None
        return self._resubmit(record, state, decided)

    def _enforce(self, state: JobState) -> Later | None:
        try:
            self.patience.enforce(state)
        except PolicyInvalidError as error:
            # People are told when a job's end cannot be decided on; until then it only waits on.
            return Later(reason=str(error))
        return None

    # --- deciding

    def _decide_or_leave(self, record: JobRecord, state: JobState) -> Later | None:
        if history := self._history(record, state):
            self.runs.decide(history, None)
            return None
        try:
            return self._decide(record, state)
        except PolicyInvalidError as error:
            self.runs.notice(state.job, NoticeKind.POLICY_INVALID, str(error))
            return Later(reason=str(error))

    def _history(self, record: JobRecord, state: JobState) -> DecisionRecord | None:
        """The decision to leave alone what is history."""
        reason = self._why_history(record, state)
        if reason is None:
            return None
        run, number = place_in_run(self.runs, state)
        decision = Decision(action=Action.NOTHING, reason=reason, inputs={"ended": iso(end_of(record, state).started)})
        return DecisionRecord(
            job=state.job,
            run=run,
            number=number,
            decision=decision,
            decided_at=self.clock(),
            checkpoint=None,
            next_name=None,
        )

    def _why_history(self, record: JobRecord, state: JobState) -> str | None:
        """What ended before the deployment; `None` if it is ours."""
        watched = self.ledger.watched_since(state.job.region)
        if end_of(record, state).started < watched:
            return f"ended before Respot watched {state.job.region} ({readable(watched)})"
        return None

    def _decide(self, record: JobRecord, state: JobState) -> Later | None:
        situation = self.situations.gather(record, state, state.tags, now=self.clock())
        decision, now = self._plan(situation, state, state.tags or {}), self.clock()
        if decision.action is Action.WAIT:
            return self._wait(state.job, decision)
        if is_silent(decision) and self.runs.recovery_records(state.job).notices:
            decision = ending_the_wait(decision)
        run, number = situation.run.id, situation.run.last.number
        name = None
        attempt = None
        if decision.action is Action.RESUBMIT and decision.attempt is not None:
            name = self._name(situation.run, decision.attempt)
            if not decision.dry_run:
                attempt = AttemptRecord(
                    run=run,
                    number=decision.attempt,
                    region=state.job.region,
                    name=name,
                    parent=state.job,
                    decided_at=now,
                )
        story = self._told(decision, situation, name) if name else None
        told = replace(decision, reason=story) if decision.dry_run and story else decision
        decided = DecisionRecord(
            job=state.job,
            run=run,
            number=number,
            decision=told,
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

    def _plan(self, situation: Situation, state: JobState, tags: Mapping[str, str]) -> Decision:
        """The plan, after a trial of the request that it calls for: what cannot be built must not be promised."""
        now, document = self.clock(), None
        while True:  # as often as the ladder has pools: each round but the last one rules out another
            decision = plan(situation.run, situation.resolved, situation.circumstances, now=now)
            if decision.placement is None or decision.attempt is None:
                return decision
            document = document or self.jobs.document(state.job.region, state.job.name)
            if document is None or not self._is_the_ended_job(state, document):
                obstructed = replace(situation.circumstances, blockers=(_deleted(state),))
                return plan(situation.run, situation.resolved, obstructed, now=now)
            lineage = self._lineage(situation.run, decision.attempt, state)
            name = self._name(situation.run, decision.attempt)
            try:
                cloned = self.clone(document, name, tags, lineage, decision.placement)
            except CloneRefusedError as error:
                situation = situation.without(decision.placement, error)
                continue
            return replace(decision, warning=_joined(decision.warning, *cloned.warnings))

    def _wait(self, job: JobId, decision: Decision) -> Later:
        if decision.notify:
            self.runs.notice(job, NoticeKind.POSTPONED, decision.reason)
        until = decision.until or self.clock()
        return Later(reason=decision.reason, delay=max(until - self.clock(), timedelta(seconds=1)))

    @staticmethod
    def _name(run: Run, attempt: int) -> str:
        return attempt_name(run.attempts[0].state.job.name, attempt, run=run.id)

    @staticmethod
    def _lineage(run: Run, attempt: int, state: JobState) -> Lineage:
        return Lineage(run=run.id, attempt=attempt, parent=state.job.name)

    # --- creating

    def _resubmit(self, record: JobRecord, state: JobState, decided: DecisionRecord) -> Later | None:
        name = decided.next_name or ""
        if (existing := self._existing(state, decided, name)) is not None:
            self.runs.record_outcome(existing)
            return None
        if (reason := self._why_history(record, state)) is not None:
            # A ledger from a backup, which has a decision that was made before it: by now its owner has continued.
            self._cancel(state, decided, name, reason, OutcomeKind.CANCELLED)
            return None
        document, tags = self._ended_job(state)
        if document is None or tags is None:
            self._fail(state, decided, name, _deleted(state))
            return None
        try:
            situation = self.situations.gather(record, state, tags, now=self.clock())
        except PolicyInvalidError as error:
            self.runs.notice(state.job, NoticeKind.POLICY_INVALID, str(error))
            return Later(reason=str(error))
        while True:  # as often as the ladder has pools: each round but the last one rules out another
            step = self._try(situation, state, decided, document, tags)
            if not isinstance(step, Situation):
                return step
            situation = step

    def _try(
        self,
        situation: Situation,
        state: JobState,
        decided: DecisionRecord,
        document: Mapping[str, Any],
        tags: Mapping[str, str],
    ) -> Later | Situation | None:
        """Plan again, as it is time for now, and create; returns the situation without a pool that was refused."""
        name = decided.next_name or ""
        decision = self._plan(situation, state, tags)
        if decision.action is Action.WAIT:
            return self._wait(state.job, decision)
        if decision.action is not Action.RESUBMIT or decision.dry_run or decision.placement is None:
            if refused := situation.circumstances.refused_pools:
                untold = [f"cannot use {pool}" for pool in refused if str(pool) not in decision.reason]
                self._fail(state, decided, name, "; ".join((*untold, decision.reason)))
            else:
                reason = "the policy now says dry_run" if decision.dry_run else decision.reason
                unwanted = decision.dry_run or decision.action is Action.NOTHING
                kind = OutcomeKind.WITHDRAWN if unwanted else OutcomeKind.CANCELLED
                self._cancel(state, decided, name, reason, kind)
            return None
        lineage = Lineage(run=decided.run, attempt=decided.number + 1, parent=state.job.name)
        try:
            request = self.clone(document, name, tags, lineage, decision.placement).request
            story = self._told(decision, situation, name)
            created = self._outcome(state, name, OutcomeKind.CREATED, story, warning=decision.warning)
            return self._create(state, decided, request, created)
        except (CloneRefusedError, CreateRefusedError) as error:
            if error.reach is not Reach.ANYWHERE:
                return situation.without(decision.placement, error)
            self._fail(state, decided, name, str(error))
            return None

    def _create(
        self,
        state: JobState,
        decided: DecisionRecord,
        request: Mapping[str, Any],
        created: Outcome,
    ) -> Later | None:
        """Create it.

        Raises:
            CreateRefusedError: SageMaker refuses it for good.
        """
        name = created.name
        if why := self.kill_switch.why_on():  # turned on while the request was built: the next delivery postpones it
            return Later(reason=why, delay=timedelta(seconds=1))
        try:
            arn = self.jobs.create(state.job.region, request)
        except JobNameTakenError:
            # A repeated call whose first answer was lost, or somebody else's job.
            outcome = self._existing(state, decided, name)
            if outcome is None:
                raise
            self.runs.record_outcome(outcome)
            return None
        except CreateLaterError as error:
            if error.reason not in {Postponement.QUOTA, Postponement.CAPACITY}:
                raise  # a quota or capacity is waited for; a throttle or an outage is a failure, and counts as one
            return Later(reason=str(error))
        except CreateRefusedError as error:
            if error.unwanted and (rest := _without(request, error.unwanted)) is not None:
                warning = _joined(created.warning, f"created without {error.unwanted}, which SageMaker refuses here")
                return self._create(state, decided, rest, replace(created, warning=warning))
            raise
        self.runs.record_outcome(replace(created, arn=arn, settled_at=self.clock()))
        return None

    def _cancel(self, state: JobState, decided: DecisionRecord, name: str, reason: str, kind: OutcomeKind) -> None:
        """Call it off, unless another delivery has created it meanwhile: an outcome must not contradict what is."""
        existing = self._existing(state, decided, name)
        self.runs.record_outcome(existing or self._outcome(state, name, kind, reason))

    def _existing(self, state: JobState, decided: DecisionRecord, name: str) -> Outcome | None:
        """What it means that a job of the next attempt's name exists: ours is success, anybody else's a failure."""
        warning = decided.decision.warning
        story = decided.story or decided.decision.reason
        if self.runs.attempt(decided.run, decided.number + 2) is not None or self._has_existed(decided, state, name):
            # It did exist, even if somebody has deleted it since: it was followed by another one, or was recorded.
            return self._outcome(state, name, OutcomeKind.CREATED, story, warning=warning)
        seen = self.jobs.describe(state.job.region, name)
        tags = None if seen is None else self.jobs.tags(state.job.region, seen.state.arn)
        if seen is None or tags is None:
            return None
        lineage = Lineage(run=decided.run, attempt=decided.number + 1, parent=state.job.name).to_tags()
        is_ours = all(tags.get(key) == value for key, value in lineage.items())
        if is_ours and seen.state.job.created >= decided.decided_at - MAX_CLOCK_SKEW:
            story += _elsewhere(decided.decision.placement, seen.state)
            return self._outcome(state, name, OutcomeKind.CREATED, story, arn=seen.state.arn, warning=warning)
        reason = f"a job named {name} exists that is none of this run's; delete it or choose another job name"
        return self._outcome(state, name, OutcomeKind.FAILED, reason)

    def _has_existed(self, decided: DecisionRecord, state: JobState, name: str) -> bool:
        """Whether the ledger has seen the next attempt, alive or not."""
        since = decided.decided_at - MAX_CLOCK_SKEW
        jobs = (job for job in self.ledger.find(state.job.region, name) if job.created >= since)
        return any(
            seen is not None and (seen.tags is None or seen.tags.get(RUN_TAG) == decided.run)
            for seen in (self.ledger.load(job).state for job in jobs)
        )

    def _ended_job(self, state: JobState) -> tuple[Mapping[str, Any] | None, Mapping[str, str] | None]:
        """The ended job's description and tags, if it still exists and SageMaker still says that it has ended."""
        document = self.jobs.document(state.job.region, state.job.name)
        if document is None or not self._is_the_ended_job(state, document):
            return None, None
        return document, self.jobs.tags(state.job.region, state.arn)

    @staticmethod
    def _is_the_ended_job(state: JobState, document: Mapping[str, Any]) -> bool:
        """Whether the description is the ended job's, which nobody is deleting, and not a later job's of its name.

        Raises:
            UpstreamUnavailableError: SageMaker contradicts the ledger: nothing may be concluded.
        """
        created, status = moment(document.get("CreationTime")), str(document.get("TrainingJobStatus"))
        if created is None or not same_creation(created, state.job.created) or status == DELETING:
            return False
        if not is_terminal(status):
            message = f"{state.job}: ended as {state.status} by the ledger, {status} by SageMaker; look again later"
            raise UpstreamUnavailableError(message)
        return True

    def _fail(self, state: JobState, decided: DecisionRecord, name: str, reason: str) -> None:
        """Write down that it cannot be created, unless another delivery has created it meanwhile."""
        existing = self._existing(state, decided, name)
        self.runs.record_outcome(existing or self._outcome(state, name, OutcomeKind.FAILED, reason))

    def _outcome(
        self,
        state: JobState,
        name: str,
        kind: OutcomeKind,
        story: str,
        *,
        arn: str | None = None,
        warning: str | None = None,
    ) -> Outcome:
        told = story if kind is OutcomeKind.CREATED else f"not resubmitted: {story}"
        return Outcome(
            job=state.job, kind=kind, story=told, settled_at=self.clock(), name=name, arn=arn, warning=warning
        )

    def _told(self, decision: Decision, situation: Situation, name: str | None) -> str:
        """The resubmission in a sentence: as what, where, from which checkpoint, and what is lost."""
        placement = decision.placement
        if placement is None:
            return decision.reason
        done = "would have been resubmitted" if decision.dry_run else "resubmitted"
        where = f"{placement.market} {placement.instance_type}".strip()
        most = situation.resolved.policy.max_attempts
        return (
            f"{done} as {name}, attempt {decision.attempt} of {most}, {where}, {resumes(situation)} ({decision.reason})"
        )


def _deleted(state: JobState) -> str:
    return f"{state.job.name} was deleted, and its settings with it"


def _elsewhere(planned: Placement | None, state: JobState) -> str:
    """What to add where the attempt was created in another pool than was decided on, and the answer was lost."""
    pool = f"{state.market} {state.instance_type}"
    if planned is None or not (state.market and state.instance_type and planned.instance_type):
        return ""
    return "" if pool == f"{planned.market} {planned.instance_type}" else f"; it runs on {pool} instead"


def _joined(*warnings: str | None) -> str | None:
    return "; ".join(filter(None, warnings)) or None


def _without(request: Mapping[str, Any], path: str) -> dict[str, Any] | None:
    """The request without the member at that path; `None` if it has none."""
    name, _, below = path.partition(".")
    if name not in request:
        return None
    rest = dict(request)
    if not below:
        del rest[name]
        return rest
    inner = _without(request[name], below) if isinstance(request[name], Mapping) else None
    return None if inner is None else rest | {name: inner}
