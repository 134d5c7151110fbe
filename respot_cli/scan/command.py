"""The command `respot scan`: what spot was worth to an account, before anything is deployed."""

import argparse
import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config

from respot.aws.sagemaker.job_lists import SageMakerJobLists
from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.jobs.aws_names import REGION
from respot.recovery.policy.policy import AccountPolicy
from respot.savings.receipt import RunReceipt
from respot_cli import output, spans
from respot_cli.deployment import asking_aws
from respot_cli.errors import CommandError, ExitCode
from respot_cli.policy.check import check
from respot_cli.prices import options as prices
from respot_cli.prices.options import ChosenPrices
from respot_cli.report import file
from respot_cli.scan.figures import figures_of, receipts_of
from respot_cli.scan.findings import Findings
from respot_cli.scan.pace import DESCRIBE_EVERY, LIST_EVERY, Pace
from respot_cli.scan.permissions import least_policy
from respot_cli.scan.reading import AccountReader, RegionJobs
from respot_cli.scan.verdicts import RESUME_ON_SPOT, verdicts
from respot_cli.user_cache import cache_folder

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_sagemaker import SageMakerClient

_ONCE: Final = Config(connect_timeout=10, read_timeout=30, retries={"total_max_attempts": 1})
"""Calls are repeated by `Pace`, which counts and spaces them."""
_MOST_NOTES: Final = 20
"""Jobs that could not be read and are named on stderr; the JSON has them all."""


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "scan",
        help="say what spot saved and lost in this account, before anything is deployed",
        description="Say what spot saved and lost in this account, and which jobs Respot would have resumed. It only "
        "lists and describes training jobs, with your own credentials, and needs no deployment. An interrupted scan "
        "goes on where it stopped when it is started again.",
    )
    parser.add_argument(
        "--since", type=spans.period, default="90 d", metavar="SPAN", help="only jobs created since (default: 90 d)"
    )
    parser.add_argument(
        "--regions",
        nargs="+",
        type=_region,
        metavar="REGION",
        help="regions to scan (default: AWS_REGION, AWS_DEFAULT_REGION, or the region of your AWS profile)",
    )
    parser.add_argument("--policy", metavar="FILE", help="decide by this policy file (default: resume on spot)")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="also write the page of respot report about these jobs, for example scan.html",
    )
    parser.add_argument("--permissions", action="store_true", help="print the least IAM policy of a scan, and exit")
    parser.add_argument("--profile", help="AWS profile (default: your AWS configuration's)")
    prices.add_options(parser)
    output.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Scan the regions, and print what was found."""
    if arguments.permissions:
        region = next(iter(arguments.regions or ()), None) or _session(arguments).region_name
        output.write(f"{json.dumps(least_policy(region or ''), indent=2)}\n")
        return ExitCode.DONE
    now = _now()
    if arguments.output:
        file.check(arguments.output)
    policy = _policy(arguments.policy, now)
    session = _session(arguments)
    regions = list(dict.fromkeys(arguments.regions or filter(None, [session.region_name])))
    if not regions:
        message = "no AWS region: name those to scan with --regions, or set AWS_REGION"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE)
    priced = prices.chosen_prices(arguments, session)
    found = _read(session, regions, since=now - arguments.since)
    if all(each.why_not is not None and not each.jobs for each in found):
        raise CommandError("; ".join(f"{each.region}: {each.why_not}" for each in found), ExitCode.AWS_UNAVAILABLE)
    receipts = receipts_of(found, now=now)
    records = [record for each in found for record in each.jobs]
    figures = figures_of(records, receipts, priced)
    findings = Findings(
        now=now,
        since=now - arguments.since,
        regions=found,
        figures=figures,
        verdicts=verdicts(records, policy),
        policy=arguments.policy,
        price_source=priced.source,
        why_no_price=priced.why_unknown,
        page=arguments.output and str(arguments.output),
    )
    if arguments.output:
        _write_page(arguments.output, findings, receipts, priced)
    return _show(arguments, findings)


def _write_page(path: Path, findings: Findings, receipts: Sequence[RunReceipt], priced: ChosenPrices) -> None:
    from respot_cli.report.build import Subject, report_of  # noqa: PLC0415 - a scan without a page does not load it
    from respot_cli.report.page import render  # noqa: PLC0415 - as above
    from respot_cli.scan.view import page_notes  # noqa: PLC0415 - as above

    account = f"account {findings.account}, " if findings.account else ""
    subject = Subject(
        since=findings.since,
        until=findings.now,
        written=findings.now,
        where=f"{account}{', '.join(each.region for each in findings.regions)}: a scan without a deployment",
        team_tag="team",
        notes=page_notes(findings),
    )
    file.write(path, render(report_of(receipts, subject, prices=priced)).encode())


def _show(arguments: argparse.Namespace, findings: Findings) -> int:
    from respot_cli.scan import view  # noqa: PLC0415 - --permissions does not load it

    as_text = arguments.format == "text"
    output.show(arguments.format, view.text(findings) if as_text else "", {} if as_text else view.document(findings))
    for each in findings.regions:
        if each.why_not:
            output.say(f"respot: {each.region} could not be read{' as a whole' * bool(each.jobs)}: {each.why_not}")
    for name, why in list(findings.unread.items())[:_MOST_NOTES]:
        output.say(f"respot: {name} could not be read: {why}")
    return ExitCode.DONE if findings.is_complete else ExitCode.INCOMPLETE


def _read(session: "Session", regions: Sequence[str], *, since: datetime) -> list[RegionJobs]:
    untyped: Any = session

    @cache
    def client_of(region: str) -> "SageMakerClient":
        with asking_aws():
            client: SageMakerClient = untyped.client("sagemaker", region_name=region, config=_ONCE)
            return client

    def report(words: str) -> None:
        output.say(f"respot: {words}")

    reader = AccountReader(
        lists=SageMakerJobLists(client_of),
        described=SageMakerTrainingJobs(client_of),
        list_pace=_pace(LIST_EVERY),
        describe_pace=_pace(DESCRIBE_EVERY),
        folder=cache_folder(),
        clock=_now,
        report=report,
    )
    try:
        return [reader.read(region, since=since) for region in regions]
    except KeyboardInterrupt:
        output.say("respot: the jobs described until now are kept: the same command goes on from there")
        raise


def _pace(every: timedelta) -> Pace:
    return Pace(every=every)


def _policy(file: str | None, now: datetime) -> AccountPolicy:
    if file is None:
        return RESUME_ON_SPOT
    checked = check(file, now=now)
    if checked.policy is None:
        first = checked.errors[0].words if checked.errors else "is invalid"
        message = f"{file}: {first}; respot policy check {file} shows all of it"
        raise CommandError(message, ExitCode.USAGE)
    return checked.policy


def _session(arguments: argparse.Namespace) -> "Session":
    from boto3.session import Session  # noqa: PLC0415 - help and wrong usage need not wait for it

    with asking_aws():
        return Session(profile_name=arguments.profile, region_name=os.environ.get("AWS_REGION") or None)


def _region(words: str) -> str:
    if not REGION.fullmatch(words):
        message = f"{words!r} is no region like eu-west-1"
        raise argparse.ArgumentTypeError(message)
    return words


def _now() -> datetime:
    return datetime.now(UTC)
