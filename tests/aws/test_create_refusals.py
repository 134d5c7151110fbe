"""Words of refused creations, from AWS's documentation and from public reports."""

import pytest

from respot.aws.sagemaker.create_refusals import METRICS, for_now, never_fits, not_offered, reach_of_quota, unwanted
from respot.errors import Postponement, Reach

ADVICE = (
    " Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, "
    "contact AWS support to request an increase for this quota."
)


def limit(name: str, limited: str, used: str = "0", delta: str = "1") -> str:
    return (
        f"The account-level service limit '{name}' is {limited} Instances, with current utilization of {used} "
        f"Instances and a request delta of {delta} Instances." + ADVICE
    )


def why(needs: int, limited: str = "0", name: str | None = None) -> str:
    quoted = f"'{name}' " if name else ""
    return f"the quota {quoted}is {limited} and the job needs {needs}"


SPOT = "ml.g5.2xlarge for spot training job usage"
USAGE = "ml.p3.2xlarge for training job usage"
ALL = "Number of instances across all processing jobs"
NOWHERE = "The requested resource training-job/ml.p2.xlarge is not available in this region"
IN_LINES = (
    "The account-level service limit 'ml.p3dn.24xlarge\nfor training job usage' is 0 Instances, with current "
    "utilization of 0 Instances\nand a request delta of 1 Instances.\nPlease contact AWS support to request an "
    "increase for this limit."
)
OLDER = (
    "The account-level service limit for training-job/ml.p2.xlarge is 0 Instances, with current utilization of "
    "0 Instances and a request delta of 2 Instances. Please contact AWS support to request an increase."
)
QUOTAS = {
    "a quota of 0": (limit(SPOT, "0"), why(1, name=SPOT)),
    "a fraction": (limit(SPOT, "0.0"), why(1, "0.0", SPOT)),
    "more than the quota": (limit(SPOT, "2", "0", "4"), why(4, "2", SPOT)),
    "thousands": (limit(SPOT, "1,000", "0", "1,024"), why(1024, "1,000", SPOT).replace("1024", "1,024")),
    "lines, in AWS's documentation": (IN_LINES, why(1, name="ml.p3dn.24xlarge for training job usage")),
    "the older words": (OLDER, why(2, name="training-job/ml.p2.xlarge")),
    "a quota of the account": (limit(ALL, "4", "0", "11"), why(11, "4", ALL)),
    "no delta: the job's own count": (f"account-level service limit '{USAGE}' is 1 Instances", why(2, "1", USAGE)),
    "limit of": ("You exceed the limit of 0 jobs.", why(2)),
    "at the end of a sentence": ("The limit is 0.", why(2)),
    "not in the region": (NOWHERE, NOWHERE),
    "used up": (limit(SPOT, "2", "2", "1"), None),
    "overdrawn": (limit(USAGE, "2", "3", "1"), None),
    "fits alone": (limit(SPOT, "2", "1", "2"), None),
    "no delta, and fits": (f"account-level service limit '{USAGE}' is 2 Instances", None),
    "the only figure is another": ("The limit was reached: current utilization is 0 Instances", None),
    "another language": ("Das Limit für 'ml.p3.2xlarge' liegt bei 0 Instanzen", None),
    "advice that says not available": ("The limit for ml.p3.2xlarge was reached." + ADVICE, None),
    "for now": ("ml.g5.xlarge is not available at this time", None),
    "about no type": ("Unsupported request", None),
    "nothing": ("", None),
}


@pytest.mark.parametrize(("words", "reason"), QUOTAS.values(), ids=QUOTAS)
def test_a_quota_that_the_job_alone_exceeds_never_fits_and_any_other_may(words: str, reason: str | None) -> None:
    assert never_fits(words, instances=2) == reason


@pytest.mark.parametrize(
    "words",
    [
        "Unsupported instance type ml.p3dn.24xlarge",
        "Instance type ml.c4.2xlarge is not supported by algorithm image-classification; only GPU instances are.",
        (
            "1 validation error detected: Value 'ml.t2.medium' at 'resourceConfig.instanceType' failed to satisfy "
            "constraint: Member must satisfy enum value set: [ml.p2.xlarge, ml.m5.4xlarge]"
        ),
        "Managed spot training isn't supported for ml.p6-b200.48xlarge",
        "The requested resource training-job/ml.p2.xlarge is not available in this region",
        "The instance type 'ml.p3dn.24xlarge' that you requested isn't available in eu-north-1",
        "Instance type ml.p3.2xlarge is not currently supported for training jobs",
        "Instance type ml.p6-b200.48xlarge does not support managed spot training",
        "Only instance types ml.p3.2xlarge, ml.p3.8xlarge are supported by algorithm seq2seq",
        (
            "1 validation error detected: Value 'ml.t2.medium' at "
            "'resourceConfig.instanceGroups.1.member.instanceType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [ml.p2.xlarge, ml.m5.4xlarge]"
        ),
    ],
)
def test_a_type_that_is_not_offered_is_recognised(words: str) -> None:
    assert (not_offered(words) or "").startswith(words[:190])


