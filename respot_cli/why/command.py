"""The command `respot why`: explains the last decision on a run, and what would change it."""

import argparse
from datetime import UTC, datetime

from rich.console import Group
from rich.text import Text

from respot.errors import LedgerUnavailableError
from respot.jobs.formatting import clause, iso
from respot.recovery.policy.policy import resolve
from respot_cli import deployment, found_runs, next_commands, output
from respot_cli.errors import CommandError, ExitCode
from respot_cli.found_runs import NamedRun
from respot_cli.job_reference import JobReference
from respot_cli.present_policy import present_policy
from respot_cli.show.command import Unread, load
from respot_cli.show.history import History
from respot_cli.why.advice import KILL_SWITCH
from respot_cli.why.explanation import explain, needs_policy
from respot_cli.why.view import commands, render, to_document


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "why",
        help="explain the last decision on a run: its inputs, what would change it, what happens next and when",
        description="Explain a run: the last decision on it or what it waits for, what that was made from, what would "
        "change it, and what happens next. Exits with 5 if some of it could not be read, and says what.",
    )
    found_runs.add_options(parser)
    found_runs.add_creation_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    job: JobReference = arguments.run_or_job
    unread = Unread()
    try:
        named = found_runs.find_run(arguments, unread)
        history = _of_the_last_job(named, unread)
    except LedgerUnavailableError as error:
        message = f"{job.name} could not be read: {clause(str(error))}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    account, problem = present_policy(named.deployment) if needs_policy(history) else (None, None)
    state = history.run[-1].state
    resolved = resolve(account, state, role=state.role_arn) if account and state else None
    kill_switch = named.deployment.outputs.get("KillSwitchParameterName", KILL_SWITCH)
    found, now = explain(history, resolved=resolved, kill_switch=kill_switch), datetime.now(UTC)
    unread.say()
    if problem:
        output.say(f"respot: {problem}")
    missing = unread.reasons | ({"policy": problem} if problem else {})
    following = deployment.pasted(arguments, commands(found, named.reference))
    document = to_document(found) | {"unread": missing, "next": next_commands.to_document(*following)}
    text = Group(render(found, now=now), Text(), next_commands.next_commands(*following))
    output.show(arguments.format, text, document)
    return ExitCode.INCOMPLETE if missing else ExitCode.DONE


def _of_the_last_job(named: NamedRun, unread: Unread) -> History:
    """The history of the run's last job that the ledger has."""
    history = _history(named, unread, named.job.region, named.job.name, iso(named.job.created))
    known = [each.state for each in history.run if each.state]
    last = known[-1].job if known else history.state.job
    return history if last == history.state.job else _history(named, unread, last.region, last.name, iso(last.created))


def _history(named: NamedRun, unread: Unread, region: str, name: str, created: str) -> History:
    return load(named.ledger, named.runs, region=region, name=name, created=created, unread=unread)
