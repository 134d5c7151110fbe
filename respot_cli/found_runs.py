"""Finds the run that a person names on the command line."""

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from botocore.config import Config

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.errors import LedgerUnavailableError, UpstreamUnavailableError
from respot.jobs.formatting import clause, iso
from respot.jobs.job import JobId
from respot.jobs.merge import same_creation
from respot.runs.load import attempts_of
from respot.runs.run_state import RunAttempt, situation_of
from respot_cli import deployment, output
from respot_cli.deployment import Deployment, OnUnreadable, asking_aws
from respot_cli.errors import CommandError, ExitCode
from respot_cli.job_reference import JobReference, exact_reference, run_reference
from respot_cli.transient import may_pass

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_Answer = TypeVar("_Answer")

APPEARS_WITHIN: Final = timedelta(minutes=10)
"""In which the ledger learns of a job that was just created: at once by its event, else by the next sweep."""


EVERY: Final = timedelta(seconds=5)
"""Between two readings of the ledger."""

_ONE_CALL: Final = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
"""For a question whose answer is not needed: it delays nothing by more than half a minute."""
_AT_ONCE: Final = 8
"""Regions that are asked at the same time."""


class UnknownJobError(CommandError):
    """The ledger has no such job; it may have been created just now."""

    def __init__(self, message: str) -> None:
        """`message` is for a person's eyes."""
        super().__init__(message, ExitCode.NOT_FOUND)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRun:
    """The job that names a run, in its deployment.

    Attributes:
        deployment: the deployment.
        ledger: its ledger.
        runs: the ledger's part on recovery.
        job: the named job: the newest of that name, unless a run's id says which.
        reference: what a next command may name it by: its name, if that alone has found it in all watched regions.
    """

    deployment: Deployment
    ledger: DynamoDbLedger
    runs: DynamoDbRunStore
    job: JobId
    reference: str

    def attempts(self) -> tuple[RunAttempt, ...]:
        """The run's attempts now, in order; none if the job has expired from the ledger."""
        state = self.ledger.load(self.job).state
        return attempts_of(self.ledger, self.runs, state) if state else ()


def add_options(parser: argparse.ArgumentParser) -> None:
    """The argument and the options by which a command names a run."""
    parser.add_argument(
        "run_or_job", metavar="RUN|JOB", type=run_reference, help="the id of a run, or any of its jobs: name or ARN"
    )
    parser.add_argument("--region", help="region of the job (default: that of the ARN, or the one that has the job)")
    output.add_options(parser)
    deployment.add_options(parser)


def add_creation_option(parser: argparse.ArgumentParser) -> None:
    """The option that says which job is meant, if the name was used before."""
    parser.add_argument(
        "--created-since",
        type=_moment,
        metavar="TIME",
        help="only a job that was created then or later, as an ISO 8601 time; without it, "
        "a command that waits asks SageMaker once which job has the name now",
    )


def find_run(arguments: argparse.Namespace, on_unreadable: OnUnreadable | None = None) -> NamedRun:
    """The run that the arguments name.

    Raises:
        UnknownJobError: the ledger has no such job.
        CommandError: several regions have one, or AWS could not be asked.
        LedgerUnavailableError: the ledger did not answer.
    """
    return _finder(arguments, on_unreadable)(arguments.run_or_job)


def _finder(arguments: argparse.Namespace, on_unreadable: OnUnreadable | None) -> Callable[[JobReference], NamedRun]:
    """What finds a run as often as it is called, by the ledger alone: the deployment is found once."""
    agreed_region(arguments.run_or_job, arguments.region)  # wrong usage needs no AWS
    found = deployment.find(arguments)
    check_account(arguments.run_or_job, found)
    ledger, runs = found.ledger(on_unreadable), found.runs(on_unreadable)
    since: datetime | None = getattr(arguments, "created_since", None)  # not every command has the option

    def find(named: JobReference) -> NamedRun:
        region = agreed_region(named, arguments.region)
        job = _newest(ledger, named, [region] if region else found.regions, since)
        alone = not (region or named.created or since)  # the name found it in all watched regions
        return NamedRun(
            deployment=found,
            ledger=ledger,
            runs=runs,
            job=job,
            reference=named.name if alone else exact_reference(job),
        )

    return find


def _newest(ledger: DynamoDbLedger, named: JobReference, regions: Sequence[str], since: datetime | None) -> JobId:
    jobs = [job for each in regions for job in ledger.find(each, named.name)]
    if named.created:
        jobs = [job for job in jobs if same_creation(job.created, named.created)]
    if since:
        jobs = [job for job in jobs if job.created >= since]
    having = list(dict.fromkeys(job.region for job in jobs))
    if len(having) > 1:
        raise _several(named.name, having)
    if not jobs:
        when = f" created {iso(named.created)}" if named.created else ""
        when = f" created since {iso(since)}" if since else when
        message = f"the ledger has no job {named.name}{when} in {' or '.join(regions)}: {named.advice}"
        raise UnknownJobError(message)
    return jobs[0]


