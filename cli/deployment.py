"""Finds a deployment of Respot by its CloudFormation stack, with the caller's own credentials."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import CommandError, ExitCode
from respot.adapters.drill_posts import DynamoDbDrillPosts
from respot.adapters.ledger import DynamoDbLedger
from respot.adapters.runs import DynamoDbRuns

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_sqs.literals import QueueAttributeNameType

STACK = "Respot"
_FAR: Final = Config(connect_timeout=5, retries={"total_max_attempts": 2})
"""For a region that may be out of reach: what can be told of the others should not wait for minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment in the hub region.

    Attributes:
        session: the caller's credentials, in the hub region.
        outputs: the stack's outputs.
        stack: its name.
    """

    session: boto3.session.Session
    outputs: dict[str, str]
    stack: str = STACK

    @property
    def region(self) -> str:
        """The hub region."""
        return self.session.region_name

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that are watched, the hub first."""
        return (self.region, *filter(None, self.outputs.get("WatchedRegions", "").split(",")))

    @property
    def account(self) -> str:
        """The account's twelve digits."""
        return self.outputs["AlertsTopicArn"].split(":")[4]

    def depth(self, output: str) -> int:
        """How many messages are about in the queue whose URL is this output, those in somebody's hand included."""
        return self.messages(self.outputs[output], region=self.region)

    def messages(self, url: str, *, region: str) -> int:
        """How many messages are about in a queue, those in somebody's hand included."""
        return sum(
            self._count(url, name, region)
            for name in ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        )

    def waiting(self, output: str) -> int:
        """How many messages of that queue nobody has in hand."""
        return self._count(self.outputs[output], "ApproximateNumberOfMessages", self.region)

    def _count(self, url: str, name: "QueueAttributeNameType", region: str) -> int:
        with asking_aws():
            sqs = self.session.client("sqs", region_name=region)
            answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def forwarder(self, region: str) -> dict[str, str]:
        """The outputs of the stack that forwards a watched region's events.

        Raises:
            CommandError: there is none, or the region could not be asked.
        """
        with asking_aws(missing=f"deploy it, or take {region} out of the setting regions"):
            client = self.session.client("cloudformation", region_name=region, config=_FAR)
            return _outputs(client.describe_stacks(StackName=self.forwarder_stack(region))["Stacks"])

    def forwarder_stack(self, region: str) -> str:
        """The name of the stack that forwards a watched region's events to this hub."""
        return f"{self.stack}Forwarder-{self.region}-{region}"

    def drill_posts(self) -> DynamoDbDrillPosts:
        """What Slack said to drills, to read from."""
        table = self.outputs["LedgerTableName"]
        return DynamoDbDrillPosts(self.session.client("dynamodb"), table, clock=lambda: datetime.now(UTC))

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
    outputs = _outputs(stacks)
    if "LedgerTableName" not in outputs:
        message = f"stack {arguments.stack} in {session.region_name} is no Respot deployment: it has no LedgerTableName"
        raise CommandError(message, ExitCode.NOT_FOUND)
    return Deployment(session=session, outputs=outputs, stack=arguments.stack)


def _outputs(stacks: "Sequence[StackTypeDef]") -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}


@contextmanager
def asking_aws(*, missing: str = "is Respot deployed in this account and region?") -> Iterator[None]:
    """AWS's errors in words for the person at the terminal; `missing` is what to do about what does not exist."""
    try:
        yield
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            message = f"{error.response['Error']['Message']}: {missing}"
            raise CommandError(message, ExitCode.NOT_FOUND) from error
        raise CommandError(str(error), ExitCode.AWS_UNAVAILABLE) from error
    except BotoCoreError as error:
        raise CommandError(str(error), ExitCode.AWS_UNAVAILABLE) from error
