"""Finds a deployment of Respot by its CloudFormation stack, with the caller's own credentials."""

import argparse
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from respot.alerting.text import one_line
from respot.aws.dynamodb.drills import DynamoDbDrillPosts
from respot.aws.dynamodb.histories import DynamoDbJobHistories
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.run_summaries import DynamoDbRunSummaries
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.aws.dynamodb.starts import DynamoDbStarts
from respot.aws.dynamodb.sweeps import DynamoDbSweepStore
from respot.aws.error_codes import Answer, answer_of, code_of, words_of
from respot.errors import UnreadableItemError
from respot.jobs.formatting import clause
from respot_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

OnUnreadable = Callable[[UnreadableItemError], None]
STACK = "Respot"
_MISSING: Final = "is Respot deployed in this account and region? Check --stack, --hub-region and --profile"
_FAR: Final = Config(connect_timeout=5, retries={"total_max_attempts": 2})
"""For a region that may be out of reach: the answers of other regions should not wait for minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment in the hub region.

    Attributes:
        session: the caller's credentials, in the hub region.
        outputs: the stack's outputs.
        stack: its name.
    """

    session: "Session"
    outputs: dict[str, str]
    stack: str = STACK
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def region(self) -> str:
        """The hub region."""
        return self.session.region_name

    @property
    def regions(self) -> tuple[str, ...]:
        """The watched regions, the hub first."""
        return (self.region, *filter(None, self.outputs.get("WatchedRegions", "").split(",")))

    @property
    def account(self) -> str:
        """The account's twelve digits."""
        return self.outputs["AlertsTopicArn"].split(":")[4]

    def client(self, service: str, region: str) -> Any:  # noqa: ANN401 - as boto3 types it
        """The client of a service in a region: the same one each time, which keeps its connection."""
        if (service, region) not in self._clients:
            session: Any = self.session
            config = None if region == self.region else _FAR
            with asking_aws():
                self._clients[service, region] = session.client(service, region_name=region, config=config)
        return self._clients[service, region]

    def depth(self, output: str) -> int:
        """How many messages are in the queue whose URL is this output, received ones included."""
        return self.messages(self.outputs[output], region=self.region)

    def messages(self, url: str, *, region: str) -> int:
        """How many messages are in a queue, received ones included."""
        return sum(
            self._count(url, name, region)
            for name in ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        )

    def waiting(self, output: str) -> int:
        """How many messages of that queue no reader has received."""
        return self._count(self.outputs[output], "ApproximateNumberOfMessages", self.region)

    def _count(self, url: str, name: "QueueAttributeNameType", region: str) -> int:
        with asking_aws():
            answer = self.client("sqs", region).get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def forwarder(self, region: str) -> dict[str, str]:
        """The outputs of the stack that forwards a watched region's events.

        Raises:
            CommandError: there is none, or the region could not be asked.
        """
        return outputs_of(self.described(region))

    def described(self, region: str) -> "StackTypeDef":
        """The stack in a region: the hub's, or the forwarder of a watched region.

        Raises:
            CommandError: there is none, or the region could not be asked.
        """
        is_hub = region == self.region
        missing = _MISSING if is_hub else f"deploy it, or take {region} out of the setting regions"
        with asking_aws(missing=missing):
            name = self.stack if is_hub else self.forwarder_stack(region)
            stack: StackTypeDef = self.client("cloudformation", region).describe_stacks(StackName=name)["Stacks"][0]
            return stack

    def forwarder_stack(self, region: str) -> str:
        """The name of the stack that forwards a watched region's events to this hub."""
        return f"{self.stack}Forwarder-{self.region}-{region}"

    def drill_posts(self) -> DynamoDbDrillPosts:
        """Slack's answers to drills, to read from."""
        return DynamoDbDrillPosts(*self._table(), clock=_now)

    def ledger(self, on_unreadable: OnUnreadable | None = None) -> DynamoDbLedger:
        """The deployment's ledger, to read from; `on_unreadable` gets the errors of what is left out."""
        return DynamoDbLedger(
            *self._table(), clock=_now, retention=None, on_unreadable=on_unreadable, shows_the_rest=True
        )

    def runs(self, on_unreadable: OnUnreadable | None = None) -> DynamoDbRunStore:
        """The ledger's part on recovery, to read from; see `ledger`."""
        return DynamoDbRunStore(
            *self._table(), clock=_now, retention=None, on_unreadable=on_unreadable, shows_the_rest=True
        )

    def histories(self) -> DynamoDbJobHistories:
        """All about single jobs, to read from: what one job's items are is one answer, or an error."""
        return DynamoDbJobHistories(*self._table(), clock=_now, retention=None)

    def sweeps(self) -> DynamoDbSweepStore:
        """How far the sweeps have come, to read from."""
        return DynamoDbSweepStore(*self._table())

    def starts(self) -> DynamoDbStarts:
        """How long starting took earlier jobs, to read from; a measurement that cannot be read is left out."""
        return DynamoDbStarts(*self._table(), clock=_now, retention=None, on_unreadable=lambda _: None)

    def summaries(self, on_unreadable: OnUnreadable | None = None) -> DynamoDbRunSummaries:
        """The summaries of runs, to read from; see `ledger`."""
        return DynamoDbRunSummaries(
            *self._table(), clock=_now, retention=None, on_unreadable=on_unreadable, shows_the_rest=True
        )

    def _table(self) -> "tuple[DynamoDBClient, str]":
        with asking_aws():
            return self.session.client("dynamodb"), self.outputs["LedgerTableName"]


