"""Asks SageMaker for live jobs that the ledger does not know, before a job is created beside them.

The ledger learns of a job by events, which may be lost or late. SageMaker's own list shows the job then.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from respot.errors import UnreadableItemError, UpstreamRefusedError, UpstreamUnavailableError
from respot.jobs.formatting import readable
from respot.jobs.job import JobId, JobState
from respot.jobs.lifecycle import is_terminal
from respot.jobs.listing import LONGEST_LIFE, Page
from respot.jobs.merge import is_same_job
from respot.jobs.ports import Clock, JobLists, JobStore, TrainingJobs
from respot.recovery.checkpoints.location import may_collide
from respot.recovery.planning.run import Run
from respot.recovery.ports import RunStore

ENOUGH: Final = 3
"""Concurrent writers that are named: one is enough to refuse, and a burst may have hundreds on one prefix."""
MOST_DESCRIBED: Final = 20
"""Possible writers that one decision describes: the account shares SageMaker's calls, and a step has a minute."""
PACE: Final = timedelta(seconds=3)
"""Between two calls of ListTrainingJobs by one copy of `recover`, of which there are two.

Both make two calls in three seconds, the sweep makes one a second, and an account may make two: its users keep a third.
"""
MOST_PAGES: Final = 10
"""Of 100 jobs each; a call without an answer counts as one. At this pace they take half a minute, which a step has
beside its listing of S3."""
MOST_UNANSWERED: Final = 2
"""Calls without an answer, beyond which there is no listing. boto3 does not repeat these calls: they are paced."""


