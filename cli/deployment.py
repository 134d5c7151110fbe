"""Finds a deployment of Respot by its CloudFormation stack, with the caller's own credentials."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import CommandError, ExitCode
from respot.adapters.ledger import DynamoDbLedger
from respot.adapters.runs import DynamoDbRuns

STACK = "Respot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment in the hub region.

    Attributes:
        session: the caller's credentials, in the hub region.
        outputs: the stack's outputs.
    """

    session: boto3.session.Session
    outputs: dict[str, str]

    @property
    def region(self) -> str:
        """The hub region."""
        return self.session.region_name

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that are watched, the hub first."""
        return (self.region, *filter(None, self.outputs.get("WatchedRegions", "").split(",")))

    def ledger(self) -> DynamoDbLedger:
        """The deployment's ledger, to read from."""
        table = self.outputs["LedgerTableName"]
        return DynamoDbLedger(self.session.client("dynamodb"), table, clock=lambda: datetime.now(UTC), retention=None)

    def runs(self) -> DynamoDbRuns:
        """The ledger's part on recovery, to read from."""
        table = self.outputs["LedgerTableName"]
        return DynamoDbRuns(self.session.client("dynamodb"), table, clock=lambda: datetime.now(UTC), retention=None)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options by which every command finds its deployment."""
    parser.add_argument("--stack", default=STACK, help="name of the CloudFormation stack (default: %(default)s)")
    parser.add_argument("--hub-region", help="region of that stack (default: the region of your AWS configuration)")
    parser.add_argument("--profile", help="AWS profile (default: your AWS configuration's)")


def find(arguments: argparse.Namespace) -> Deployment:
    """The deployment that the options name.

    Raises:
        CommandError: there is none, or AWS could not be asked.
    """
    with asking_aws():
        session = boto3.session.Session(profile_name=arguments.profile, region_name=arguments.hub_region)
        if session.region_name is None:
            message = "no AWS region: name the hub region with --hub-region, or set AWS_DEFAULT_REGION"
            raise CommandError(message)
        stacks = session.client("cloudformation").describe_stacks(StackName=arguments.stack)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    if "LedgerTableName" not in outputs:
        message = f"stack {arguments.stack} in {session.region_name} is no Respot deployment: it has no LedgerTableName"
        raise CommandError(message, ExitCode.NOT_FOUND)
    return Deployment(session=session, outputs=outputs)


@contextmanager
def asking_aws() -> Iterator[None]:
    """AWS's errors in words for the person at the terminal."""
    try:
        yield
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            message = f"{error.response['Error']['Message']}: is Respot deployed in this account and region?"
            raise CommandError(message, ExitCode.NOT_FOUND) from error
        raise CommandError(str(error), ExitCode.AWS_UNAVAILABLE) from error
    except BotoCoreError as error:
        raise CommandError(str(error), ExitCode.AWS_UNAVAILABLE) from error
