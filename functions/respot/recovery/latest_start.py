"""Has a waiting job checked again at its latest on-demand start: a second way beside the sweep."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from respot.errors import ScheduleUnavailableError
from respot.jobs.job import JobId
from respot.jobs.listing import LONGEST_LIFE
from respot.jobs.ports import Clock
from respot.recovery.ports import Schedules


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestStart:
    """Keeps one schedule for each waiting job with a deadline. A failure holds up nothing: sweeps check the job, too.

    Attributes:
        schedules: the schedules.
        clock: the clock.
        on_failure: logs and counts a failure.
    """

    schedules: Schedules
    clock: Clock
    on_failure: Callable[[JobId, ScheduleUnavailableError], None]

    def keep(self, job: JobId, at: datetime | None) -> None:
        """Have the job checked at that moment, if there is one to come in which the job may still live."""
        if at is None or not self.clock() < at < job.created + LONGEST_LIFE:
            return
        try:
            self.schedules.keep(job, at)
        except ScheduleUnavailableError as error:
            self.on_failure(job, error)

    def forget(self, job: JobId) -> None:
        """The job has ended."""
        try:
            self.schedules.forget(job)
        except ScheduleUnavailableError as error:
            self.on_failure(job, error)