@pytest.mark.parametrize(
    "words",
    [
        "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true",
        (
            "1 validation error detected: Value 'Pipes' at 'algorithmSpecification.trainingInputMode' failed to "
            "satisfy constraint: Member must satisfy enum value set: [Pipe, File, FastFile]"
        ),
        "Heterogeneous clusters are not supported with instance type ml.c5.xlarge",
        "MaxRuntimeInSeconds of 864000 is not supported for instance type ml.p3.2xlarge",
        "For instance type ml.p3.2xlarge, a maximum runtime of 864000 seconds is not supported",
        "Instance type ml.g5.xlarge does not support VolumeKmsKeyId",
        "Instance type ml.g5.xlarge is not supported with the given KMS key",
        "FastFile is the only input mode supported on instance type ml.trn1.2xlarge",
        (
            "1 validation error detected: Value 'Pipes' at 'algorithmSpecification.trainingInputMode' failed to "
            "satisfy constraint: Member must satisfy enum value set: [Pipe, File]. See the instance "
            "types that support it."
        ),
        (
            "2 validation errors detected: Value 'ml.t2.medium' at 'resourceConfig.instanceType' failed to satisfy "
            "constraint: Member must satisfy enum value set: [ml.p2.xlarge]; Value 'Pipes' at "
            "'algorithmSpecification.trainingInputMode' failed to satisfy constraint: …"
        ),
        "ml.g5.48xlarge is temporarily not available. Try again in a few minutes, or try a different instance type.",
        "Could not assume role arn:aws:iam::111122223333:role/Training",
    ],
)
def test_other_refusals_are_about_no_type(words: str) -> None:
    assert not_offered(words) is None


@pytest.mark.parametrize(
    ("name", "reach"),
    [
        (SPOT, Reach.POOL),
        ("ml.p3.2xlarge for training job usage", Reach.POOL),
        ("Number of instances across all spot training jobs", Reach.MARKET),
        ("Maximum instances per spot training job", Reach.MARKET),
        ("Maximum number of instances per spot training job", Reach.MARKET),
        ("Number of instances across all training jobs", Reach.MARKET),
        ("Maximum number of instances per training job", Reach.MARKET),
        ("Number of instances across all processing jobs", Reach.ANYWHERE),
        ("Longest run time for a training job", Reach.ANYWHERE),
        ("Size of EBS volume for a training job instance", Reach.ANYWHERE),
    ],
)
def test_a_quota_rules_out_its_type_or_else_its_market(name: str, reach: Reach) -> None:
    """Names of SageMaker's quotas, as Service Quotas lists them."""
    assert reach_of_quota(limit(name, "0")) is reach


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Rate exceeded", Postponement.THROTTLED),
        ("Too many requests. Please slow down.", Postponement.THROTTLED),
        ("Request was throttled", Postponement.THROTTLED),
        ("ml.g5.48xlarge is temporarily unavailable", Postponement.CAPACITY),
        ("Instance type ml.g5.48xlarge is currently not available in this region", Postponement.CAPACITY),
        ("ml.g5.48xlarge is not available at this time", Postponement.CAPACITY),
        ("We currently do not have sufficient ml.p4d.24xlarge capacity in the zone", Postponement.CAPACITY),
        ("Insufficient capacity error from EC2", Postponement.CAPACITY),
        ("Capacity is not available", Postponement.CAPACITY),
        ("Something went wrong. Please try again later.", Postponement.CAPACITY),
        ("Insufficient permissions for the role", None),
        ("Managed spot training is not currently supported for this algorithm", None),
        ("Instance type ml.p3.2xlarge is not supported at this time", None),
        ("The job names a capacity reservation that does not exist", None),
        ("We can't run it, for we don't have enough capacity; it wasn't your fault", Postponement.CAPACITY),
        ("The image 'a' isn't there. Rate exceeded for 'b'", Postponement.THROTTLED),
        ("Rate exceeded: s3://bucket/support", Postponement.THROTTLED),
        ("s3://bucket/support is not available at this time", Postponement.CAPACITY),
        ("Invalid S3 URI s3://b/retry-later; please try again in 5 minutes", Postponement.CAPACITY),
        ("Could not assume role arn:aws:iam::111122223333:role/temporary.", None),
        ("The role name: temporary does not exist", None),
        ("Cannot find repository: throttling-study in registry ID: 1", None),
        ("Cannot find repository: throttled in registry ID: 1", None),
        ("Cannot find image throttle_test.tar", None),
        ("Cannot find throttle=1 nor try-it\\later nor throttled.git", None),
        ("The image '1.dkr.ecr.us-east-1.amazonaws.com/throttle-test:latest' does not exist", None),
        ('The experiment "temporary" does not exist', None),
        ("The experiment `no more capacity` does not exist", None),
        ("The channel 'try it\nlater' does not exist", None),
        ("KMS key alias/temporary is not found", None),
        ("1 validation error detected: Value 'it's throttled' at 'hyperParameters' failed to satisfy it", None),
        ("2 validation errors detected: Value 'it's temporary' at 'hyperParameters' failed to satisfy it", None),
        ("", None),
    ],
)
def test_a_temporary_refusal_is_distinguished_from_a_final_one(words: str, reason: Postponement | None) -> None:
    assert for_now(words) is reason


@pytest.mark.parametrize(
    ("words", "unwanted_members"),
    [
        ("You can't override the metric definitions for Amazon SageMaker algorithms. Please retry.", METRICS),
        ("You cannot override the metric definitions for AWS Marketplace algorithms.", METRICS),
        ("MetricDefinitions is not supported for this image", METRICS),
        ("Could not assume role", None),
    ],
)
def test_metric_definitions_are_unwanted_in_any_of_their_words(words: str, unwanted_members: str | None) -> None:
    assert unwanted(words) == unwanted_members
