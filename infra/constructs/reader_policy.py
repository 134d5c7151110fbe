"""A policy for people: all that the commands need that only read, and nothing that changes anything."""

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.config import Config
from infra.constructs.forwarding import stack_name
from infra.constructs.ledger import Ledger

_QUALIFIER: Final = "@aws-cdk/core:bootstrapQualifier"
_USUAL_QUALIFIER: Final = "hnb659fds"
_KEPT_OF_A_NAME: Final = 20
"""CloudFormation shortens the names that it makes for queues; as much of a long stack's name remains."""


class ReaderPolicy(Construct):
    """A managed policy that is attached to nobody.

    No queue may be received from: that hides a message from others for as long as the reader chooses.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        ledger: Ledger,
        topics: Sequence[sns.ITopic],
        parameters: Sequence[ssm.IStringParameter],
        secret: str | None,
    ) -> None:
        """Deploys the policy. Create it last: it covers the dead-letter queues that there are."""
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self._regions: Final = "*" if config.watched_regions else stack.region
        """Where the deployment has stacks."""
        forwarders = self._forwarders(config)
        queues = [
            each.queue_arn
            for each in stack.node.find_all()
            if isinstance(each, sqs.Queue) and each.node.id == "DeadLetters"
        ]
        qualifier = self.node.try_get_context(_QUALIFIER) or _USUAL_QUALIFIER
        statements = [
            *ledger.read_statements(),
            _allow(
                "cloudformation:DescribeStacks",
                self._arn("cloudformation", stack.region, f"stack/{stack.stack_name}/*"),
                *(self._arn("cloudformation", "*", f"stack/{name}*/*") for name in forwarders),
            ),
            _allow(
                "ssm:GetParameter",
                *(each.parameter_arn for each in parameters),
                self._arn("ssm", self._regions, f"parameter/cdk-bootstrap/{qualifier}/version"),
            ),
            _allow(
                "sns:ListSubscriptionsByTopic",
                *(each.topic_arn for each in topics),
                *(self._arn("sns", "*", f"{name}*") for name in forwarders),
            ),
            _allow(
                "sqs:GetQueueAttributes",
                *queues,
                *(self._arn("sqs", "*", f"{name[:_KEPT_OF_A_NAME]}*") for name in forwarders),
            ),
            # CloudWatch compares a list of alarms with this, whichever of them are asked for.
            _allow("cloudwatch:DescribeAlarms", self._arn("cloudwatch", self._regions, "alarm:*")),
            _allow("sagemaker:DescribeTrainingJob", self._arn("sagemaker", self._regions, "training-job/*")),
            _allow(
                ("logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"),
                self._arn("logs", self._regions, "log-group:/aws/sagemaker/TrainingJobs:*"),
            ),
            # The public price list has no resources.
            _allow("pricing:GetProducts", "*"),
        ]
        if config.checkpoint_buckets:
            buckets = [f"arn:{stack.partition}:s3:::{bucket}" for bucket in config.checkpoint_buckets]
            statements.append(_allow("s3:ListBucket", *buckets))
        if secret is not None:
            # The six characters with which Secrets Manager ends an ARN.
            named = self._arn("secretsmanager", stack.region, f"secret:{secret}-??????")
            statements.append(_allow("secretsmanager:DescribeSecret", named))
        policy = iam.ManagedPolicy(
            self,
            "Policy",
            description=f"What the commands need that only read the Respot stack {stack.stack_name}",
            statements=statements,
        )
        for wildcard in dict.fromkeys(finding for each in statements for finding in _findings(stack, each)):
            Validations.of(policy).acknowledge(
                Acknowledgment(
                    id=f"AwsSolutions-IAM5[Resource::{wildcard}]",
                    reason="Every action only reads. The names are those of any training job, of generated resources, "
                    "or of the setting checkpoint_buckets.",
                )
            )
        self.arn: Final = policy.managed_policy_arn

    def _forwarders(self, config: Config) -> list[str]:
        """How the names of the forwarders' stacks begin; none without other regions."""
        stack = Stack.of(self)
        return [stack_name(stack.stack_name, str(stack.region), "")] if config.watched_regions else []

    def _arn(self, service: str, region: str, rest: str) -> str:
        stack = Stack.of(self)
        return f"arn:{stack.partition}:{service}:{region}:{stack.account}:{rest}"


def _allow(actions: str | Sequence[str], *resources: str) -> iam.PolicyStatement:
    named = [actions] if isinstance(actions, str) else [*actions]
    return iam.PolicyStatement(actions=named, resources=[*resources])


def _findings(stack: Stack, statement: iam.PolicyStatement) -> list[str]:
    """The resources with a wildcard, as cdk-nag writes them: references in angle brackets."""
    written = [_as_nag_writes(stack.resolve(resource)) for resource in statement.resources]
    return [each for each in written if "*" in each]


def _as_nag_writes(value: Any) -> str:  # noqa: ANN401 - JSON of the template
    match value:
        case {"Fn::Join": ["", list(parts)]}:
            return "".join(map(_as_nag_writes, parts))
        case {"Ref": str(name)}:
            return f"<{name}>"
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return f"<{name}.{attribute}>"
    return str(value)
