"""The commands `respot policy check` and `respot policy test`: what a policy file says, and would have done."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from respot.aws.ssm import ParameterPolicies, read_policy_text
from respot.errors import LedgerUnavailableError, PolicyInvalidError, UnreadableItemError, UpstreamUnavailableError
from respot.jobs.formatting import clause, in_words, readable
from respot.recovery.planning.deadline import SWEEP_INTERVAL
from respot.recovery.policy.policy import AccountPolicy
from respot.runs.run_state import RunAttempt
from respot_cli import deployment, output, spans
from respot_cli.deployment import Deployment
from respot_cli.errors import CommandError, ExitCode
from respot_cli.found_runs import find_run
from respot_cli.job_reference import run_reference
from respot_cli.policy.check import check
from respot_cli.policy.comparison import Compared, Comparison, Stores, Unread
from respot_cli.policy.view import (
    after_test,
    checked_document,
    checked_text,
    compared_document,
    compared_text,
    job_text,
)

SAID_FROM: Final = 500
"""Jobs after which progress is reported: fewer are tested in seconds."""


_JOB_HELP: Final = "one job: name or ARN; or the id of a run: each of its attempts that ended and did not complete"


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    parser = groups.add_parser("policy", help="check a policy file, or test it on jobs that have ended")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    checking = actions.add_parser(
        "check",
        help="say all that is wrong with a policy file, and what is suspicious",
        description="Say all that is wrong with a policy file, and what is suspicious. Asks nothing of AWS. Exits with "
        "0 if a deployment would accept the file, and with 1 if not.",
    )
    checking.add_argument("file", metavar="FILE", help="the policy: YAML, or JSON")
    output.add_options(checking)
    checking.set_defaults(run=run_check)
    testing = actions.add_parser(
        "test",
        help="say what a policy file would have decided about jobs that have ended",
        description="Say what a policy file would have decided about jobs that have ended, beside the deployed policy "
        "and what was really decided. Reads the ledger, and writes nothing.",
    )
    testing.add_argument("file", metavar="FILE", help="the policy: YAML, or JSON")
    which = testing.add_mutually_exclusive_group(required=True)
    which.add_argument("--job", dest="run_or_job", metavar="JOB", type=run_reference, help=_JOB_HELP)
    which.add_argument(
        "--since", type=spans.period, metavar="SPAN", help="all jobs that ended since, for example 30d or 12h"
    )
    testing.add_argument("--changed", action="store_true", help="list only jobs that the file decides otherwise")
    testing.add_argument("--region", help="region of the jobs (default: all that are watched)")
    output.add_options(testing)
    deployment.add_options(testing)
    testing.set_defaults(run=run_test)


def run_check(arguments: argparse.Namespace) -> int:
    """Check a file."""
    checked = check(arguments.file, now=_now())
    output.show(arguments.format, checked_text(arguments.file, checked), checked_document(arguments.file, checked))
    return ExitCode.NOT_DONE if checked.policy is None else ExitCode.DONE


def run_test(arguments: argparse.Namespace) -> int:
    """Test a file on one job, or on all that have ended since."""
    file, now = arguments.file, _now()
    checked = check(file, now=now)
    if checked.policy is None:
        output.show(arguments.format, checked_text(file, checked), checked_document(file, checked))
        return ExitCode.NOT_DONE
    try:
        return _of_job(arguments, checked.policy) if arguments.run_or_job else _of_all(arguments, checked.policy, now)
    except LedgerUnavailableError as error:
        message = f"{clause(str(error))}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error


def _of_job(arguments: argparse.Namespace, policy: AccountPolicy) -> int:
    is_run = arguments.run_or_job.created is not None
    try:
        named = find_run(arguments)
        attempts = named.attempts() if is_run else ()
    except UnreadableItemError as error:
        message = f"{arguments.run_or_job.name} cannot be tested: {clause(str(error))}; a newer respot may read it"
        raise CommandError(message, ExitCode.INCOMPLETE) from error
    comparison = _comparison(named.deployment, policy, on_unreadable=None)
    if len(attempts) > 1:
        return _of_run(arguments, comparison, attempts)
    tested = comparison.one(named.job)
    if tested is None:
        message = f"{named.job.name} has not ended: nothing is decided before; follow it with respot wait"
        raise CommandError(message, ExitCode.NOT_DONE)
    if isinstance(tested, Unread):
        raise CommandError(f"{named.job.name} cannot be tested: {clause(tested.why)}", ExitCode.INCOMPLETE)
    following = deployment.pasted(arguments, after_test(arguments.file, [tested]))
    document = compared_document(arguments.file, [tested], [], shown=[tested], completed=None, following=following)
    output.show(arguments.format, job_text(tested, following), document)
    return ExitCode.DONE


def _of_run(arguments: argparse.Namespace, comparison: Comparison, attempts: Sequence[RunAttempt]) -> int:
    """Test the file on each attempt on whose end something was to be decided."""
    states = [each.state for each in attempts if each.state and each.ended_as != "Completed"]
    tested = [found for state in states if (found := comparison.one(state.job))]
    compared = [each for each in tested if isinstance(each, Compared)]
    unread = [each for each in tested if isinstance(each, Unread)]
    # The last attempt may have been created just now.
    lost = [each for each in attempts[:-1] if each.state is None]
    unread += [Unread(job=None, why=f"the ledger does not know attempt {each.number}, {each.name}") for each in lost]
    completed = sum(each.ended_as == "Completed" for each in attempts)
    title = f"Attempts of {attempts[0].name} that ended and did not complete"
    return _show(arguments, compared, unread, title=title, completed=completed)


def _show(
    arguments: argparse.Namespace, compared: Sequence[Compared], unread: Sequence[Unread], *, title: str, completed: int
) -> int:
    file, shown = arguments.file, [each for each in compared if each.changes or not arguments.changed]
    following = deployment.pasted(arguments, after_test(file, shown))
    text = compared_text(compared, unread, shown=shown, title=title, completed=completed, following=following)
    document = compared_document(file, compared, unread, shown=shown, completed=completed, following=following)
    output.show(arguments.format, text, document)
    for each in unread[:_MOST_NOTES]:
        output.say(f"respot: {f'{each.job.name}: ' if each.job else ''}{clause(each.why)}")
    return ExitCode.INCOMPLETE if unread else ExitCode.DONE


def _of_all(arguments: argparse.Namespace, policy: AccountPolicy, now: datetime) -> int:
    found = deployment.find(arguments)
    unread: list[Unread] = []

    def skip(error: UnreadableItemError) -> None:
        unread.append(Unread(job=None, why=str(error)))

    comparison = _comparison(found, policy, on_unreadable=skip)
    compared: list[Compared] = []
    completed = 0
    since = now - arguments.since
    for page in comparison.pages(since=since, until=now, region=arguments.region):
        compared += page.found
        unread += page.unread
        completed += page.completed
        if (seen := len(compared) + len(unread) + completed) >= SAID_FROM:
            output.say(f"respot: {seen:,} jobs read, up to {readable(max(_ends(page.found), default=since))}")
    title = f"Jobs that ended since {readable(since)} and did not complete"
    return _show(arguments, compared, unread, title=title, completed=completed)


_MOST_NOTES: Final = 20
"""Jobs that cannot be tested and are named on stderr; the JSON has them all."""


def _ends(compared: Sequence[Compared]) -> list[datetime]:
    return [each.past.ended for each in compared]


def _comparison(
    found: Deployment, policy: AccountPolicy, *, on_unreadable: deployment.OnUnreadable | None
) -> Comparison:
    """On the deployment's ledger: lists leave out what cannot be read, and a job is read as a whole or not at all."""
    stores = Stores(index=found.ledger(on_unreadable), jobs=found.ledger(), runs=found.runs(), starts=found.starts())
    return Comparison(
        stores=stores, today=deployed_policy(found), proposed=policy, sweep_interval=_sweep_interval(found)
    )


def _sweep_interval(found: Deployment) -> timedelta:
    minutes = found.outputs.get("SweepMinutes")
    if minutes is None:
        output.say(f"respot: the stack is older than this command: assumes a sweep every {in_words(SWEEP_INTERVAL)}")
        return SWEEP_INTERVAL
    return timedelta(minutes=int(minutes))


def deployed_policy(found: Deployment) -> AccountPolicy | None:
    """The policy in the deployment's parameter; `None`, with a note, if it is invalid.

    Raises:
        CommandError: the parameter could not be read.
    """
    with deployment.asking_aws():
        client = found.session.client("ssm")
    name = found.outputs.get("PolicyParameterName", f"/{found.stack}/policy")
    try:
        return ParameterPolicies(lambda: read_policy_text(client, name)).load()
    except PolicyInvalidError as error:
        output.say(f"respot: the deployed policy is invalid, and nothing is decided by it: {error}")
        return None
    except UpstreamUnavailableError as error:
        message = f"{clause(str(error))}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error


def _now() -> datetime:
    return datetime.now(UTC)
