"""The command `respot wait`: follows a run through its attempts, and ends when nothing more follows."""

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.errors import LedgerUnavailableError, UnreadableItemError, UpstreamUnavailableError
from respot.jobs.formatting import clause, in_words, iso, readable
from respot.jobs.job import JobId
from respot.jobs.merge import same_creation
from respot.runs.run_state import RunAttempt, RunState, Situation, situation_of
from respot_cli import deployment, found_runs, output, spans
from respot_cli.deployment import Deployment, asking_aws
from respot_cli.errors import CommandError, ExitCode
from respot_cli.found_runs import APPEARS_WITHIN, EVERY
from respot_cli.next_commands import next_commands
from respot_cli.next_commands import to_document as commands_to_document

if TYPE_CHECKING:
    from rich.console import RenderableType


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "wait",
        help="wait until a run has ended: through all of its attempts",
        description="Wait until a run has ended, through all of its attempts. Exits with 0 if it completed, with 1 if "
        "it failed, was stopped or was refused another attempt, and with 6 if --timeout is over.",
    )
    found_runs.add_options(parser)
    found_runs.add_creation_option(parser)
    parser.add_argument(
        "--timeout", type=spans.span, metavar="SPAN", help="wait no longer, for example `8 h` or `90 min`"
    )
    parser.add_argument(
        "--output",
        choices=["model", "json"],
        help="print only the S3 location of the model that the run has trained, or JSON as --format json does",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Follow the run, and print how it ended."""
    began, timeout = _now(), arguments.timeout
    within = APPEARS_WITHIN if timeout is None else min(timeout, APPEARS_WITHIN)
    try:
        named = found_runs.appearing_run(arguments, within=within)
        name, left = named.job.name, None if timeout is None else timeout - (_now() - began)
        attempts = follow(named.attempts, timeout=left, now=_now, sleep=time.sleep, report=output.say)
    except UnreadableItemError as error:
        message = f"the run could not be followed: {clause(str(error))}; a newer respot may read it"
        raise CommandError(message, ExitCode.INCOMPLETE) from error
    except LedgerUnavailableError as error:
        message = f"the run could not be followed: {clause(str(error))}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    if not attempts:
        message = f"the ledger's items of {name} have just expired: it keeps them for the setting ledger_retention_days"
        raise CommandError(message, ExitCode.NOT_FOUND)
    situation = situation_of(attempts)
    if situation.has_ended and (ended := _end_of(attempts[-1])) and ended < began:
        output.say(f"respot: this run had ended at {readable(ended)}, before this command began")
    model = None
    if situation.state is RunState.COMPLETED:
        model = _model(named.deployment, attempts[-1], needed=arguments.output == "model")
    following = deployment.pasted(arguments, _next(named.reference, situation))
    if arguments.output == "model" and model:
        output.write(f"{model}\n")
    elif arguments.output != "model":
        chosen = arguments.output or arguments.format
        document = to_document(attempts, situation, model) | {"next": commands_to_document(*following)}
        output.show(chosen, _text(attempts, situation, model, following), document)
    if not situation.has_ended:
        message = f"{name} has not ended after {in_words(timeout)}: {clause(situation.reason)}"
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
    """Read the run until it has ended or time is over, and report each change; none if it has expired.

    Raises:
        LedgerUnavailableError: the ledger did not answer the first time, or for ten minutes.
    """
    began, said, attempts, seen = now(), "", tuple[RunAttempt, ...](), now()
    while True:
        try:
            attempts, seen = look(), now()
        except LedgerUnavailableError as error:
            if not attempts or now() - seen >= APPEARS_WITHIN:
                raise
            news = f"the ledger did not answer ({clause(str(error))}); trying again"
        else:
            if not attempts:
                return ()
            situation = situation_of(attempts)
            news = f"{situation.state}: {situation.reason}"
        if news != said:
            said = news
            report(f"{readable(now())}: {news}")
        waited = now() - began
        if situation.has_ended or (timeout is not None and waited >= timeout):
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


def _text(
    attempts: Sequence[RunAttempt], situation: Situation, model: str | None, following: Sequence[tuple[str, str]]
) -> "RenderableType":
    from rich.console import Group  # noqa: PLC0415 - a script that wants JSON does not load it
    from rich.text import Text  # noqa: PLC0415 - as above

    count = f"{len(attempts)} attempt{'' if len(attempts) == 1 else 's'}"
    lines = [f"{attempts[0].name} {situation.state} after {count}: {situation.reason}"]
    if model:
        lines.append(f"model: {model}")
    return Group(Text("\n".join(lines)), Text(), next_commands(*following))


def _next(run: str, situation: Situation) -> Sequence[tuple[str, str]]:
    """What the reader may want next of the run that is named so."""
    show = (f"respot show {run}", "its history")
    if situation.state is RunState.COMPLETED:
        return (show, (f"respot logs {run}", "what it printed"))
    return ((f"respot why {run}", "what was decided, and what would change it"), show)


def _end_of(last: RunAttempt) -> datetime | None:
    if last.end:
        return last.end.started
    return last.state.last_modified if last.state else None


def _model(found: Deployment, last: RunAttempt, *, needed: bool) -> str | None:
    """Where the model is. Unless it is needed, the end is shown without."""
    if last.state is None:
        return None
    try:
        return _model_of(found, last.state.job)
    except CommandError as error:
        if needed:
            raise
        output.say(f"respot: where its model is could not be read: {error}")
        return None


def _model_of(found: Deployment, job: JobId) -> str:
    """Where SageMaker has put the model; the ledger does not have it.

    Raises:
        CommandError: SageMaker does not say it, or not of this job: a name is free again once its job is deleted.
    """
    with asking_aws():
        sagemaker = found.session.client("sagemaker", region_name=job.region)
    try:
        described = SageMakerTrainingJobs(lambda _: sagemaker).description(job.region, job.name)
    except UpstreamUnavailableError as error:
        message = f"{clause(str(error))}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    if described is None or not same_creation(described.job.created, job.created):
        message = (
            f"{job.name}, created {iso(job.created)}, was deleted, and only SageMaker knew where its model is: "
            f"search its S3OutputPath for {job.name}/output/"
        )
        raise CommandError(message, ExitCode.NOT_FOUND)
    model: str | None = described.request_source.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if not model:
        message = f"SageMaker names no model of {job.name}: aws sagemaker describe-training-job shows what it has"
        raise CommandError(message, ExitCode.NOT_FOUND)
    return model


def _now() -> datetime:
    return datetime.now(UTC)
