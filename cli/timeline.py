"""`respot timeline`: a job's history from the ledger."""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console

from cli import deployment
from cli.errors import CommandError, ExitCode
from cli.history import History, RunAttempt, to_document
from cli.timeline_view import render
from respot.domain.durations import iso
from respot.domain.job import JobFacts, JobId
from respot.errors import LedgerUnavailableError
from respot.ports import Ledger, Runs
from respot.run_place import place_in_run


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "timeline",
        help="show a job's history: its stays with their durations, its alerts, what spot saved",
        description="Show a training job's history from the ledger.",
    )
    parser.add_argument("job", metavar="JOB", help="TrainingJobName")
    parser.add_argument("--region", help="region the job runs in (default: the watched region that has it)")
    parser.add_argument("--created", help="creation time, to choose among jobs that had the same name (ISO 8601)")
    parser.add_argument("--json", action="store_true", help="print JSON (default when output is no terminal)")
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the job's timeline."""
    found = deployment.find(arguments)
    try:
        ledger = found.ledger()
        history = load(
            ledger,
            found.runs(),
            region=arguments.region or region_of(ledger, found.regions, arguments.job),
            name=arguments.job,
            created=arguments.created,
        )
    except LedgerUnavailableError as error:
        raise CommandError(str(error), ExitCode.AWS_UNAVAILABLE) from error
    if arguments.json or not sys.stdout.isatty():
        print(json.dumps(to_document(history), indent=2))  # noqa: T201 - stdout is for data
    else:
        Console(highlight=False).print(render(history, now=datetime.now(UTC)))
    return ExitCode.DONE


def region_of(ledger: Ledger, regions: Sequence[str], name: str) -> str:
    """The one region of these in which there are jobs of that name.

    Raises:
        CommandError: there are in none, or in several.
    """
    having = [region for region in regions if ledger.find(region, name)]
    if len(having) > 1:
        message = f"there are jobs {name} in {' and '.join(having)}: choose with --region"
        raise CommandError(message)
    if not having:
        message = f"the ledger has no job {name} in {' or '.join(regions)} (is --hub-region right?)"
        raise CommandError(message, ExitCode.NOT_FOUND)
    return having[0]


def load(ledger: Ledger, runs: Runs, *, region: str, name: str, created: str | None = None) -> History:
    """The history of the newest job of that name, or of the one created at that time.

    Raises:
        CommandError: the ledger has none.
    """
    jobs = ledger.find(region, name)
    job = _choose(jobs, created)
    if job is None:
        known = f"; it has jobs of that name created {', '.join(iso(job.created) for job in jobs)}" if jobs else ""
        message = f"the ledger has no job {name} in {region}{known or ' (is --region right?)'}"
        raise CommandError(message, ExitCode.NOT_FOUND)
    record = ledger.load(job)
    if record.facts is None:
        message = f"the ledger's items of {job} have just expired"
        raise CommandError(message, ExitCode.NOT_FOUND)
    return History(
        facts=record.facts,
        transitions=record.transitions,
        alerts=ledger.alerts(job),
        others=tuple(other for other in jobs if other != job),
        giving_up=runs.giving_up(job),
        run=_run(ledger, runs, record.facts),
    )


def _run(ledger: Ledger, runs: Runs, facts: JobFacts) -> tuple[RunAttempt, ...]:
    """All attempts of the job's run: its decision tells the run, or the ledger confirms what its tags say."""
    decided = runs.decision(facts.job)
    run, _ = (decided.run, decided.number) if decided else place_in_run(runs, facts)
    planned = runs.attempts(run)
    known = [attempt.parent for attempt in planned] or [facts.job]
    if planned and (last := next(iter(ledger.find(planned[-1].region, planned[-1].name)), None)):
        known.append(last)
    rows = [_attempt(ledger, runs, number, job) for number, job in enumerate(known, start=1)]
    if planned and len(known) == len(planned):
        rows.append(
            RunAttempt(number=planned[-1].number, facts=None, name=planned[-1].name, decision=None, outcome=None)
        )
    return tuple(rows)


def _attempt(ledger: Ledger, runs: Runs, number: int, job: JobId) -> RunAttempt:
    return RunAttempt(
        number=number,
        facts=ledger.load(job).facts,
        name=job.name,
        decision=runs.decision(job),
        outcome=runs.outcome(job),
    )


def _choose(jobs: tuple[JobId, ...], created: str | None) -> JobId | None:
    if created is None:
        return jobs[0] if jobs else None
    try:
        moment = datetime.fromisoformat(created)
    except ValueError as error:
        message = f"--created must be an ISO 8601 time like 2026-09-16T09:00:00Z, not {created!r}"
        raise CommandError(message) from error
    wanted = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return next((job for job in jobs if abs((job.created - wanted).total_seconds()) < 1), None)
