"""The command `respot wait`: follows a run through its attempts, and ends when nothing more follows."""

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from respot.errors import LedgerUnavailableError
from respot.jobs.formatting import clause, in_words, iso, parse_span, readable
from respot.jobs.ports import JobStore
from respot.recovery.ports import RunStore
from respot.runs.load import attempts_of
from respot.runs.run_state import RunAttempt, RunState, Situation, situation_of
from respot_cli import deployment, output
from respot_cli.deployment import Deployment, asking_aws
from respot_cli.errors import CommandError, ExitCode
from respot_cli.found_runs import agreed_region, check_account
from respot_cli.job_reference import JobReference, job_reference
from respot_cli.show.command import region_of

if TYPE_CHECKING:
    from rich.console import RenderableType

EVERY: Final = timedelta(seconds=5)
"""Between two looks at the ledger."""
_APPEARS_WITHIN: Final = timedelta(minutes=10)
"""In which the ledger learns of a job that was just created: at once by its event, else by the next sweep."""


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "wait",
        help="wait until a run has ended: through all of its attempts",
        description="Wait until a run has ended, through all of its attempts. Exits with 0 if it completed, with 1 if "
        "it failed, was stopped or was refused another attempt, and with 6 if --timeout is over.",
    )
    parser.add_argument("job", metavar="JOB", type=job_reference, help="any job of the run: its name or its ARN")
    parser.add_argument("--region", help="region of the job (default: that of the ARN, or the one that has the job)")
    parser.add_argument("--timeout", type=_span, metavar="SPAN", help="wait no longer, for example `8 h` or `90 min`")
    parser.add_argument(
        "--output", choices=["model"], help="print only the S3 location of the model that the run has trained"
    )
    output.add_options(parser)
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Follow the run, and print how it ended."""
    job: JobReference = arguments.job
    region = agreed_region(job, arguments.region)
    found = deployment.find(arguments)
    check_account(job, found)
    ledger, runs = found.ledger(), found.runs()

    def look() -> tuple[RunAttempt, ...]:
        """The attempts now; none while the ledger does not know the job."""
        known = [each for each in ([region] if region else found.regions) if ledger.find(each, job.name)]
        where = region or (region_of(ledger, known, job.name) if known else None)
        return _attempts(ledger, runs, where, job.name) if where else ()

    try:
        attempts = follow(look, timeout=arguments.timeout, now=_now, sleep=time.sleep, report=output.say)
    except LedgerUnavailableError as error:
        message = f"{job.name} could not be followed: {clause(str(error))}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    if not attempts:
        message = f"the ledger has no job {job.name}: {job.advice}"
        raise CommandError(message, ExitCode.NOT_FOUND)
    situation = situation_of(attempts)
    model = _model(found, attempts[-1]) if situation.state is RunState.COMPLETED else None
    if arguments.output == "model" and model:
        output.write(f"{model}\n")
    elif arguments.output != "model":
        output.show(arguments.format, _text(attempts, situation, model), to_document(attempts, situation, model))
    if not situation.has_ended:
        message = f"{job.name} has not ended after {in_words(arguments.timeout)}: {clause(situation.reason)}"
        raise CommandError(message, ExitCode.TIMED_OUT)
    return ExitCode.DONE if situation.state is RunState.COMPLETED else ExitCode.NOT_DONE


def follow(
    look: Callable[[], tuple[RunAttempt, ...]],
    *,
    timeout: timedelta | None,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    report: Callable[[str], None],
) -> tuple[RunAttempt, ...]:
    """Look at the run until it has ended or time is over, and report each change; none if it does not appear."""
    began, said = now(), ""
    while True:
        attempts, waited = look(), now() - began
        situation = situation_of(attempts) if attempts else None
        reason = situation.reason if situation else "the ledger does not know the job yet"
        if reason != said:
            said = reason
            report(f"{readable(now())}: {f'{situation.state}: ' if situation else ''}{reason}")
        over = timeout is not None and waited >= timeout
        if over or (situation.has_ended if situation else waited >= _APPEARS_WITHIN):
            return attempts
        left = EVERY if timeout is None else min(EVERY, timeout - waited)
        sleep(left.total_seconds())


def to_document(attempts: Sequence[RunAttempt], situation: Situation, model: str | None) -> dict[str, Any]:
    """How the run ended, as JSON; what is not known is null."""
    return {
        "state": situation.state,
        "reason": situation.reason,
        "model": model,
        "attempts": [
            {
                "attempt": each.number,
                "job": each.name,
                "status": each.state and each.state.status,
                "secondary_status": each.state and each.state.secondary_status,
                "market": each.state and each.state.market,
                "instance_type": each.state and (each.state.instance_type or each.state.requested_type),
                "created": each.state and iso(each.state.job.created),
            }
            for each in attempts
        ],
    }


def _text(attempts: Sequence[RunAttempt], situation: Situation, model: str | None) -> "RenderableType":
    from rich.text import Text  # noqa: PLC0415 - a script that wants JSON does not load it

    first, last = attempts[0].name, attempts[-1].name
    count = f"{len(attempts)} attempt{'' if len(attempts) == 1 else 's'}"
    lines = [f"{first} {situation.state} after {count}: {situation.reason}"]
    if model:
        lines.append(f"model: {model}")
    lines.append(f"next: respot show {last}")
    return Text("\n".join(lines))


def _attempts(ledger: JobStore, runs: RunStore, region: str, name: str) -> tuple[RunAttempt, ...]:
    jobs = ledger.find(region, name)
    state = ledger.load(jobs[0]).state if jobs else None
    return attempts_of(ledger, runs, state) if state else ()


def _model(found: Deployment, last: RunAttempt) -> str | None:
    """Where SageMaker has put the model; the ledger does not have it."""
    if last.state is None:
        return None
    with asking_aws(missing=f"{last.name} was deleted, and nobody knows where its model is"):
        sagemaker = found.session.client("sagemaker", region_name=last.state.job.region)
        described = sagemaker.describe_training_job(TrainingJobName=last.name)
    return described.get("ModelArtifacts", {}).get("S3ModelArtifacts")


def _now() -> datetime:
    return datetime.now(UTC)


def _span(words: str) -> timedelta:
    try:
        return parse_span(words)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
