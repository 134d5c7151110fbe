"""The command `respot show`: shows a job and its run, from the ledger."""

import argparse
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Group
from rich.text import Text

from respot.alerting.ports import Ledger
from respot.aws.dynamodb.keys import STATE_KEY, partition_of
from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.jobs.formatting import clause, iso
from respot.jobs.job import JobId, JobState, Transition
from respot.recovery.ports import RunStore
from respot.runs.load import attempts_of
from respot_cli import deployment, found_runs, next_commands, output
from respot_cli.errors import CommandError, ExitCode
from respot_cli.job_reference import JobReference, exact_reference
from respot_cli.show.history import History, to_document
from respot_cli.show.next_step import next_step_of
from respot_cli.show.view import commands, render


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "show",
        help="show a job and its run: statuses with durations, attempts, alerts, decisions, and what spot saved",
        description="Show a training job and its run from the ledger. "
        "Exits with 5 if some of it could not be read, and says what.",
    )
    found_runs.add_options(parser)
    parser.add_argument("--created", help="creation time, to choose among jobs that had the same name (ISO 8601)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the job's history."""
    job: JobReference = arguments.run_or_job
    unread = Unread()
    try:
        named = found_runs.find_run(arguments, unread)
        history = load(
            named.ledger,
            named.runs,
            region=named.job.region,
            name=named.job.name,
            created=arguments.created or iso(named.job.created),
            advice=job.advice,
            unread=unread,
        )
    except LedgerUnavailableError as error:
        why = clause(str(error))
        message = f"{job.name} could not be read: {why}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    now = datetime.now(UTC)
    unread.say()
    shown = history.state.job  # --created may choose another one than the name
    reference = named.reference if shown == named.job else exact_reference(shown)
    following = deployment.pasted(arguments, commands(history, reference))
    document = to_document(history, now=now) | {"unread": unread.reasons, "next": next_commands.to_document(*following)}
    text = Group(render(history, now=now), Text(), next_commands.next_commands(*following))
    output.show(arguments.format, text, document)
    return ExitCode.INCOMPLETE if unread.reasons else ExitCode.DONE


class Unread:
    """The items that could not be read, and why: the rest is shown."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.reasons: dict[str, str] = {}

    def __call__(self, error: UnreadableItemError) -> None:
        """Note one; the same item may be read more than once."""
        self.reasons[f"{error.partition} {error.sort_key}"] = error.why

    def has_state(self, job: JobId) -> bool:
        """Whether the job's state is among them."""
        return f"{partition_of(job)} {STATE_KEY}" in self.reasons

    def say(self) -> None:
        """Say what is missing in the data."""
        for item, why in self.reasons.items():
            output.say(f"respot: the item {item} could not be read: {why}; a newer respot may read it")


def load(
    ledger: Ledger,
    runs: RunStore,
    *,
    region: str,
    name: str,
    created: str | None = None,
    advice: str = JobReference(name="").advice,
    unread: Unread | None = None,
) -> History:
    """The history of the newest job of that name, or of the one created at that time.

    Raises:
        CommandError: the ledger has none.
    """
    jobs = ledger.find(region, name)
    job = _choose(jobs, created)
    if job is None:
        created_at = ", ".join(iso(job.created) for job in jobs)
        known = f"; it has jobs of that name created {created_at}: choose one with --created" if jobs else ""
        message = f"the ledger has no job {name} in {region}{known or f': {advice}'}"
        raise CommandError(message, ExitCode.NOT_FOUND)
    record = ledger.load(job)
    state = record.state
    if state is None and unread and unread.has_state(job):
        state = _without_state(job, record.transitions)
    if state is None:
        message = f"the ledger's items of {job} have just expired: it keeps them for the setting ledger_retention_days"
        raise CommandError(message, ExitCode.NOT_FOUND)
    # The attempts are read from the ledger again: the state that could not be read is missing there, too.
    run = tuple(
        replace(each, state=state) if each.state is None and each.name == job.name else each
        for each in attempts_of(ledger, runs, state)
    )
    stop_intent = runs.stop_intent(job)
    last = run[-1].state.job if run[-1].state else job
    return History(
        state=state,
        transitions=record.transitions,
        alerts=ledger.alerts(job),
        others=tuple(other for other in jobs if other != job),
        stop_intent=stop_intent,
        recovery_records=runs.recovery_records(job),
        run=run,
        next_step=next_step_of(run, stop_intent if last == job else runs.stop_intent(last)),
    )


def _without_state(job: JobId, transitions: tuple[Transition, ...]) -> JobState:
    """What the transitions alone say of a job whose state could not be read."""
    last = transitions[-1] if transitions else Transition(status="unknown", started=job.created)
    return JobState(
        job=job,
        arn=f"(not read) {job.name}",
        status=last.ended_as or "unknown",
        secondary_status=last.status,
        last_modified=last.started,
    )


def _choose(jobs: tuple[JobId, ...], created: str | None) -> JobId | None:
    if created is None:
        return jobs[0] if jobs else None
    try:
        moment = datetime.fromisoformat(created)
    except ValueError as error:
        message = f"--created must be an ISO 8601 time like 2026-09-16T09:00:00Z, not {created!r}"
        raise CommandError(message, ExitCode.USAGE) from error
    wanted = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return next((job for job in jobs if abs((job.created - wanted).total_seconds()) < 1), None)