def appearing_run(
    arguments: argparse.Namespace,
    on_unreadable: OnUnreadable | None = None,
    *,
    within: timedelta = APPEARS_WITHIN,
) -> NamedRun:
    """The run that the arguments name, also if its job was created just now and the ledger does not know it yet.

    A name is free again once its job is deleted, and the ledger may know only the job that had it before.
    Therefore SageMaker is asked once which job has it now, unless the arguments say which. If the known run has ended,
    each watched region is asked: the job that is meant may have been created just now in another one.

    Raises:
        UnknownJobError: the ledger does not know it after that time.
        CommandError: see `find_run`; another region's job of that name is newer.
        LedgerUnavailableError: the ledger refused, or did not answer in that time.
    """
    until, reference = time.monotonic() + within.total_seconds(), arguments.run_or_job
    find = _finder(arguments, on_unreadable)
    named = _in_time(partial(find, reference), until)
    if not reference.created and not arguments.created_since:
        own = named.job.region
        attempts = _in_time(named.attempts, until)
        everywhere = not agreed_region(reference, arguments.region) and attempts and situation_of(attempts).has_ended
        created_now = _created_now(named, named.deployment.regions if everywhere else [own])
        newer = {region: created for region, created in created_now.items() if created > named.job.created}
        if newer.keys() - {own}:
            raise _several(reference.name, [own, *(region for region in newer if region != own)])
        if newer and not same_creation(newer[own], named.job.created):
            named = _in_time(partial(find, replace(reference, region=own, created=newer[own])), until)
    job = named.job
    output.say(f"respot: following {job.name} in {job.region}, created {iso(job.created)}")
    return named


def _in_time(ask: Callable[[], _Answer], until: float) -> _Answer:
    """The ledger's answer: it may not know the job yet, or not answer for a while."""
    said = ""
    while True:
        try:
            return ask()
        except (UnknownJobError, LedgerUnavailableError) as error:
            if time.monotonic() >= until or not may_pass(error):
                raise
            then = "waiting for it" if isinstance(error, UnknownJobError) else "trying again"
            news = f"respot: {clause(str(error))}; {then}"
        if news != said:
            output.say(news)
            said = news
        time.sleep(min(EVERY.total_seconds(), max(until - time.monotonic(), 0)))


def _created_now(named: NamedRun, regions: Sequence[str]) -> dict[str, datetime]:
    """When SageMaker's jobs of that name were created, by region; a region that could not be asked has none."""
    name, session = named.job.name, named.deployment.session
    asked: dict[str, SageMakerClient] = {}
    unsure: list[Exception] = []
    for region in regions:  # a session is for one thread alone
        try:
            with asking_aws():
                asked[region] = session.client("sagemaker", region_name=region, config=_ONE_CALL)
        except CommandError as error:
            unsure.append(error)
    jobs = SageMakerTrainingJobs(asked.__getitem__)

    def created(region: str) -> datetime | None:
        try:
            described = jobs.description(region, name)
        except UpstreamUnavailableError as error:
            unsure.append(error)
            return None
        return described.job.created if described else None

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = dict(zip(asked, pool.map(created, asked), strict=True))
    for why in unsure:
        words = "SageMaker could not be asked which job has this name now, and the ledger's newest is taken"
        output.say(f"respot: {words}: {clause(str(why))}; --created-since TIME says which")
    return {region: moment for region, moment in found.items() if moment}


def _several(name: str, regions: Sequence[str]) -> CommandError:
    return CommandError(f"there are jobs {name} in {' and '.join(regions)}: choose with --region", ExitCode.USAGE)


def agreed_region(job: JobReference, option: str | None) -> str | None:
    """The region that the ARN, the run's id or the option names; `None` if none does.

    Raises:
        CommandError: they contradict each other.
    """
    if job.region and option and job.region != option:
        message = f"the ARN of {job.name} is in {job.region}, but --region says {option}: leave out --region"
        raise CommandError(message, ExitCode.USAGE)
    return job.region or option


def check_account(job: JobReference, found: Deployment) -> None:
    """See that the job is of the deployment's account.

    Raises:
        CommandError: its ARN names another.
    """
    if job.account and job.account != found.account:
        message = (
            f"{job.name} belongs to the account {job.account}, and this deployment watches {found.account}: "
            "choose that account's credentials, for example with --profile"
        )
        raise CommandError(message, ExitCode.NOT_FOUND)


def _moment(words: str) -> datetime:
    """The second of that moment, in UTC: an event may round the time of creation down to it."""
    try:
        moment = datetime.fromisoformat(words)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError) as error:
        message = f"{words!r} is no ISO 8601 time, like 2026-11-28T22:33:00Z"
        raise argparse.ArgumentTypeError(message) from error
