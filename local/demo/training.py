"""What a training job needs around it in the local account: a bucket and a role."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from local.emulator.account import LocalAccount
from local.sagemaker.service import LIFECYCLE_TAG

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


def prepare_elsewhere(ground: TrainingGround, region: str) -> TrainingGround:
    """Create a bucket in another region, for the same role."""
    bucket, place = f"{ground.bucket}-{region}", {"LocationConstraint": region}
    ground.account.client("s3", region=region).create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
    return replace(ground, bucket=bucket, region=region)


def policy(**statement: object) -> str:
    """A policy document with one statement, by default the one that lets a principal assume a role."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
