"""Finds the run that a person names on the command line."""

import argparse
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from botocore.config import Config

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.errors import UpstreamUnavailableError
from respot.jobs.formatting import clause, iso
from respot.jobs.job import JobId
from respot.jobs.merge import same_creation
from respot.runs.load import attempts_of
from respot.runs.run_state import RunAttempt
from respot_cli import deployment, output
from respot_cli.deployment import Deployment, OnUnreadable, asking_aws
from respot_cli.errors import CommandError, ExitCode
from respot_cli.job_reference import JobReference, run_reference

APPEARS_WITHIN: Final = timedelta(minutes=10)
"""In which the ledger learns of a job that was just created: at once by its event, else by the next sweep."""


EVERY: Final = timedelta(seconds=5)
"""Between two readings of the ledger."""

_ONE_CALL: Final = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
"""For a question whose answer is not needed: it delays nothing by more than half a minute."""


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
    """

    deployment: Deployment
    ledger: DynamoDbLedger
    runs: DynamoDbRunStore
    job: JobId

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
    """The option of a command that waits for a job: which one, if the name was used before."""
    parser.add_argument(
        "--created-since",
        type=_moment,
        metavar="TIME",
        help="only a job that was created then or later, as an ISO 8601 time; without it, "
        "SageMaker is asked once which job has the name now",
    )


def find_run(arguments: argparse.Namespace, on_unreadable: OnUnreadable | None = None) -> NamedRun:
    """The run that the arguments name.

    Raises:
        UnknownJobError: the ledger has no such job.
        CommandError: several regions have one, or AWS could not be asked.
        LedgerUnavailableError: the ledger did not answer.
    """
    named: JobReference = arguments.run_or_job
    region = agreed_region(named, arguments.region)
    found = deployment.find(arguments)
    check_account(named, found)
    ledger = found.ledger(on_unreadable)
    regions = [region] if region else found.regions
    jobs = [job for each in regions for job in ledger.find(each, named.name)]
    if named.created:
        jobs = [job for job in jobs if same_creation(job.created, named.created)]
    if named.created_since:
        jobs = [job for job in jobs if job.created >= named.created_since]
    having = list(dict.fromkeys(job.region for job in jobs))
    if len(having) > 1:
        message = f"there are jobs {named.name} in {' and '.join(having)}: choose with --region"
        raise CommandError(message, ExitCode.USAGE)
    if not jobs:
        when = f" created {iso(named.created)}" if named.created else ""
        when = f" created since {iso(named.created_since)}" if named.created_since else when
        message = f"the ledger has no job {named.name}{when} in {' or '.join(regions)}: {named.advice}"
        raise UnknownJobError(message)
    return NamedRun(deployment=found, ledger=ledger, runs=found.runs(on_unreadable), job=jobs[0])


def appearing_run(
    arguments: argparse.Namespace,
    on_unreadable: OnUnreadable | None = None,
    *,
    within: timedelta = APPEARS_WITHIN,
) -> NamedRun:
    """The run that the arguments name, also if its job was created just now and the ledger does not know it yet.

    A name is free again once its job is deleted, and the ledger may know only the job that had it before.
    Therefore SageMaker is asked once which job has it now, unless the arguments say which.

    Raises:
        UnknownJobError: the ledger does not know it after that time.
        CommandError: see `find_run`.
        LedgerUnavailableError: the ledger did not answer.
    """
    until, reference = time.monotonic() + within.total_seconds(), arguments.run_or_job
    reference = replace(reference, created_since=arguments.created_since)
    named = _appearing(arguments, reference, on_unreadable, until)
    if not reference.created and not reference.created_since:
        created = _created_now(named)
        if created and created > named.job.created:  # or rounded differently: then it is the same job
            reference = replace(reference, region=named.job.region, created=created)
            named = _appearing(arguments, reference, on_unreadable, until)
    job = named.job
    output.say(f"respot: following {job.name} in {job.region}, created {iso(job.created)}")
    return named


def _appearing(
    arguments: argparse.Namespace, reference: JobReference, on_unreadable: OnUnreadable | None, until: float
) -> NamedRun:
    chosen, said = argparse.Namespace(**{**vars(arguments), "run_or_job": reference}), False
    while True:
        try:
            return find_run(chosen, on_unreadable)
        except UnknownJobError as error:
            if time.monotonic() >= until:
                raise
            if not said:
                output.say(f"respot: {error}; waiting for it")
                said = True
        time.sleep(min(EVERY.total_seconds(), max(until - time.monotonic(), 0)))


def _created_now(named: NamedRun) -> datetime | None:
    """When SageMaker's job of that name was created; `None` if it has none, or could not be asked."""
    job, session = named.job, named.deployment.session
    try:
        with asking_aws():
            client = session.client("sagemaker", region_name=job.region, config=_ONE_CALL)
        described = SageMakerTrainingJobs(lambda _: client).description(job.region, job.name)
    except (CommandError, UpstreamUnavailableError) as error:
        unsure = "SageMaker could not be asked which job has this name now, and the ledger's newest is taken"
        output.say(f"respot: {unsure}: {clause(str(error))}; --created-since TIME says which")
        return None
    return described.job.created if described else None


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
    try:
        moment = datetime.fromisoformat(words)
    except ValueError as error:
        message = f"{words!r} is no ISO 8601 time, like 2026-11-28T22:33:00Z"
        raise argparse.ArgumentTypeError(message) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
