"""Respot deployed into a local AWS account, with Slack, a machine subscriber and what training jobs need."""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from local import training
from local.account import LocalAccount
from local.deploy import Cdk
from local.slack_receiver import SlackReceiver
from local.training import TrainingGround
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore

PROJECT: Final = Path(__file__).resolve().parent.parent
STACK: Final = "Respot"
SLACK_SECRET: Final = "respot/slack-webhook"  # noqa: S105 - a name

_CONTEXT: Final = {
    "respot:slack_webhook_secret": SLACK_SECRET,
    "respot:slack_retry_seconds": "1",
    "respot:removal_policy": "destroy",
    # A sweep is called when something was lost, and must not wait for events that will not come.
    "respot:event_grace_seconds": "0",
    # Lifecycles of hours pass in seconds here: all that happens would be one storm.
    "respot:digest_seconds": "0",
    # Narrower than as shipped, so that there is a role that may not be passed; that of `training.prepare` may.
    "respot:training_roles": '["SageMaker*"]',
    # The same for instance types.
    "respot:training_instance_types": '["ml.g5.*", "ml.m5.*", "ml.p3.*"]',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedAccount:
    """A local AWS account in which Respot runs.

    Attributes:
        account: the account.
        grounds: by region, the hub's first, what training jobs need there, and the way to create them.
        outputs: the outputs of the stack `Respot`.
        forwarders: by region other than the hub's, the outputs of its stack `RespotForwarder-<hub region>-<region>`.
        slack: where `slack` posts.
        subscriber_url: an SQS queue that subscribes to the alerts topic, as a machine would.
    """

    account: LocalAccount
    grounds: Mapping[str, TrainingGround]
    outputs: Mapping[str, str]
    forwarders: Mapping[str, Mapping[str, str]]
    slack: SlackReceiver
    subscriber_url: str
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def ground(self) -> TrainingGround:
        """What training jobs need in the hub region."""
        return self.grounds[self.account.region]

    def client(self, service: str, region: str | None = None) -> Any:  # noqa: ANN401 - as boto3 types it
        """The root user's client, one for each service and region."""
        key = service, region or self.account.region
        if key not in self._clients:
            self._clients[key] = self.account.client(service, region=region)
        return self._clients[key]

    def ledger(self) -> DynamoDbLedger:
        """The ledger, to look into."""
        return DynamoDbLedger(
            self.client("dynamodb"), self.outputs["LedgerTableName"], clock=lambda: datetime.now(UTC), retention=None
        )

    def runs(self) -> DynamoDbRunStore:
        """The ledger's part on recovery, to look into."""
        return DynamoDbRunStore(
            self.client("dynamodb"), self.outputs["LedgerTableName"], clock=lambda: datetime.now(UTC), retention=None
        )

    def sweep(self) -> None:
        """Have Respot sweep now, as its schedule does every few minutes."""
        answer = self.client("lambda").invoke(FunctionName=self.outputs["SweepFunctionName"])
        if "FunctionError" in answer:
            raise RuntimeError(f"the sweep failed: {answer['Payload'].read().decode()}")

    def queue_depth(self, url: str, region: str | None = None) -> int:
        """How many messages are in a queue, hidden ones included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client("sqs", region).get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)


@contextmanager
def deployed_account(
    *,
    directory: Path | None = None,
    delivery: str = "",
    lifecycle: str = "",
    recording: Path | None = None,
    context: Mapping[str, str] | None = None,
    watched: Sequence[str] = (),
) -> Iterator[DeployedAccount]:
    """Start an account and deploy Respot into it, as the README's commands would into a real one.

    `delivery`, `lifecycle` and `recording` are those of `LocalAccount`; `context` adds to the CDK context; `watched`
    are regions to watch besides the account's own, which becomes the hub.
    """
    with ExitStack() as stack:
        assembly = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="respot-assembly-")))
        slack = stack.enter_context(SlackReceiver())
        account = stack.enter_context(
            LocalAccount(directory=directory, delivery=delivery, lifecycle=lifecycle, recording=recording)
        )
        cdk = Cdk(environment=account.process_environment())
        regions = [account.region, *watched]
        settings = {**_CONTEXT, **({"respot:regions": json.dumps(regions)} if watched else {}), **(context or {})}
        # Synthesis needs no account: the two run side by side.
        with ThreadPoolExecutor(max_workers=1) as pool:
            synthesis = pool.submit(cdk.synthesize, PROJECT, assembly, context=settings)
            cdk.bootstrap(account.account_id, regions)
            account.client("secretsmanager").create_secret(Name=SLACK_SECRET, SecretString=slack.url)
            synthesis.result()
        stacks = cdk.deploy(assembly)
        outputs = stacks[STACK]
        subscriber_url = _subscribe(account, outputs["AlertsTopicArn"])
        ground = training.prepare(account)
        yield DeployedAccount(
            account=account,
            grounds={account.region: ground} | {each: training.prepare_elsewhere(ground, each) for each in watched},
            outputs=outputs,
            forwarders={each: stacks[f"{STACK}Forwarder-{account.region}-{each}"] for each in watched},
            slack=slack,
            subscriber_url=subscriber_url,
        )


def _subscribe(account: LocalAccount, topic_arn: str) -> str:
    sqs = account.client("sqs")
    url: str = sqs.create_queue(QueueName="alert-subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = _policy(
        "sqs:SendMessage",
        Principal={"Service": "sns.amazonaws.com"},
        Resource=arn,
        Condition={"ArnEquals": {"aws:SourceArn": topic_arn}},
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    account.client("sns").subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    return url


def _policy(action: str, **rest: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **rest}]})
