"""The version that is deployed: each stack's description, output and tags say it."""

import tomllib
from functools import cache
from typing import Final

from aws_cdk import CfnOutput, Stack, Tags

from infra.packaging import ROOT

TAG: Final = "respot:version"
"""On every resource that can have tags, except the parameters."""
OUTPUT: Final = "Version"
_OF_OPERATORS: Final = ("AWS::SSM::Parameter",)
"""People set the policy and the kill switch without a deployment.

CloudFormation sends all properties of a resource that has changed, also if only a tag has: a tag that changes with the
version would write the values of the template over theirs (https://github.com/aws/aws-cdk/issues/25949). Stack tags
reach every resource, which is why there are none.
"""


@cache
def version() -> str:
    """The version in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def describe(words: str) -> str:
    """A stack's description: CloudFormation takes 1,024 bytes."""
    return f"Respot {version()}: {words}"


def mark(stack: Stack) -> None:
    """Say the version in an output, and on everything in the stack."""
    CfnOutput(stack, OUTPUT, value=version())
    Tags.of(stack).add(TAG, version(), exclude_resource_types=list(_OF_OPERATORS))
