"""Finds the run that a person names on the command line."""

import argparse
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.jobs.formatting import iso
from respot.jobs.job import JobId
from respot.jobs.merge import same_creation
from respot.runs.load import attempts_of
from respot.runs.run_state import RunAttempt
from respot_cli import deployment, output
from respot_cli.deployment import Deployment, OnUnreadable
from respot_cli.errors import CommandError, ExitCode
from respot_cli.job_reference import JobReference, run_reference

APPEARS_WITHIN: Final = timedelta(minutes=10)
"""In which the ledger learns of a job that was just created: at once by its event, else by the next sweep."""


EVERY: Final = timedelta(seconds=5)
"""Between two readings of the ledger."""


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
    having = list(dict.fromkeys(job.region for job in jobs))
    if len(having) > 1:
        message = f"there are jobs {named.name} in {' and '.join(having)}: choose with --region"
        raise CommandError(message, ExitCode.USAGE)
    if not jobs:
        when = f" created {iso(named.created)}" if named.created else ""
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

    Raises:
        UnknownJobError: the ledger does not know it after that time.
        CommandError: see `find_run`.
        LedgerUnavailableError: the ledger did not answer.
    """
    until, said = time.monotonic() + within.total_seconds(), False
    while True:
        try:
            return find_run(arguments, on_unreadable)
        except UnknownJobError as error:
            if time.monotonic() >= until:
                raise
            if not said:
                output.say(f"respot: {error}; waiting for it")
                said = True
        time.sleep(min(EVERY.total_seconds(), max(until - time.monotonic(), 0)))


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
