"""Enforces the wait limit: stops a job that waits longer than its policy allows and has another pool to go to.

The job's end then reaches recovery like any other end. The stop intent, recorded here before SageMaker is asked, says
whose stop it was. The process may die after any step, and any step may be repeated.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from respot.errors import StopRefusedError, UpstreamUnavailableError
from respot.jobs.description import JobDescription
from respot.jobs.formatting import readable
from respot.jobs.job import JobId, JobRecord, JobSnapshot, JobState
from respot.jobs.merge import is_same_job
from respot.jobs.owner import find_parent
from respot.jobs.ports import Clock
from respot.recovery.checked_clone import without_refused
from respot.recovery.latest_start import LatestStart
from respot.recovery.load_context import PlanContextLoader
from respot.recovery.planning.latest_start import latest_start_of
from respot.recovery.planning.wait_decision import WaitDecision, decide_wait, simulate_stop
from respot.recovery.planning.wait_limit import limit_end, limits_waiting, next_check, reason_to_keep_waiting
from respot.recovery.planning.waiting import (
    REFUSAL_KEPT,
    StopIntent,
    StoppedBy,
    is_waiting,
    may_withdraw,
    refused_lately,
    stop_asked_by,
    stopping_since,
    waiting_since,
)
from respot.recovery.policy.policy import OPT_IN, OPT_IN_TAG, Resolved, opts_in
from respot.recovery.ports import Clone, KillSwitch, Note, RecoverableJobs, Refusals, RunStore
from respot.recovery.records import REMEMBERED_FOR, NextStep, NoticeKind
from respot.recovery.trial import decide_on_trial


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitTimeout:
    """Checks jobs that have not ended, and stops those that must wait no longer.

    Attributes:
        stop_only_tagged: stop only jobs with the opt-in tag of their own; IAM denies Respot to stop any other.
    """

    jobs: RecoverableJobs
    runs: RunStore
    refusals: Refusals
    contexts: PlanContextLoader
    kill_switch: KillSwitch
    clone: Clone
    clock: Clock
    note: Note
    latest_start: LatestStart
    stop_only_tagged: bool = False

    def enforce(self, known: JobState) -> None:
        """Stop the live job if its wait limit requires it; `known` is its state in the ledger.

        Reasons against a stop are only logged: a job that waits is checked again and again.

        Raises:
            LedgerUnavailableError: DynamoDB did not answer; repeat.
            UpstreamUnavailableError: SageMaker, S3 or a parameter did not answer; nothing is concluded, repeat.
            PolicyInvalidError: nothing may be decided; repeat.
            StopFailedError: SageMaker did not accept the stop; repeat.
            StopRefusedError: it refused the stop for good, now or within the last hour; repeat later.
        """
        job = known.job
        if known.tags is not None and not limits_waiting(self.contexts.resolve(known).policy):
            return  # most interrupted jobs: SageMaker need not be asked
        seen = self._describe(job)
        if seen is None:
            return
        tags = self.jobs.tags(job.region, known.arn)
        if tags is None:
            return
        parent = known.parent or seen.state.parent or find_parent(name=job.name, tags=tags)
        live = replace(seen.state, job=job, tags=tags, parent=parent)
        seen, resolved = replace(seen, state=live), self.contexts.resolve(live)
        decision = self._judge(seen, resolved)
        self.note(job, decision.reason)
        if decision.warning:
            self.runs.notice(job, decision.notice, decision.warning)  # the first one counts
        since = waiting_since(seen.history)
        if since and not decision.stop:
            step = NextStep(reason=decision.reason, at=decision.until, noted_at=self.clock())
            self.runs.note_next_step(job, step)
        if not decision.stop or since is None:
            return
        again = next_check(live, seen.history, resolved, now=self.clock())
        standing = self.runs.stop_intent(job)
        if standing and (refused_at := refused_lately(standing, now=self.clock())):
            self.latest_start.keep(job, again)
            message = f"{job}: SageMaker refused a stop at {readable(refused_at)}; {_next_stop(refused_at)}"
            raise StopRefusedError(message)
        intent = StopIntent(
            job=job, waiting_since=since, decided_at=self.clock(), reason=decision.reason, inputs=decision.inputs
        )
        self._stop(intent, before=self.runs.record_stop_intent(intent), again=again)

    def announce(self, record: JobRecord, job: JobId) -> None:
        """Notify people that Respot stopped a job that has ended, if the stop itself could not be followed by that."""
        intent = None if stopping_since(record.transitions) is None else self.runs.stop_intent(job)
        if intent and stop_asked_by(intent, record.transitions) is StoppedBy.RESPOT:
            self.runs.notice(job, NoticeKind.WAIT_LIMIT_EXCEEDED, intent.reason)

    def _describe(self, job: JobId) -> JobSnapshot | None:
        """The job in SageMaker; `None` if it is gone, or another one has its name."""
        seen = self.jobs.describe(job.region, job.name)
        return seen if seen and is_same_job(seen.state.job, job) else None

    def _judge(self, seen: JobSnapshot, resolved: Resolved) -> WaitDecision:
        live, now = seen.state, self.clock()
        again = next_check(live, seen.history, resolved, now=now)
        if reason := reason_to_keep_waiting(live, seen.history, resolved, now=now):
            self.latest_start.keep(live.job, again)
            since = waiting_since(seen.history)
            # S3 need not be asked.
            return WaitDecision(stop=False, reason=reason, until=since and limit_end(live, since, resolved))
        forbidden = self._why_forbidden(live)
        if forbidden and resolved.policy.deadline is None:
            return WaitDecision(stop=False, reason=forbidden)  # people need no warning
        now = self.clock()
        tried = simulate_stop(live, seen.history, now=now)
        record = JobRecord(state=tried.state, transitions=tried.transitions)
        context = self.contexts.load(record, tried.state, live.tags, now=now, stop_intent=tried.stop_intent)
        refusals = self.refusals.since(live.job.region, now - REMEMBERED_FOR)
        context = context.after(refusals)
        decision, _ = decide_on_trial(
            context,
            lambda context: decide_wait(live, seen.history, context, now=now, forbidden=forbidden),
            describe=lambda: self._description(live.job),
            clone=without_refused(self.clone, refusals),
            with_unknown_writers=self.contexts.with_unknown_writers,
        )
        latest = latest_start_of(context, now=now)
        if not decision.stop and latest is not None:
            self.latest_start.keep(live.job, latest if latest > now else again)
        return decision

    def _why_forbidden(self, live: JobState) -> str | None:
        """Why IAM denies the stop; `None` if it does not."""
        if not self.stop_only_tagged or opts_in(live.tags or {}):
            return None
        return f"the setting stop_only_tagged allows to stop only jobs with the tag {OPT_IN_TAG} = {OPT_IN}"

    def _description(self, job: JobId) -> JobDescription | None:
        seen = self.jobs.description(job.region, job.name)
        return seen if seen and is_same_job(seen.job, job) else None

    def _stop(self, intent: StopIntent, *, before: StopIntent | None, again: datetime | None) -> None:
        """Stop the job, unless it has ceased to wait, or the kill switch was turned on; then check it `again`.

        An intent that no stop of Respot's can have followed is withdrawn: the next stop is somebody else's.
        """
        try:
            kill_switch, seen = self.kill_switch.why_on(), self._describe(intent.job)
        except UpstreamUnavailableError:
            self._withdraw(intent, before, "could not be described once more: it is not stopped yet")
            raise
        if kill_switch:
            self._withdraw(intent, before, f"{kill_switch}: it is not stopped")
            self.latest_start.keep(intent.job, again)
        elif (
            seen is None
            or not is_waiting(seen.state, seen.history, now=self.clock())
            or waiting_since(seen.history) != intent.waiting_since
        ):
            self._withdraw(intent, before, "waits no longer: it is not stopped")
        else:
            self._ask_to_stop(intent, before, again)

    def _ask_to_stop(self, intent: StopIntent, before: StopIntent | None, again: datetime | None) -> None:
        try:
            asked = self.jobs.stop(intent.job.region, intent.job.name)
        except StopRefusedError as error:
            why = f"{error}: it is not stopped"
            self.note(intent.job, why)
            now, withdrawn = self.clock(), why if may_withdraw(intent, before) else None
            self.runs.refuse_stop_intent(replace(intent, refused_at=now, withdrawn=withdrawn))
            self.latest_start.keep(intent.job, again)
            message = f"{why}; {_next_stop(now)}"
            raise StopRefusedError(message) from error
        if not asked:
            self._withdraw(intent, before, "has already ended")
            return
        self.runs.notice(intent.job, NoticeKind.WAIT_LIMIT_EXCEEDED, intent.reason)

    def _withdraw(self, intent: StopIntent, before: StopIntent | None, why: str) -> None:
        self.note(intent.job, why)
        if may_withdraw(intent, before):
            self.runs.withdraw_stop_intent(intent, why)


def _next_stop(refused_at: datetime) -> str:
    """When the next stop is asked for, for the run's next step: the message itself comes back sooner."""
    return f"the next stop is asked for after {readable(refused_at + REFUSAL_KEPT)}"
