"""Respot deployed into a local AWS account, with Slack, a machine subscriber and what training jobs need."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from infra import cdk
from local import PROJECT, run_program
from local.demo.slack_receiver import SlackReceiver
from local.emulator.account import LocalAccount
from local.sagemaker.runner import utc_now
from local.sagemaker.service import LIFECYCLE_TAG
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore

STACK: Final = "Respot"
SLACK_SECRET: Final = "respot/slack-webhook"  # noqa: S105 - a name
_TAIL: Final = 40

_CONTEXT: Final = {
    "respot:slack_webhook_secret": SLACK_SECRET,
    "respot:slack_retry_seconds": "1",
    "respot:removal_policy": "destroy",
    # A sweep is called when something was lost, and must not wait for events that will not come.
    "respot:event_grace_seconds": "0",
    # Lifecycles of hours pass in seconds here: everything would be in one digest.
    "respot:digest_seconds": "0",
    # Narrower than as shipped, so that there is a role that may not be passed; that of `prepare` may.
    "respot:training_roles": '["SageMaker*"]',
    # The same for instance types.
    "respot:training_instance_types": '["ml.g5.*", "ml.m5.*", "ml.p3.*"]',
}


class DeploymentError(Exception):
    """The CDK CLI failed; the message ends with its output."""


_ROLE: Final = "SageMakerTrainingRole"
# The permissions of an execution role for CreateTrainingJob, with those for a VPC and without S3, which `prepare`
# grants for the buckets: docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html. The SageMaker Python SDK v3
# asks IAM whether a role has them before it creates a job.
_EXECUTION: Final = (
    *("cloudwatch:PutMetricData", "ecr:GetAuthorizationToken"),
    *("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"),
    *("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"),
    *("ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"),
    *("ec2:DeleteNetworkInterfacePermission", "ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcs"),
    *("ec2:DescribeDhcpOptions", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"),
)
_IMAGE: Final = "763104351884.dkr.ecr.{region}.amazonaws.com/pytorch-training:2.5.1-gpu-py311"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingGround:
    """A region with a bucket for data, checkpoints and models, and a role that may use it."""

    account: LocalAccount
    bucket: str
    role_arn: str
    region: str

    def environment(self) -> dict[str, str]:
        """The variables from which the scripts in `examples/` take role and bucket."""
        return {"SAGEMAKER_ROLE": self.role_arn, "SAGEMAKER_BUCKET": self.bucket}

    def request(
        self,
        name: str,
        *,
        lifecycle: str | None = None,
        spot: bool = True,
        tags: Mapping[str, str] | None = None,
        checkpoints: str | None = None,
        **members: object,
    ) -> dict[str, Any]:
        """A CreateTrainingJob request; `checkpoints` is a key prefix other than the job's own.

        A member given by keyword replaces the whole member; None leaves it out.
        """
        all_tags = {"project": "demo", **(tags or {}), **({LIFECYCLE_TAG: lifecycle} if lifecycle else {})}
        prefix = f"s3://{self.bucket}/data/train/"
        source = {"S3DataType": "S3Prefix", "S3Uri": prefix, "S3DataDistributionType": "FullyReplicated"}
        request = {
            "TrainingJobName": name,
            "RoleArn": self.role_arn,
            "HyperParameters": {"epochs": "10", "sagemaker_program": "train.py"},
            "AlgorithmSpecification": {"TrainingImage": _IMAGE.format(region=self.region), "TrainingInputMode": "File"},
            "InputDataConfig": [{"ChannelName": "training", "DataSource": {"S3DataSource": source}}],
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.bucket}/output"},
            "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100},
            "StoppingCondition": {"MaxRuntimeInSeconds": 14400, **({"MaxWaitTimeInSeconds": 21600} if spot else {})},
            "EnableManagedSpotTraining": spot,
            "CheckpointConfig": {"S3Uri": f"s3://{self.bucket}/{checkpoints or f'checkpoints/{name}/'}"},
            "Tags": [{"Key": key, "Value": value} for key, value in all_tags.items()],
            **members,
        }
        return {member: value for member, value in request.items() if value is not None}

    def create(self, name: str, **options: Any) -> str:  # noqa: ANN401 - those of `request`
        """Create a training job with the options of `request`; gives its ARN."""
        sagemaker = self.account.client("sagemaker", region=self.region)
        return str(sagemaker.create_training_job(**self.request(name, **options))["TrainingJobArn"])


def prepare(account: LocalAccount, *, bucket: str = "ml-bucket") -> TrainingGround:
    """Create the bucket and the role in the account's own region."""
    iam = account.client("iam")
    account.client("s3").create_bucket(Bucket=bucket)
    trust = policy(Principal={"Service": "sagemaker.amazonaws.com"})
    role = iam.create_role(RoleName=_ROLE, AssumeRolePolicyDocument=trust)["Role"]
    execution = policy(Action=_EXECUTION, Resource="*")
    iam.put_role_policy(RoleName=_ROLE, PolicyName="Execution", PolicyDocument=execution)
    # Of these buckets, in any region, like the role.
    buckets = [f"arn:aws:s3:::{bucket}{rest}" for rest in ("", "/*", "-*")]
    data = policy(Action=["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource=buckets)
    iam.put_role_policy(RoleName=_ROLE, PolicyName="Data", PolicyDocument=data)
    return TrainingGround(account=account, bucket=bucket, role_arn=role["Arn"], region=account.region)


def policy(**statement: object) -> str:
    """A policy document with one statement, by default the one that lets a principal assume a role."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedAccount:
    """A local AWS account in which Respot runs.

    `grounds` are what training jobs need in each region, the hub's first, `forwarders` the outputs of the forwarder's
    stack in each region but the hub's. `subscriber_url` is an SQS queue that subscribes to the alerts topic, as a
    machine would.
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
        """Reads the ledger."""
        return DynamoDbLedger(self.client("dynamodb"), self.outputs["LedgerTableName"], clock=utc_now, retention=None)

    def runs(self) -> DynamoDbRunStore:
        """Reads the ledger's part on recovery."""
        return DynamoDbRunStore(self.client("dynamodb"), self.outputs["LedgerTableName"], clock=utc_now, retention=None)

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

    def dead_letters(self) -> dict[str, int]:
        """How many messages are in each dead-letter queue that is not empty, by the name of its output."""
        depths = {name: self.queue_depth(url) for name, url in self.outputs.items() if name.endswith("DlqUrl")}
        return {name: depth for name, depth in depths.items() if depth}

    def job_names(self, prefix: str) -> list[str]:
        """The hub region's jobs in SageMaker whose names begin like this, sorted."""
        pages = self.client("sagemaker").get_paginator("list_training_jobs").paginate(NameContains=prefix)
        names = (job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"])
        return sorted(name for name in names if name.startswith(prefix))


@contextmanager
def deployed_account(
    *,
    directory: Path | None = None,
    delivery: str = "",
    lifecycle: str = "",
    context: Mapping[str, str] | None = None,
    watched: Sequence[str] = (),
    stage: Callable[[str], None] = lambda _: None,
) -> Iterator[DeployedAccount]:
    """Start an account and deploy Respot into it, as the README's commands would into a real one.

    `delivery` and `lifecycle` are those of `LocalAccount`; `context` adds to the CDK context; `watched` are more
    regions to watch than the account's own, which becomes the hub. `stage` is called with the name of each stage as it
    begins. Raises DeploymentError.
    """
    with ExitStack() as stack:
        # Not the project's directory: there the CLI would synthesize the stacks before it bootstraps.
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="respot-deploy-")))
        slack = stack.enter_context(SlackReceiver())
        stage("Starting a local AWS account")
        account = stack.enter_context(LocalAccount(directory=directory, delivery=delivery, lifecycle=lifecycle))
        environment, assembly, written = account.process_environment(), str(work / "assembly"), work / "outputs.json"
        regions = [account.region, *watched]
        settings = {**_CONTEXT, **({"respot:regions": json.dumps(regions)} if watched else {}), **(context or {})}
        values = [word for name, value in settings.items() for word in ("--context", f"{name}={value}")]
        stage("Bootstrapping the account, and synthesizing the stack")
        # Synthesis needs no account: the two run side by side.
        with ThreadPoolExecutor(max_workers=1) as pool:
            synthesis = pool.submit(_cdk, environment, PROJECT, "synth", "--quiet", "--output", assembly, *values)
            _cdk(environment, work, "bootstrap", *(f"aws://{account.account_id}/{region}" for region in regions))
            account.client("secretsmanager").create_secret(Name=SLACK_SECRET, SecretString=slack.url)
            synthesis.result()
        stage("Deploying Respot")
        deployment = ("deploy", "--app", assembly, "--all", "--require-approval", "never")
        _cdk(environment, work, *deployment, "--concurrency", "4", "--outputs-file", str(written))
        stacks: dict[str, dict[str, str]] = json.loads(written.read_text())
        ground = prepare(account)
        grounds = {account.region: ground}
        for region in watched:
            grounds[region] = replace(ground, bucket=f"{ground.bucket}-{region}", region=region)
            bucket, place = grounds[region].bucket, {"LocationConstraint": region}
            account.client("s3", region=region).create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        yield DeployedAccount(
            account=account,
            grounds=grounds,
            outputs=stacks[STACK],
            forwarders={each: stacks[f"{STACK}Forwarder-{account.region}-{each}"] for each in watched},
            slack=slack,
            subscriber_url=_subscribe(account, stacks[STACK]["AlertsTopicArn"]),
        )


def _cdk(environment: Mapping[str, str], directory: Path, command: str, *arguments: str) -> None:
    words = cdk.command(command, *arguments, "--no-notices", "--ci", "--progress", "events")
    result = run_program(words, cwd=directory, env=cdk.environment(environment))
    if result.returncode:
        tail = "\n".join(result.stdout.splitlines()[-_TAIL:])
        raise DeploymentError(f"cdk {command} ended with exit code {result.returncode}\n{tail}")


def _subscribe(account: LocalAccount, topic_arn: str) -> str:
    sqs = account.client("sqs")
    url: str = sqs.create_queue(QueueName="alert-subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = policy(
        Action="sqs:SendMessage",
        Principal={"Service": "sns.amazonaws.com"},
        Resource=arn,
        Condition={"ArnEquals": {"aws:SourceArn": topic_arn}},
    )
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": allowed})
    account.client("sns").subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    return url
