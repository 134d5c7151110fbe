"""Gives up waiting for capacity: stops a job that waits longer than its policy allows and has another pool to go to.

The stop is not the end of it: the job's end reaches recovery as every other end does, which knows it by the note that
is written here before SageMaker is asked. Each step may be the last before the process dies, and each may be repeated.
"""

from dataclasses import dataclass, replace

from respot.errors import UpstreamUnavailableError
from respot.jobs.description import JobDescription
from respot.jobs.job import JobId, JobRecord, JobSnapshot, JobState
from respot.jobs.merge import is_same_job
from respot.jobs.owner import find_parent
from respot.jobs.ports import Clock
from respot.recovery.context import PlanContextLoader
from respot.recovery.planning.wait_limit import WaitDecision, gives_up, patience, simulate_stop
from respot.recovery.planning.waiting import StopIntent, is_waiting, may_withdraw, waiting_since
from respot.recovery.ports import Clone, KillSwitch, Note, RecoverableJobs, RunStore
from respot.recovery.trial import decide_on_trial


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitTimeout:
    """Looks at a job that has not ended, and stops it if it is to wait no longer."""

    jobs: RecoverableJobs
    runs: RunStore
    contexts: PlanContextLoader
    kill_switch: KillSwitch
    clone: Clone
    clock: Clock
    note: Note

    def enforce(self, known: JobState) -> None:
        """Stop the live job if that is called for; `known` is what the ledger has of it.

        What speaks against it is noted in the log alone: a job that waits is looked at again and again.

        Raises:
            LedgerUnavailableError: DynamoDB did not answer; repeat.
            UpstreamUnavailableError: SageMaker, S3 or the policy's parameter did not answer; nothing is concluded,
                repeat.
            PolicyInvalidError: nothing may be decided; repeat.
            StopFailedError: SageMaker did not take the stop; repeat.
        """
        job = known.job
        seen = self._look(job)
        if seen is None:
            return
        tags = self.jobs.tags(job.region, known.arn)
        if tags is None:
            return
        live = replace(
            seen.state,
            job=job,
            tags=tags,
            parent=known.parent or seen.state.parent or find_parent(name=job.name, tags=tags),
        )
        verdict = self._judge(replace(seen, state=live))
        self.note(job, verdict.reason)
        since = waiting_since(seen.history)
        if not verdict.stop or since is None:
            return
        note = StopIntent(
            job=job,
            waiting_since=since,
            decided_at=self.clock(),
            reason=verdict.reason,
            inputs=verdict.inputs,
        )
        self._stop(note, before=self.runs.record_stop_intent(note))

    def _look(self, job: JobId) -> JobSnapshot | None:
        """What SageMaker says of the job; `None` if it is gone, or another one has its name."""
        seen = self.jobs.describe(job.region, job.name)
        return seen if seen and is_same_job(seen.state.job, job) else None

    def _judge(self, seen: JobSnapshot) -> WaitDecision:
        live, now = seen.state, self.clock()
        if reason := patience(live, seen.history, self.contexts.resolve(live), now=now):
            return WaitDecision(stop=False, reason=reason)  # S3 need not be asked
        now = self.clock()
        tried = simulate_stop(live, seen.history, now=now)
        record = JobRecord(state=tried.state, transitions=tried.transitions)
        context = self.contexts.load(record, tried.state, live.tags, now=now, stop_intent=tried.stop_intent)
        verdict, _ = decide_on_trial(
            context,
            lambda context: gives_up(live, seen.history, context, now=now),
            describe=lambda: self._description(live.job),
            clone=self.clone,
        )
        return verdict

    def _description(self, job: JobId) -> JobDescription | None:
        seen = self.jobs.description(job.region, job.name)
        return seen if seen and is_same_job(seen.job, job) else None

    def _stop(self, note: StopIntent, *, before: StopIntent | None) -> None:
        """Stop the job, unless its waiting has come to an end, or the kill switch was turned on, in the meantime.

        A note that no stop of Respot's can have followed is withdrawn: the next stop is somebody else's.
        """
        try:
            kill_switch, seen = self.kill_switch.why_on(), self._look(note.job)
        except UpstreamUnavailableError:
            self._withdraw(note, before, "could not be looked at once more: it is not stopped yet")
            raise
        if kill_switch:
            self._withdraw(note, before, f"{kill_switch}: it is not stopped")
        elif seen is None or not self._waits(seen.state) or waiting_since(seen.history) != note.waiting_since:
            self._withdraw(note, before, "waits no longer: it is not stopped")
        elif not self.jobs.stop(note.job.region, note.job.name):
            self._withdraw(note, before, "has ended by itself")

    def _waits(self, state: JobState) -> bool:
        return is_waiting(state, now=self.clock())

    def _withdraw(self, note: StopIntent, before: StopIntent | None, why: str) -> None:
        self.note(note.job, why)
        if may_withdraw(note, before):
            self.runs.withdraw_stop_intent(note, why)
