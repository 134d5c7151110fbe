"""Reads the logs of a run's attempts, once or until the run has ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from respot.errors import LedgerUnavailableError
from respot.jobs.formatting import clause, in_words, readable
from respot.jobs.job import JobState
from respot.jobs.lifecycle import is_terminal
from respot.runs.run_state import RunAttempt, situation_of
from respot_cli.found_runs import EVERY
from respot_cli.logs.attempt_log import LATE, AttemptLog, in_order
from respot_cli.logs.lines import LogLine
from respot_cli.transient import may_pass

QUIET: Final = timedelta(seconds=10)
"""After the end, without a new line: then the log is complete. SageMaker's SDK waits as long (`logs_for_job`)."""
GIVES_UP_AFTER: Final = timedelta(minutes=10)
"""In which no reading succeeded."""


@dataclass(slots=True, kw_only=True)
class Reading:
    """The logs of a run's attempts as one stream.

    Attributes:
        load: gives the run's attempts now; none if the ledger does not know the run any more.
        open_log: opens the log of a job, which is that attempt of the run.
        write: takes a line, and the state of its job.
        report: takes a message for the person at the terminal.
        attempt: read only this one.
        lines: how many were written.
    """

    load: Callable[[], tuple[RunAttempt, ...]]
    open_log: Callable[[JobState, int], AttemptLog]
    write: Callable[[LogLine, JobState], None]
    report: Callable[[str], None]
    attempt: int | None = None
    lines: int = 0
    _logs: dict[int, AttemptLog] = field(default_factory=dict)
    _complete: set[int] = field(default_factory=set)
    _seen_live: set[int] = field(default_factory=set)
    _ends: dict[int, datetime] = field(default_factory=dict)
    _last_line: datetime | None = None

    def once(self, *, now: datetime) -> tuple[RunAttempt, ...]:
        """Write what there is; gives the run's attempts.

        Raises:
            ClientError, BotoCoreError, LedgerUnavailableError: AWS did not answer.
        """
        attempts = self.load()
        if attempts:
            self._read(self.chosen(attempts), now)
        return attempts

    def follow(self, *, now: Callable[[], datetime], sleep: Callable[[float], None]) -> tuple[RunAttempt, ...]:
        """Write what there is and what comes, until the run has ended and its log is complete.

        Raises:
            ClientError, BotoCoreError, LedgerUnavailableError: AWS refuses, or did not answer for ten minutes.
        """
        said, failing_since = "", None
        while True:
            began = now()
            try:
                attempts = self.load()
                if not attempts:
                    return attempts
                situation = situation_of(attempts)
                if situation.reason != said:
                    said = situation.reason
                    self.report(f"{readable(began)}: {situation.state}: {said}")
                self._read(self.chosen(attempts), began)
            except (LedgerUnavailableError, ClientError, BotoCoreError) as error:
                failing_since = failing_since or began
                if not may_pass(error) or began - failing_since >= GIVES_UP_AFTER:
                    raise
                if failing_since == began:
                    self.report(f"respot: {clause(str(error))}; trying again every {in_words(EVERY)}")
            else:
                failing_since = None
                if self._is_complete(attempts, began):
                    return attempts
            sleep(EVERY.total_seconds())

    def chosen(self, attempts: Sequence[RunAttempt]) -> Sequence[RunAttempt]:
        """Those of the attempts that are read."""
        return [each for each in attempts if self.attempt in {None, each.number}]

    def _read(self, attempts: Sequence[RunAttempt], now: datetime) -> None:
        states = {each.number: each.state for each in attempts if each.state}
        for number in states.keys() - self._logs.keys():
            self._logs[number] = self.open_log(states[number], number)
        for line in in_order([self._logs[number] for number in states if number not in self._complete], now=now):
            self.write(line, states[line.attempt])
            self.lines += 1
            self._last_line = now
        ends = {number: self._end_of(number, state, now) for number, state in states.items()}
        self._complete |= {number for number, end in ends.items() if end and now - end >= LATE}

    def _is_complete(self, attempts: Sequence[RunAttempt], now: datetime) -> bool:
        """Whether nothing more is to be expected after what was read at that time."""
        last = next(reversed(self.chosen(attempts)), None)
        state = last.state if last else None
        over = state is not None and is_terminal(state.status) and self.attempt is not None
        if not over and not situation_of(attempts).has_ended:
            return False
        end = self._end_of(last.number, state, now) if last and state else None
        if end is None:
            return True
        return now - end >= LATE or now - max(end, self._last_line or end) >= QUIET

    def _end_of(self, number: int, state: JobState, now: datetime) -> datetime | None:
        """When an attempt ended: by the clock of this computer if it was seen before that, else by SageMaker's."""
        if not is_terminal(state.status):
            self._seen_live.add(number)
            return None
        return self._ends.setdefault(number, now if number in self._seen_live else state.last_modified)
