"""Reads an account's training jobs from SageMaker: list, then describe each job, paced, and never twice."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from botocore.exceptions import BotoCoreError

from respot.aws.error_codes import Answer, answer_of
from respot.aws.sagemaker.training_jobs import snapshot_of
from respot.errors import StaleTokenError, UpstreamRefusedError, UpstreamUnavailableError
from respot.jobs.description import JobDescription
from respot.jobs.formatting import clause, in_words
from respot.jobs.job import JobRecord
from respot.jobs.listing import Summary
from respot.jobs.merge import reconcile
from respot.jobs.ports import JobLists
from respot_cli.deployment import advice
from respot_cli.scan.kept_jobs import KeptJobs
from respot_cli.scan.pace import Pace, words_of

NEEDS: Final = "respot scan --permissions prints what a scan needs"
_REPORT_EVERY: Final = 100
"""Jobs that are described between two notes of progress."""
_MOST_FAILED: Final = 3
"""Calls of DescribeTrainingJob that failed, if fewer were answered, after which a region is left: a permission is
missing, or something other than SageMaker answers."""


class Described(Protocol):
    """The part of the port `RecoverableJobs` that describes."""

    def description(self, region: str, name: str) -> JobDescription | None:
        """See `RecoverableJobs.description`."""


@dataclass(slots=True, kw_only=True)
class RegionJobs:
    """What a scan has found in a region.

    Attributes:
        region: the region.
        account: the account's twelve digits; empty if no job says so.
        jobs: the jobs, as SageMaker describes them.
        listed: how many jobs were created in the period.
        kept: how many of them were known from an earlier scan.
        gone: how many were deleted between the list and their description.
        unread: jobs that could not be read, with the reason.
        why_not: why the region could not be read, or not as a whole.
    """

    region: str
    account: str = ""
    jobs: list[JobRecord] = field(default_factory=list)
    listed: int = 0
    kept: int = 0
    gone: int = 0
    unread: dict[str, str] = field(default_factory=dict)
    why_not: str | None = None


@dataclass(slots=True, kw_only=True)
class AccountReader:
    """Reads training jobs.

    Attributes:
        lists: SageMaker's lists; a call is never repeated below.
        described: SageMaker's descriptions; as `lists`.
        list_pace: spaces the calls of ListTrainingJobs.
        describe_pace: spaces those of DescribeTrainingJob.
        folder: where descriptions are kept; `None` keeps nothing.
        clock: the clock.
        report: takes progress, for the person at the terminal.
    """

    lists: JobLists
    described: Described
    list_pace: Pace
    describe_pace: Pace
    folder: Path | None
    clock: Callable[[], datetime]
    report: Callable[[str], None]

    def read(self, region: str, *, since: datetime) -> RegionJobs:
        """The jobs of a region that were created since then; what could not be read is in it, with the reason."""
        found = RegionJobs(region=region)
        try:
            listed = self._listed(found, since)
        except UpstreamUnavailableError as error:
            found.why_not = _why(error, region)
            return found
        found.listed = len(listed)
        arn = next((each.arn for each in listed if each.arn), "")
        found.account = _account_of(arn)
        self._describe(found, listed)
        return found

    def _listed(self, found: RegionJobs, since: datetime) -> list[Summary]:
        try:
            return list(self._list(found, since))
        except StaleTokenError:
            self.report(f"{found.region}: SageMaker has forgotten its place in the list: listing again")
            found.unread.clear()
        # Once: what makes SageMaker refuse a token may make it refuse each one.
        return list(self._list(found, since))

    def _list(self, found: RegionJobs, since: datetime) -> Iterator[Summary]:
        """The newest creation first; the list ends with the first page that has a job from before."""
        seen: set[tuple[str, datetime]] = set()
        token: str | None = None
        while True:
            page = self.list_pace.call(
                lambda token=token: self.lists.page(found.region, token),  # type: ignore[misc]
                lambda words: self.report(_in(found.region, words)),
            )
            for odd in page.unreadable:
                found.unread[odd.job.name if odd.job else f"{found.region}, unnamed {len(found.unread) + 1}"] = odd.why
            for summary in page.summaries:
                # While the list is read, a new job moves another to the next page.
                key = (summary.job.name, summary.job.created)
                if summary.job.created >= since and key not in seen:
                    seen.add(key)
                    yield summary
            oldest = min((each.job.created for each in page.summaries), default=None)
            token = page.token
            if not token or (oldest and oldest < since):
                return
            self.report(f"{found.region}: {len(seen):,} jobs listed")

    def _describe(self, found: RegionJobs, listed: list[Summary]) -> None:
        kept = KeptJobs(folder=self.folder, account=found.account, region=found.region)
        known = [(summary, kept.find(summary.job)) for summary in listed]
        open_ = sum(description is None for _, description in known)
        if open_ >= _REPORT_EVERY:
            takes = in_words(open_ * max(self.describe_pace.every, timedelta()))
            again = f", {len(listed) - open_:,} are known from before" if open_ < len(listed) else ""
            self.report(f"{found.region}: {open_:,} jobs to describe, in about {takes}{again}; Ctrl-C loses nothing")
        asked = failed = 0
        for summary, description in known:
            if description is not None:
                found.kept += 1
                self._add(found, description)
                continue
            name = summary.job.name
            try:
                answer = self.describe_pace.call(
                    lambda name=name: self.described.description(found.region, name),  # type: ignore[misc]
                    lambda words: self.report(_in(found.region, words)),
                )
            except UpstreamUnavailableError as error:
                found.unread[name] = clause(str(error))
                failed += 1
                if not _is_of_the_job(error) or (failed >= _MOST_FAILED and failed > asked):
                    found.why_not = _why(error, found.region)
                    return
                continue
            asked += 1
            if answer is None:
                found.gone += 1
            else:
                kept.keep(answer, now=self.clock())
                self._add(found, answer)
            if asked % _REPORT_EVERY == 0 and asked < open_:
                self.report(f"{found.region}: {asked:,} of {open_:,} jobs described")

    def _add(self, found: RegionJobs, description: JobDescription) -> None:
        try:
            change = reconcile(JobRecord(), snapshot_of(description))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            found.unread[description.job.name] = f"its description makes no sense: {error!r}"
            return
        found.jobs.append(JobRecord(state=change.state, version=1, transitions=change.transitions))


def _is_of_the_job(error: UpstreamUnavailableError) -> bool:
    """Whether the next job may be described although this one was not: neither the network nor the caller is why."""
    cause = error.__cause__
    return not isinstance(cause, BotoCoreError) and answer_of(cause or error) not in {Answer.THROTTLED, Answer.SESSION}


def _in(region: str, words: str) -> str:
    return words if words.startswith(region) else f"{region}: {words}"


def _why(error: UpstreamUnavailableError, region: str) -> str:
    words = words_of(error).removeprefix(f"{region}: ")
    needs = f"; {NEEDS}" if isinstance(error, UpstreamRefusedError) else ""
    return f"{words}; {advice(error.__cause__)}{needs}"


def _account_of(arn: str) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 4 and parts[4].isdigit() else ""
