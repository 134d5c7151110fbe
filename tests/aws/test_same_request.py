"""A job that was created from a request is recognised by its description; one that differs in what it does is not."""

from typing import Any

import pytest

from local.sagemaker.answers import with_defaults
from respot.aws.sagemaker.cloning import members
from respot.recovery.planning.decision import Placement
from respot.recovery.same_request import CHANGED_LATER, difference
from tests.aws.cloning import ATTEMPT, clone, described, model, on_demand, resources, spot
from tests.support.builders import arn_of, payload, payload_names

DATA = {"S3DataType": "S3Prefix", "S3Uri": "s3://ml-bucket/other"}
RULE = {"RuleConfigurationName": "a", "RuleEvaluatorImage": "theirs"}
PLACES = [spot(), on_demand(), spot("ml.g6.48xlarge"), on_demand("ml.p4d.24xlarge")]


def answer_to(request: dict[str, Any]) -> dict[str, Any]:
    """What Describe answers of the job that the request creates."""
    return with_defaults(request) | {"TrainingJobArn": arn_of(ATTEMPT), "CreationTime": "2026-09-16T16:00:00Z"}


@pytest.mark.parametrize("placement", PLACES, ids=lambda each: f"{each.market} {each.instance_type}")
@pytest.mark.parametrize("name", payload_names("describe_*"))
def test_the_job_of_a_request_is_the_same_request_again(name: str, placement: Placement) -> None:
    request = clone(payload(name), placement, tags={"team": "vision"})
    assert difference(request, clone(answer_to(request), placement)) is None


@pytest.mark.parametrize(
    ("member", "others"),
    [
        ("RoleArn", {"RoleArn": "arn:aws:iam::111122223333:role/Other"}),
        ("AlgorithmSpecification", {"AlgorithmSpecification": {"TrainingImage": "other", "TrainingInputMode": "File"}}),
        ("CheckpointConfig", {"CheckpointConfig": {"S3Uri": "s3://ml-bucket/other/"}}),
        ("InputDataConfig", {"InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": DATA}}]}),
        ("OutputDataConfig", {"OutputDataConfig": {"S3OutputPath": "s3://ml-bucket/other"}}),
        ("HyperParameters", {"HyperParameters": {"steps": "2"}}),
        ("Environment", {"Environment": {"STEPS": "2"}}),
        ("VpcConfig", {"VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}}),
        ("ResourceConfig", resources(InstanceCount=2, VolumeSizeInGB=100)),
        ("EnableNetworkIsolation", {"EnableNetworkIsolation": True}),
        ("EnableInterContainerTrafficEncryption", {"EnableInterContainerTrafficEncryption": True}),
        ("DebugHookConfig", {"DebugHookConfig": {"S3OutputPath": "s3://theirs/"}}),
        ("DebugRuleConfigurations", {"DebugRuleConfigurations": [RULE]}),
        ("TensorBoardOutputConfig", {"TensorBoardOutputConfig": {"S3OutputPath": "s3://theirs/"}}),
        ("RetryStrategy", {"RetryStrategy": {"MaximumRetryAttempts": 30}}),
        ("ExperimentConfig", {"ExperimentConfig": {"ExperimentName": "theirs"}}),
        ("InfraCheckConfig", {"InfraCheckConfig": {"EnableInfraCheck": True}}),
        ("StoppingCondition", {"StoppingCondition": {"MaxRuntimeInSeconds": 1, "MaxPendingTimeInSeconds": 7200}}),
    ],
)
def test_a_job_that_differs_in_what_it_does_is_another(member: str, others: dict[str, Any]) -> None:
    """Whichever of the two has the member."""
    assert difference(clone(), clone(described(**others))) == member
    assert difference(clone(described(**others)), clone()) == member


def test_a_member_of_a_future_model_is_compared_as_well() -> None:
    assert difference(clone(), clone() | {"SomethingNewConfig": {"On": True}}) == "SomethingNewConfig"


def test_the_order_of_subnets_and_security_groups_makes_no_other_job() -> None:
    groups, subnets = ["sg-1", "sg-2"], ["subnet-1", "subnet-2"]
    one = described(VpcConfig={"SecurityGroupIds": groups, "Subnets": subnets})
    other = described(VpcConfig={"SecurityGroupIds": groups[::-1], "Subnets": subnets[::-1]})
    assert difference(clone(one), clone(other)) is None


def test_what_updatetrainingjob_changes_is_not_compared_and_nothing_else() -> None:
    """Anyone who may call it would otherwise turn an attempt into a stranger with new budgets."""
    update = model().operation_model("UpdateTrainingJob").input_shape
    assert update
    changed = set(members(update)) - {"TrainingJobName", "ResourceConfig"}
    assert {path for path in changed if path.partition(".")[0] not in CHANGED_LATER} == {
        "ResourceConfig.KeepAlivePeriodInSeconds"
    }
    assert changed >= CHANGED_LATER
    debug = {"RemoteDebugConfig": {"EnableRemoteDebug": True}}
    assert difference(clone(), clone(described(**debug))) is None


def test_what_sagemaker_or_its_user_may_change_makes_no_other_job() -> None:
    metrics = [{"Name": "loss", "Regex": "loss:(.*)"}]
    added = described()["AlgorithmSpecification"] | {"MetricDefinitions": metrics}
    warm = described()["ResourceConfig"] | {"KeepAlivePeriodInSeconds": 600}
    changed = described(AlgorithmSpecification=added, ResourceConfig=warm, StoppingCondition={"MaxRuntimeInSeconds": 1})
    place = on_demand()
    assert difference(clone(placement=place), clone(changed, place)) is None
