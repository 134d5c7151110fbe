"""The rows of the list: a run's stored summary, with what the present policy and its last job add."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from respot.jobs.formatting import iso
from respot.jobs.job import JobId, JobState
from respot.recovery.planning.left_alone import why_left_alone
from respot.recovery.planning.run import first_job
from respot.recovery.policy.policy import AccountPolicy, resolve
from respot.runs.run_state import RunState
from respot.runs.summary import RunSummary
from respot_cli.show.next_step import Step, planned_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A run in the list.

    Attributes:
        summary: its summary.
        most_attempts: how many attempts it may have; `None` if nobody asked to resume it, or that is not known.
        deadline: when it is to be done; `None` if nobody said.
        next_step: what happens next; `None` if nothing is planned.
    """

    summary: RunSummary
    most_attempts: int | None = None
    deadline: datetime | None = None
    next_step: Step | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which runs are listed.

    Attributes:
        states: only these; all if there are none.
        tags: only runs whose last job has these tags.
        region: only this one.
        owned: whether jobs that another service owns are listed, too.
    """

    states: frozenset[RunState] = frozenset()
    tags: Mapping[str, str] | None = None
    region: str | None = None
    owned: bool = True

    def passes(self, summary: RunSummary) -> bool:
        """Whether the run is listed."""
        return (
            (not self.states or summary.state in self.states)
            and all(summary.tags.get(key) == value for key, value in (self.tags or {}).items())
            and self.region in {None, summary.job.region}
            and (self.owned or summary.parent is None)
        )


def listed(
    pages: Iterable[Sequence[RunSummary]],
    chosen: Filter,
    *,
    limit: int,
    on_page: Callable[[int], None] = lambda _: None,
) -> tuple[tuple[RunSummary, ...], bool]:
    """The first runs that pass, and whether there may be more; no page is read that is not needed for them.

    `on_page` gets the number of runs read so far.
    """
    found: list[RunSummary] = []
    seen: set[str] = set()
    for read, page in _counted(pages):
        on_page(read)
        # A run that ends while pages are read is in two of them.
        passing = [summary for summary in page if chosen.passes(summary) and summary.run not in seen]
        seen.update(summary.run for summary in passing)
        if len(found) + len(passing) > limit:
            return (*found, *passing[: limit - len(found)]), True
        found += passing
    return tuple(found), False


def _counted(pages: Iterable[Sequence[RunSummary]]) -> Iterator[tuple[int, Sequence[RunSummary]]]:
    read = 0
    for page in pages:
        read += len(page)
        yield read, page


def rows_of(
    summaries: Sequence[RunSummary], states: Mapping[JobId, JobState | None], account: AccountPolicy | None
) -> tuple[Row, ...]:
    """The rows, with what the policy says of the runs' last jobs; without a policy, or a job's state, without that."""
    return tuple(_row(summary, states.get(summary.job), account) for summary in summaries)


def _row(summary: RunSummary, state: JobState | None, account: AccountPolicy | None) -> Row:
    resolved = resolve(account, state, role=state.role_arn) if account and state else None
    step = planned_step(summary, state, resolved)
    if state is None or resolved is None or why_left_alone(state, resolved):
        return Row(summary=summary, next_step=step)
    policy = resolved.policy
    return Row(
        summary=summary,
        most_attempts=policy.max_attempts,
        deadline=summary.began + policy.deadline if isinstance(policy.deadline, timedelta) else policy.deadline,
        next_step=step,
    )


def to_document(row: Row) -> dict[str, Any]:
    """A row as JSON: times are ISO 8601 UTC; what is not known is null."""
    summary, step = row.summary, row.next_step
    return {
        "run": summary.run,
        "region": summary.job.region,
        "name": first_job(summary.run).name,
        "began": iso(summary.began),
        "state": summary.state,
        "reason": summary.reason,
        "since": iso(summary.since),
        "attempt": summary.number,
        "most_attempts": row.most_attempts,
        "job": summary.job.name,
        "market": summary.market,
        "instance_type": summary.instance_type,
        "next_step": step and step.words,
        "next_at": step and step.at and iso(step.at),
        "deadline": row.deadline and iso(row.deadline),
        "end_id": summary.end_id,
        "owner": summary.parent and {"owner": summary.parent.owner, "identifier": summary.parent.identifier},
        "tags": dict(summary.tags),
    }
