"""The command `respot doctor`: checks a deployment, and names what to fix."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from respot_cli import deployment, output
from respot_cli.doctor.checks import Checks
from respot_cli.doctor.finding import Finding, Verdict
from respot_cli.doctor.view import Report, followed_by, to_document
from respot_cli.errors import CommandError, ExitCode
from respot_cli.version import installed_version


def add_to(groups: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = groups.add_parser(
        "doctor",
        help="check the deployment, and name what to fix",
        description="Check the deployment in all of its regions, and name what to fix. It changes nothing. "
        "Exits with 0 if nothing needs a fix (there may be warnings), with 1 if something does, "
        "and with 5 if something could not be checked and nothing else needs a fix.",
    )
    parser.add_argument("--region", help="check only this region, and what all regions share (default: all watched)")
    output.add_options(parser)
    deployment.add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check everything that can be checked."""
    found = deployment.find(arguments)
    if arguments.region not in {None, *found.regions}:
        message = f"{arguments.region} is not watched by this deployment; it watches {', '.join(found.regions)}"
        raise CommandError(message, ExitCode.NOT_FOUND)
    checks = Checks(found=found, now=datetime.now(UTC), version=installed_version(), region=arguments.region)
    findings = list(checks.findings())
    following = deployment.pasted(arguments, followed_by(findings))
    output.show(arguments.format, Report(findings, following), to_document(findings, following))
    return exit_code([finding for _, finding in findings])


def exit_code(findings: Sequence[Finding]) -> ExitCode:
    """A fix that is needed counts more than what is not known; a warning does not count."""
    verdicts = {finding.verdict for finding in findings}
    if Verdict.FIX in verdicts:
        return ExitCode.NOT_DONE
    return ExitCode.INCOMPLETE if Verdict.UNKNOWN in verdicts else ExitCode.DONE
