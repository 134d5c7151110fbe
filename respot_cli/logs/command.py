"""The command `respot logs`: the logs of all attempts of a run as one stream."""

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from respot.aws.error_codes import Answer, answer_of
from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.jobs.formatting import clause
from respot.jobs.job import JobState
from respot.runs.run_state import RunAttempt, RunState, Situation, situation_of
from respot_cli import found_runs, output, spans
from respot_cli.deployment import advice, asking_aws, pasted
from respot_cli.errors import CommandError, ExitCode
from respot_cli.found_runs import NamedRun
from respot_cli.logs.attempt_log import AttemptLog
from respot_cli.logs.lines import LogLine, to_json, to_text
from respot_cli.logs.reading import Reading
from respot_cli.next_commands import next_commands

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_PATIENT: Final = Config(retries={"mode": "standard", "total_max_attempts": 8})
"""FilterLogEvents has a quota of a few calls a second, which others in the account share."""


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "logs",
        help="show the logs of all attempts of a run as one stream",
        description="Show the CloudWatch logs of all attempts of a run in the order of time, each line with its "
        "attempt. With --follow it exits with 0 if the run completed, and with 1 if it ended otherwise.",
    )
    found_runs.add_options(parser)
    found_runs.add_creation_option(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="show new lines, too, until the run has ended")
    parser.add_argument("--attempt", type=_number, metavar="N", help="only this attempt")
    parser.add_argument(
        "--since", type=_since, metavar="TIME", help="only lines since then: a span like `30 min`, or an ISO 8601 time"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the lines to stdout, and all else to stderr."""
    unread: dict[str, str] = {}

    def on_unreadable(error: UnreadableItemError) -> None:
        unread[f"{error.partition} {error.sort_key}"] = error.why

    try:
        find = found_runs.appearing_run if arguments.follow else found_runs.find_run
        named = find(arguments, on_unreadable)
        reading = Reading(
            load=named.attempts,
            open_log=opener(named, arguments.since),
            write=_write_json if arguments.format == "json" else _write_text,
            report=output.say,
            attempt=arguments.attempt,
        )
        attempts = reading.follow(now=_now, sleep=time.sleep) if arguments.follow else reading.once(now=_now())
    except (LedgerUnavailableError, ClientError, BotoCoreError) as error:
        raise CommandError(_refusal(error), ExitCode.AWS_UNAVAILABLE) from error
    name = named.job.name
    if not attempts:
        message = f"the ledger's items of {name} have just expired: it keeps them for the setting ledger_retention_days"
        raise CommandError(message, ExitCode.NOT_FOUND)
    chosen, situation = reading.chosen(attempts), situation_of(attempts)
    if not chosen:
        message = f"the run has no attempt {arguments.attempt}: its last one is {attempts[-1].number}"
        raise CommandError(message, ExitCode.NOT_FOUND)
    for item, why in unread.items():
        output.say(f"respot: the item {item} could not be read: {why}; a newer respot may read it")
    lost = [each for each in attempts[:-1] if each.state is None and each in chosen]
    for each in lost:
        output.say(f"respot: the log of attempt {each.number} is not shown: the ledger does not know {each.name}")
    if not reading.lines:
        output.say(f"respot: {_why_none(chosen[-1], situation, since=arguments.since)}")
    following = pasted(arguments, _next(named.reference, situation))
    output.write_message(f"{next_commands(*following)}\n")
    if arguments.follow:
        return ExitCode.DONE if _completed(chosen, situation, arguments.attempt) else ExitCode.NOT_DONE
    return ExitCode.INCOMPLETE if lost or unread else ExitCode.DONE


def opener(named: NamedRun, since: datetime | None) -> Callable[[JobState, int], AttemptLog]:
    """What opens the log of an attempt: from the creation of its job to that of the next job of this name."""

    @cache
    def client(region: str) -> "CloudWatchLogsClient":
        with asking_aws():
            return named.deployment.session.client("logs", region_name=region, config=_PATIENT)

    def open_log(state: JobState, number: int) -> AttemptLog:
        job = state.job
        later = [other.created for other in named.ledger.find(job.region, job.name) if other.created > job.created]
        return AttemptLog(client(job.region), number=number, job=job, since=since, until=min(later, default=None))

    return open_log


def _write_text(line: LogLine, state: JobState) -> None:
    several = line.host != "algo-1" or (state.instance_count or 1) > 1
    output.write(f"{to_text(line, with_host=several)}\n")


def _write_json(line: LogLine, _: JobState) -> None:
    output.write(f"{to_json(line)}\n")


def _refusal(error: LedgerUnavailableError | ClientError | BotoCoreError) -> str:
    cause = error.__cause__ if isinstance(error, LedgerUnavailableError) else error
    what = "the ledger could not be read"
    if not isinstance(error, LedgerUnavailableError):
        denied = answer_of(error) is Answer.DENIED
        what = f"the logs could not be read{' without logs:FilterLogEvents' if denied else ''}"
    return f"{what}: {clause(str(error))}; {advice(cause)}"


def _why_none(last: RunAttempt, situation: Situation, *, since: datetime | None) -> str:
    if since:
        return "no line was logged since then"
    if not situation.has_ended:
        return f"nothing was logged yet: {situation.reason}"
    return (
        f"{last.name} has no log: it never ran, its role may not write to CloudWatch Logs, or the log was deleted; "
        f"{situation.reason}"
    )


def _next(run: str, situation: Situation) -> Sequence[tuple[str, str]]:
    if situation.state is RunState.COMPLETED:
        return ((f"respot wait {run} --output model", "where the model is"), (f"respot show {run}", "its history"))
    if situation.has_ended:
        return (
            (f"respot why {run}", "what was decided, and what would change it"),
            (f"respot show {run}", "its history"),
        )
    return (
        (f"respot logs {run} --follow", "the lines to come, until the run has ended"),
        (f"respot show {run}", "its history, and what happens next"),
    )


def _completed(chosen: Sequence[RunAttempt], situation: Situation, attempt: int | None) -> bool:
    if attempt is None:
        return situation.state is RunState.COMPLETED
    return chosen[-1].ended_as == "Completed"


def _number(words: str) -> int:
    if not (words.isascii() and words.isdigit() and int(words)):
        message = f"{words!r} is no attempt: they count from 1"
        raise argparse.ArgumentTypeError(message)
    return int(words)


def _since(words: str) -> datetime:
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        return _now() - spans.period(words)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)