def _now() -> datetime:
    return datetime.now(UTC)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options by which every command finds its deployment."""
    parser.add_argument("--stack", default=STACK, help="name of the CloudFormation stack (default: %(default)s)")
    parser.add_argument(
        "--hub-region",
        help="region of that stack (default: AWS_REGION, AWS_DEFAULT_REGION, or the region of your AWS profile)",
    )
    parser.add_argument("--profile", help="AWS profile (default: your AWS configuration's)")


def pasted(arguments: argparse.Namespace, commands: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Next commands with the options by which this one found its deployment, as far as they have them."""
    profile = _option("--profile", arguments.profile)
    stack = _option("--stack", None if arguments.stack == STACK else arguments.stack)
    all_three = f"{stack}{_option('--hub-region', arguments.hub_region)}{profile}"

    def options(command: str) -> str:
        match command.split():
            case ["respot", "policy", "check", *_]:
                return ""
            case ["respot", "checkpoints", *_]:
                return profile
            case ["respot", *_]:
                return all_three
            case _:
                return ""

    return tuple((f"{command}{options(command)}", what) for command, what in commands)


def _option(name: str, value: str | None) -> str:
    return "" if value is None else f" {name} {shlex.quote(one_line(value))}"


def find(arguments: argparse.Namespace) -> Deployment:
    """The deployment that the options name.

    AWS_REGION comes before AWS_DEFAULT_REGION and the profile's region, as with the AWS CLI; boto3 does not read it
    (https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html, https://github.com/boto/boto3/issues/3620).

    Raises:
        CommandError: there is none, or AWS could not be asked.
    """
    # Help and wrong usage need not wait for it.
    from boto3.session import Session  # noqa: PLC0415

    with asking_aws():
        region = arguments.hub_region or os.environ.get("AWS_REGION") or None
        session = Session(profile_name=arguments.profile, region_name=region)
        if session.region_name is None:
            message = "no AWS region: name the hub region with --hub-region, or set AWS_REGION"
            raise CommandError(message, ExitCode.AWS_UNAVAILABLE)
        stacks = session.client("cloudformation").describe_stacks(StackName=arguments.stack)["Stacks"]
    outputs = outputs_of(stacks[0])
    if "LedgerTableName" not in outputs:
        stack = f"stack {arguments.stack} in {session.region_name}"
        message = f"{stack} is no Respot deployment: check --stack and --hub-region"
        raise CommandError(message, ExitCode.NOT_FOUND)
    return Deployment(session=session, outputs=outputs, stack=arguments.stack)


def outputs_of(stack: "StackTypeDef") -> dict[str, str]:
    """A stack's outputs by name."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


@contextmanager
def asking_aws(*, missing: str = _MISSING) -> Iterator[None]:
    """AWS's errors in words for the person at the terminal; `missing` is what to do about what does not exist."""
    try:
        yield
    except ClientError as error:
        if _is_absence(error):
            message = f"{clause(words_of(error) or str(error))}: {missing}"
            raise CommandError(message, ExitCode.NOT_FOUND) from error
        raise CommandError(f"{clause(str(error))}; {advice(error)}", ExitCode.AWS_UNAVAILABLE) from error
    except (BotoCoreError, ValueError) as error:
        raise CommandError(f"{clause(str(error))}; {advice(error)}", ExitCode.AWS_UNAVAILABLE) from error


def _is_absence(error: ClientError) -> bool:
    """Whether what the call names does not exist; CloudFormation says it of a stack only in words."""
    no_stack = code_of(error) == "ValidationError" and "does not exist" in words_of(error)
    return no_stack or answer_of(error) is Answer.ABSENT


def advice(error: BaseException | None) -> str:
    """What a person can do about an error of AWS or of its client."""
    match error:
        case ClientError() if answer_of(error) is Answer.DENIED:
            return "ask your administrator for this permission"
        case ClientError() if answer_of(error) is Answer.SESSION:
            return "renew your AWS credentials, for example with aws sso login, then try again"
        case ProfileNotFound():
            return "aws configure list-profiles shows those you have"
        case NoCredentialsError() | PartialCredentialsError() | SSOError() | TokenRetrievalError():
            return "set up or renew your AWS credentials, or choose others with --profile"
        case NoRegionError():
            return "name the hub region with --hub-region, or set AWS_REGION"
        case ValueError() if not isinstance(error, BotoCoreError):  # botocore's, of AWS_ENDPOINT_URL=notaurl for one
            return "correct the environment variables that begin with AWS_, or your AWS profile"
        case BotoCoreError():
            return "check the network and the region, then try again"
        case _:
            return "try again in a minute"