@dataclass(slots=True, kw_only=True)
class UnknownWriters:
    """Finds live jobs at a checkpoint location by SageMaker's list instead of the ledger.

    One listing of a region serves all jobs of an invocation.

    Attributes:
        pause: waits that many seconds.
    """

    lists: JobLists
    jobs: TrainingJobs
    ledger: JobStore
    runs: RunStore
    clock: Clock
    pause: Callable[[float], None]
    _last_call: datetime | None = field(default=None, init=False)
    _live: dict[str, list[JobId]] = field(default_factory=dict, init=False)
    _unanswered: dict[str, str] = field(default_factory=dict, init=False)
    _locations: dict[JobId, str | None] = field(default_factory=dict, init=False)
    _recorded: set[JobId] = field(default_factory=set, init=False)

    def begin(self) -> None:
        """A new invocation: forget what SageMaker listed for an earlier one."""
        self._live.clear()
        self._unanswered.clear()
        self._locations.clear()
        self._recorded.clear()

    def created(self, job: JobId, checkpoint_uri: str | None) -> None:
        """A job that Respot has created after the listing, and that the ledger does not know yet."""
        if job.region in self._live:
            self._live[job.region].insert(0, job)
            self._locations[job] = checkpoint_uri

    def find(self, run: Run) -> tuple[str, ...]:
        """Live jobs that write where this run's checkpoints are, some of them.

        The run's own next attempt may be among them: the creation checks its name before it concludes anything.

        Raises:
            UpstreamUnavailableError: SageMaker did not answer, or there are too many jobs to ask about; nothing may be
                created.
        """
        state = run.last.state
        region, own = state.job.region, [attempt.state.job for attempt in run.attempts]
        alive: list[str] = []
        described = 0
        for job in self._listed(region):
            if any(is_same_job(job, each) for each in own) or self._is_elsewhere(job, state.checkpoint_uri):
                continue
            if described == MOST_DESCRIBED:
                if alive:
                    break
                message = f"{state.job}: more than {described} jobs that the ledger does not know are alive"
                raise UpstreamUnavailableError(f"{message}; repeat later")
            described += 1
            if self._writes(job, state.checkpoint_uri):
                alive.append(job.name)
                if len(alive) == ENOUGH:
                    break
        return tuple(alive)

    def _is_elsewhere(self, job: JobId, checkpoint_uri: str | None) -> bool:
        """Whether the job is known to write to another location, or to none."""
        if job not in self._locations:
            state = self._known(job)
            # A job that the list shows alive and the ledger has as ended is not known: they contradict each other.
            if state is None or is_terminal(state.status) or not state.is_located:
                return False
            self._locations[job] = state.checkpoint_uri
        return not may_collide(self._locations[job], checkpoint_uri)

    def _known(self, job: JobId) -> JobState | None:
        """The job's state in the ledger; the list may round its creation differently than Describe does."""
        try:
            if state := self.ledger.load(job).state:
                return state
            same = next((each for each in self.ledger.find(job.region, job.name) if is_same_job(each, job)), None)
            return None if same is None else self.ledger.load(same).state
        except UnreadableItemError:  # SageMaker knows
            return None

    def _writes(self, job: JobId, checkpoint_uri: str | None) -> bool:
        """Whether the job of that name is alive and writes there, according to SageMaker now."""
        seen = self.jobs.describe(job.region, job.name)
        if seen is None and job in self._recorded:
            return False  # the ledger has missed its deletion
        if seen is None:
            message = f"{job}: SageMaker lists this job as alive and does not describe it; repeat later"
            raise UpstreamUnavailableError(message)
        if is_terminal(seen.state.status):
            self._live[job.region].remove(job)
            return False
        self._locations[job] = seen.state.checkpoint_uri
        return may_collide(seen.state.checkpoint_uri, checkpoint_uri)

    def _listed(self, region: str) -> tuple[JobId, ...]:
        """The region's live jobs that the ledger may not know, the newest first."""
        if region in self._unanswered:
            raise UpstreamUnavailableError(self._unanswered[region])
        if region not in self._live:
            try:
                self._live[region] = self._list(region)
            except UpstreamUnavailableError as error:
                self._unanswered[region] = str(error)
                raise
            known = self.runs.live(region)
            # One whose location cannot be read is described.
            self._locations.update((job, uri) for job, uri in known if uri is not None)
            # The bound of the list may have advanced since the decision read the ledger: what was recorded
            # in between is in neither.
            listed = {job.name for job in self._live[region]}
            between = [job for job, _ in known if job.name not in listed]
            self._recorded.update(between)
            self._live[region] += between
        return tuple(self._live[region])

    def _list(self, region: str) -> list[JobId]:
        # No filter for `InProgress` and `Stopping`: SageMaker applies one to a page that it has already taken, and two
        # lists would be twice as many calls.
        now = self.clock()
        recorded = self.ledger.recorded_until(region)
        # One in the future is no sweep's.
        oldest = now - LONGEST_LIFE if recorded is None or recorded > now else recorded
        live: list[JobId] = []
        token: str | None = None
        unanswered = 0
        for _ in range(MOST_PAGES):
            try:
                page = self._page(region, token)
            except UpstreamUnavailableError as error:
                unanswered += 1
                if unanswered > MOST_UNANSWERED or isinstance(error, UpstreamRefusedError):
                    raise
                continue
            live += (each.job for each in page.summaries if not is_terminal(each.status))
            live += self._perhaps_live(page)
            if page.token is None or any(each.job.created < oldest for each in page.summaries):
                return live
            token = page.token
        listed = f"{MOST_PAGES} pages of the list do not reach back to {readable(oldest)}"
        message = f"{region}: {listed}; nothing is created before a sweep finds the older jobs recorded"
        raise UpstreamUnavailableError(message)

    def _perhaps_live(self, page: Page) -> Iterator[JobId]:
        """Jobs whose summaries cannot be read: they are described. One without a name cannot be asked about."""
        for each in page.unreadable:
            if each.job is None:
                message = f"{each.why}; nothing is created while it may be a live job"
                raise UpstreamUnavailableError(message)
            yield each.job

    def _page(self, region: str, token: str | None) -> Page:
        if self._last_call is not None:
            elapsed = self.clock() - self._last_call
            if elapsed < PACE:
                self.pause((PACE - elapsed).total_seconds())
        self._last_call = self.clock()
        return self.lists.page(region, token)
