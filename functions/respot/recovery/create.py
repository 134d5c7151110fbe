"""Creates the attempt that a decision calls for, exactly once."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from respot.errors import (
    CloneRefusedError,
    CreateLaterError,
    CreateRefusedError,
    JobNameTakenError,
    PolicyInvalidError,
    Postponement,
    Reach,
    RespotError,
    UpstreamUnavailableError,
)
from respot.jobs.description import JobDescription
from respot.jobs.formatting import readable
from respot.jobs.job import JobId, JobRecord, JobSnapshot, JobState, at_milliseconds
from respot.jobs.lifecycle import end_of
from respot.jobs.merge import is_same_job, same_creation
from respot.jobs.ports import Clock, JobStore
from respot.recovery.checked_clone import resources_named
from respot.recovery.decide import Decider, Later, joined, summarize
from respot.recovery.latest_start import LatestStart
from respot.recovery.load_context import PlanContextLoader
from respot.recovery.planning.attempt import AttemptRequest
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.decision import DECIDED_WITHIN, Action, Decision, Placement
from respot.recovery.planning.latest_start import latest_start_after
from respot.recovery.planning.type_choice import refused_types
from respot.recovery.ports import Clone, KillSwitch, RecoverableJobs, Refusals, RunStore
from respot.recovery.records import CREATED_WITHIN, DecisionRecord, NoticeKind, Outcome, OutcomeKind, Refusal
from respot.recovery.run_place import is_after, outcome_of, planned_under_name
from respot.recovery.same_request import difference, may_be_alike, misplacement
from respot.recovery.trial import deleted

REPORTED_AFTER: Final = timedelta(minutes=15)
"""People are notified of a creation that is postponed for longer."""
_CREATE: Final = "sagemaker:CreateTrainingJob"


@dataclass(frozen=True, slots=True, kw_only=True)
class Creator:
    """Creates next attempts.

    `clone` builds what may be created now, `clone_any` what may have been created under earlier settings.
    """

    jobs: RecoverableJobs
    ledger: JobStore
    runs: RunStore
    refusals: Refusals
    contexts: PlanContextLoader
    decider: Decider
    kill_switch: KillSwitch
    clone: Clone
    clone_any: Clone
    clock: Clock
    latest_start: LatestStart

    def create(self, record: JobRecord, state: JobState, decided: DecisionRecord) -> Later | None:
        """Create the attempt decided on; `None` once the outcome is recorded. People are notified if it takes long.

        Raises:
            PolicyInvalidError: nothing may be created.
            UpstreamUnavailableError: SageMaker, S3 or a parameter did not answer.
            CreateLaterError: SageMaker throttled the creation, or did not answer it.
            JobNameTakenError: the attempt's name is taken, and no job of that name can be described.
        """
        until = end_of(record, state).started + DECIDED_WITHIN
        try:
            later = self._settle(record, self.decider.described(state), decided)
        except PolicyInvalidError:
            raise  # people are notified of the policy
        except Exception as error:
            with suppress(RespotError):  # a ledger that does not answer has the report wait, too
                self._report_delay(decided, str(error), until=until)
            raise
        if later and later.delay is None:  # else the plan says when, and has people notified if they must know
            self._report_delay(decided, later.reason, until=until)
        return later

    def _settle(self, record: JobRecord, state: JobState, decided: DecisionRecord) -> Later | None:
        if (existing := self._existing(decided)) is not None:
            self.runs.record_outcome(existing)
            return None
        if (history := self.decider.why_history(record, state)) is not None:
            # A ledger restored from a backup, with a decision from before: its owner has continued since.
            return self._close(decided, OutcomeKind.CANCELLED, history.reason, history.cause)
        description = self.decider.description_of(state)
        tags = None if description is None else self.jobs.tags(state.job.region, state.arn)
        if description is None or tags is None:
            return self._close(decided, OutcomeKind.FAILED, deleted(state.job), Cause.NOT_CREATABLE)
        context = self.contexts.load(record, state, tags, now=self.clock())
        while True:  # as often as the ladder has pools: each round but the last one rules out another
            step = self._try(context, decided, description)
            if not isinstance(step, PlanContext):
                return step
            context = step

    def settle_name(self, state: JobState) -> None:
        """Record the outcome of the attempt that has this job's name, if it is open: whose the job is must be known.

        Otherwise somebody else's job of that name would be recovered as the attempt.
        """
        for attempt in planned_under_name(self.runs, state):
            if outcome_of(self.runs, attempt.parent) is None and (decided := self.runs.decision(attempt.parent)):
                existing = self._existing(decided)
                if existing is not None:
                    self.runs.record_outcome(existing)

    def _try(
        self, context: PlanContext, decided: DecisionRecord, description: JobDescription
    ) -> Later | PlanContext | None:
        """Plan again for the present moment, and create; returns the context without a pool that was refused."""
        decision = self.decider.plan(context)
        if decision.action is Action.WAIT:
            return self.decider.wait(decided.job, decision)
        if not decision.creates_attempt or decision.placement is None:
            if refused := context.refused_pools:
                unnamed = [f"cannot use {pool}" for pool in refused if str(pool) not in decision.reason]
                reason = "; ".join((*unnamed, decision.reason))
                return self._close(decided, OutcomeKind.FAILED, reason, Cause.POOLS_REFUSED)
            reason = "the policy now says dry_run" if decision.dry_run else decision.reason
            unwanted = decision.dry_run or decision.action is Action.NOTHING
            kind = OutcomeKind.WITHDRAWN if unwanted else OutcomeKind.CANCELLED
            return self._close(decided, kind, reason, decision.cause)
        later = self._create_there(context, decided, description, decision, decision.placement)
        if later is None:
            self._schedule(decided, latest_start_after(context, decision.placement, now=self.clock()))
        return later

    def _create_there(
        self,
        context: PlanContext,
        decided: DecisionRecord,
        description: JobDescription,
        decision: Decision,
        placement: Placement,
    ) -> Later | PlanContext | None:
        """Create the attempt there; returns the context without a pool that was refused."""
        name, lineage = decided.next_name or "", decided.next_lineage
        attempt = AttemptRequest(name=name, lineage=lineage, placement=placement)
        request: Mapping[str, Any] = {}
        try:
            request = self.clone(description, context.run.last.state.tags or {}, attempt).request
            summary = summarize(decision, context, attempt)
            created = self._outcome(decided, OutcomeKind.CREATED, summary, warning=decision.warning)
            return self._create(decided, placement, request, created)
        except CreateLaterError as error:
            if (others := self._with_other_types(context, placement, error)) is not None:
                return others
            if error.reason not in {Postponement.QUOTA, Postponement.CAPACITY}:
                raise  # a quota or capacity is waited for; a throttle or an outage is a failure, and counts as one
            return Later(reason=str(error))
        except (CloneRefusedError, CreateRefusedError) as error:
            if isinstance(error, CreateRefusedError):
                of_the_list = _of_the_list(placement, error)
                self._remember_refusal(context, placement, request, of_the_list if error.permission else error)
                error = of_the_list
            if error.reach is not Reach.ANYWHERE:
                return context.without(placement, error)
            denied = isinstance(error, CreateRefusedError) and error.permission
            cause = Cause.PERMISSION_MISSING if denied else Cause.NOT_CREATABLE
            return self._close(decided, OutcomeKind.FAILED, str(error), cause)

    def _create(
        self, decided: DecisionRecord, placement: Placement, request: Mapping[str, Any], created: Outcome
    ) -> Later | None:
        """Record the placement, by which a job whose creation is not answered is recognised, and call SageMaker.

        Raises:
            CreateRefusedError: SageMaker refuses it for good.
            CreateLaterError: it refuses it now, or does not answer.
        """
        at = at_milliseconds(self.clock())
        before = self.runs.record_creation_intent(decided.job, placement, at)
        refused = partial(self.runs.withdraw_creation_intent, decided.job, placement, at, before)
        if why := self.kill_switch.why_on():  # turned on while the request was built: the next delivery postpones it
            refused()
            return Later(reason=why, delay=timedelta(seconds=1))
        try:
            arn = self.jobs.create(decided.job.region, request)
        except JobNameTakenError:
            # A repeated call whose first answer was lost, or somebody else's job.
            outcome = self._existing(decided)
            if outcome is None:
                raise
            self.runs.record_outcome(outcome)
            return None
        except CreateLaterError as error:
            if error.reason is Postponement.UNANSWERED:
                self._note(decided.job.region, request, created=None)
            else:
                refused()
            raise
        except CreateRefusedError as error:
            refused()
            if error.unwanted and (rest := _without(request, error.unwanted)) is not None:
                warning = joined(created.warning, f"created without {error.unwanted}, which SageMaker refuses here")
                return self._create(decided, placement, rest, replace(created, warning=warning))
            raise
        seen = self._created(decided, arn)
        self._note(decided.job.region, request, created=seen)
        self.runs.record_outcome(replace(created, arn=arn, settled_at=self.clock(), job_created=seen))
        return None

    def _schedule(self, decided: DecisionRecord, at: datetime | None) -> None:
        """Have the new attempt checked at its latest on-demand start, even if no sweep sees it wait before."""
        outcome = self.runs.outcome(decided.job) if at else None
        if outcome and outcome.kind is OutcomeKind.CREATED and outcome.job_created:
            job = JobId(region=decided.job.region, name=outcome.name, created=outcome.job_created)
            self.latest_start.keep(job, at)

    def _with_other_types(
        self, context: PlanContext, placement: Placement, error: CreateLaterError
    ) -> PlanContext | None:
        """Remember a quota that is used up; the context to go on with at once, if the list has other types."""
        if error.reason is not Postponement.QUOTA:
            return None
        for kind in refused_types(placement, str(error)):
            self._remember(context, replace(placement, instance_type=kind), "a quota is used up")
        return context.without_for_now(placement, error)

    def _report_delay(self, decided: DecisionRecord, why: str, *, until: datetime) -> None:
        if self.clock() - decided.decided_at <= REPORTED_AFTER or self.runs.outcome(decided.job):
            return  # in time, or settled by another delivery
        words = (
            f"{decided.next_name} was to be created at {readable(decided.decided_at)}: {why}; "
            f"it is tried again within half an hour each time, until {readable(until)}"
        )
        self.runs.notice(decided.job, NoticeKind.CREATION_POSTPONED, words)

    def _remember_refusal(
        self, context: PlanContext, placement: Placement, request: Mapping[str, Any], error: CreateRefusedError
    ) -> None:
        """Remember what other attempts would be refused for as well: no job must be stopped in favour of them."""
        if error.permission:
            # One of SageMaker is missing for every job; others, of keys or roles, belong to the job's own role.
            of_all = error.permission.startswith("sagemaker:")
            role = None if of_all else context.run.last.state.role_arn
            why = f"the permission {error.permission} is missing"
            self._remember(context, None if of_all else placement, why, resource=role)
        elif error.reach is not Reach.ANYWHERE:
            of_a_pool = error.reach is Reach.POOL
            for kind in refused_types(placement, error.why) if of_a_pool else (placement.instance_type,):
                self._remember(context, replace(placement, instance_type=kind), error.why, reach=error.reach)
        else:
            for resource in resources_named(request, str(error)):
                self._remember(context, None, error.why, resource=resource)

    def _remember(
        self,
        context: PlanContext,
        placement: Placement | None,
        why: str,
        *,
        reach: Reach = Reach.POOL,
        resource: str | None = None,
    ) -> None:
        """Remember a refusal of that placement or resource, or, with neither, of every creation in the region."""
        pool = None if resource else placement
        refusal = Refusal(
            region=context.run.last.state.job.region,
            market=None if pool is None else pool.market,
            instance_type=None if pool is None or reach is Reach.MARKET else pool.instance_type,
            resource=resource,
            why=why,
            refused_at=self.clock(),
        )
        self.refusals.remember(refusal)

    def _note(self, region: str, request: Mapping[str, Any], *, created: datetime | None) -> None:
        """Have the invocation's other creations see this job: their listing of SageMaker's jobs is older."""
        job = JobId(region=region, name=request["TrainingJobName"], created=created or self.clock())
        self.contexts.unknown_writers.created(job, request.get("CheckpointConfig", {}).get("S3Uri"))

    def _created(self, decided: DecisionRecord, arn: str) -> datetime | None:
        """When SageMaker created the job; `None` if it does not say now: the time of the outcome bounds it then."""
        try:
            seen = self.jobs.describe(decided.job.region, decided.next_name or "")
        except UpstreamUnavailableError:
            return None
        return seen.state.job.created if seen and seen.state.arn == arn else None

    def _close(self, decided: DecisionRecord, kind: OutcomeKind, reason: str, cause: Cause | None) -> Later | None:
        """Record that nothing is created, unless another delivery has created it: an outcome must not be untrue.

        That waits while a call that SageMaker may not have answered can still create the job.
        """
        calls = [intent.at for intent in self.runs.creation_intents(decided.job) if intent.at]
        until = max(calls) + CREATED_WITHIN if calls else self.clock()
        if until > self.clock():
            words = f"SageMaker may still create {decided.next_name}, which it was asked for; then: {reason}"
            return Later(reason=words, delay=until - self.clock())
        self.runs.record_outcome(self._existing(decided) or self._outcome(decided, kind, reason, cause=cause))
        return None

    def _existing(self, decided: DecisionRecord) -> Outcome | None:
        """The outcome if a job of the next attempt's name exists, or did: ours is success, anybody else's a failure."""
        name, region, warning = decided.next_name or "", decided.job.region, decided.decision.warning
        summary = decided.summary or decided.decision.reason
        if (following := self.runs.attempt(decided.run, decided.number + 2)) is not None:
            created = following.parent.created
            return self._outcome(decided, OutcomeKind.CREATED, summary, job_created=created, warning=warning)
        seen = self.jobs.describe(region, name)
        if (gone := self._has_existed(decided, name, seen)) is not None:
            warning = joined(warning, _uncompared(name))
            return self._outcome(decided, OutcomeKind.CREATED, summary, job_created=gone.created, warning=warning)
        if seen is None:
            return None
        state = seen.state
        in_time = is_after(decided.decided_at, state) and not self._is_anothers(decided, state)
        parent = self.ledger.load(decided.job).state
        mine = self.decider.description_of(parent) if in_time and parent else None
        different = self._difference(decided, parent, mine, state) if in_time else "its creation time"
        if different is None:
            warning = joined(warning, None if mine else _uncompared(decided.job.name))
            summary += _elsewhere(decided.decision.placement, state)
            created = state.job.created
            return self._outcome(
                decided, OutcomeKind.CREATED, summary, arn=state.arn, job_created=created, warning=warning
            )
        reason = (
            f"a job named {name} exists that is none of this run's, by {different}; "
            "delete it or choose another job name"
        )
        taken, created = Cause.NAME_TAKEN, state.job.created
        return self._outcome(decided, OutcomeKind.FAILED, reason, job_created=created, cause=taken)

    def _has_existed(self, decided: DecisionRecord, name: str, seen: JobSnapshot | None) -> JobId | None:
        """The next attempt, if the ledger has recorded it and SageMaker no longer describes it."""
        parent = self.ledger.load(decided.job).state
        for job in self.ledger.find(decided.job.region, name):
            state = None if seen and is_same_job(seen.state.job, job) else self.ledger.load(job).state
            if not (parent and state and is_after(decided.decided_at, state)) or self._is_anothers(decided, state):
                continue
            if not may_be_alike(parent, state):
                continue
            mine = self.decider.description_of(parent)
            any_type = mine is not None and _prefers(mine, state.instance_type)
            if self._misplacement(decided, state, any_type=any_type) is None:
                return job
        return None

    def _is_anothers(self, decided: DecisionRecord, state: JobState) -> bool:
        """Whether the job is the attempt of an earlier run, whose first job had the same name."""
        others = (
            outcome_of(self.runs, each.parent)
            for each in planned_under_name(self.runs, state)
            if each.parent != decided.job
        )
        return any(
            outcome is not None
            and outcome.job_created is not None
            and same_creation(outcome.job_created, state.job.created)
            for outcome in others
        )

    def _misplacement(self, decided: DecisionRecord, state: JobState, *, any_type: bool = False) -> str | None:
        """How the job differs from every placement that SageMaker may have been asked for; `None` if it has one.

        Those are the decision's and the recorded ones. A restored ledger may lack some, and then any will do: to count
        as the attempt gives a job no new budget. An earlier version may have asked for any pool of its ladder.
        """
        planned = decided.decision.placement
        if planned is None or decided.decided_at < self.ledger.watched_since(decided.job.region):
            return None
        intents = [intent.placement for intent in self.runs.creation_intents(decided.job)]
        if not intents and not self._is_named(decided):
            planned = replace(planned, market=state.market or planned.market, instance_type="")
        return misplacement((planned, *intents), state, any_type=any_type)

    def _is_named(self, decided: DecisionRecord) -> bool:
        """Whether the attempt is written under its name; versions that did not do that recorded no placements."""
        named = self.runs.attempts_named(decided.job.region, decided.next_name or "")
        return any(each.parent == decided.job for each in named)

    def _difference(
        self, decided: DecisionRecord, parent: JobState | None, mine: JobDescription | None, state: JobState
    ) -> str | None:
        """What distinguishes a described job of the next attempt's name from the request; `None` if nothing does.

        Both jobs are turned into the request for this attempt where the job runs. Tags play no part, nor does a policy:
        people change them. Without `mine`, the ended job's description, what the ledger knows of both is compared.

        Raises:
            UpstreamUnavailableError: SageMaker does not describe the job now.
        """
        planned = decided.decision.placement
        if parent is None or planned is None or not may_be_alike(parent, state):
            return "its role, image or checkpoint location"
        theirs = self.jobs.description(state.job.region, state.job.name)
        if theirs is None or not is_same_job(theirs.job, state.job):
            message = f"{state.job}: SageMaker described this job, and then another or none; repeat later"
            raise UpstreamUnavailableError(message)
        if mine is None:
            return self._misplacement(decided, state, any_type=_prefers(theirs, planned.instance_type))
        market, kind = state.market or planned.market, state.requested_type or planned.instance_type
        placement = replace(planned, market=market, instance_type=kind)
        attempt = AttemptRequest(name=state.job.name, lineage=decided.next_lineage, placement=placement)
        try:
            expected, found = (self.clone_any(each, {}, attempt).request for each in (mine, theirs))
        except CloneRefusedError as error:
            return error.field
        if (different := difference(expected, found)) is not None:
            return f"its {different}"
        several = "InstanceType" not in expected.get("ResourceConfig", {})
        return self._misplacement(decided, state, any_type=several)

    def _outcome(
        self,
        decided: DecisionRecord,
        kind: OutcomeKind,
        summary: str,
        *,
        arn: str | None = None,
        job_created: datetime | None = None,
        warning: str | None = None,
        cause: Cause | None = None,
    ) -> Outcome:
        return Outcome(
            job=decided.job,
            kind=kind,
            summary=summary if kind is OutcomeKind.CREATED else f"not resubmitted: {summary}",
            settled_at=self.clock(),
            name=decided.next_name or "",
            arn=arn,
            job_created=job_created,
            warning=warning,
            cause=cause,
        )


def _uncompared(name: str) -> str:
    return f"{name} was deleted: whether the attempt is what was requested could be judged by the ledger alone"


def _prefers(description: JobDescription, kind: str | None) -> bool:
    """Whether the job names this instance type as one of several, of which SageMaker chooses."""
    resources = description.request_source.get("ResourceConfig") or {}
    return any(each.get("InstanceType") == kind for each in resources.get("InstancePreferences") or ())


def _elsewhere(planned: Placement | None, state: JobState) -> str:
    """What to add where the attempt was created in another pool than was decided on, and the answer was lost."""
    if planned is None or not (state.market and state.instance_type and planned.instance_type):
        return ""
    planned_there = planned.market == state.market and state.instance_type in {
        planned.instance_type,
        *planned.instance_types,
    }
    return "" if planned_there else f"; it runs on {state.market} {state.instance_type} instead"


def _of_the_list(placement: Placement, error: CreateRefusedError) -> CreateRefusedError:
    """The refusal of a list, which may be about the list as such; if not, that of its first type is final.

    So may a denied creation be: the grant requires a key that AWS may not supply for lists.
    """
    of_the_job = error.permission not in {None, _CREATE}
    if not placement.is_list or of_the_job or error.reach is not Reach.ANYWHERE:
        return error
    return CreateRefusedError(str(error), reach=Reach.POOL, why=error.why)


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
