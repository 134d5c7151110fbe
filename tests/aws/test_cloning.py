"""The next attempt's request, held against botocore's own model of SageMaker."""

import json
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import timedelta
from functools import cache
from typing import Any, Final

import pytest
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from local.sagemaker.answers import with_defaults
from local.sagemaker.validation import BUILT_IN_IMAGES
from respot.aws.sagemaker.cloning import (
    DESCRIBE_ONLY,
    RESERVED,
    attempt_request,
    carried_members,
    members,
    unknown_types,
)
from respot.errors import CloneRefusedError, Reach, UnrecoverableFieldError
from respot.jobs.algorithms import BUILT_IN_ALGORITHMS
from respot.jobs.job import Market
from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.decision import Placement
from tests.aws.cloning import (
    ATTEMPT,
    HOUR,
    LINEAGE,
    answer_shape,
    clone,
    create_shape,
    described,
    model,
    on_demand,
    raw_model,
    resources,
    spot,
    tags_of,
    unaccounted,
)
from tests.support.builders import ACCOUNT, NAME, arn_of, payload, payload_names

BUILT_IN: Final = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
METRICS: Final = [{"Name": "validation:auc", "Regex": "auc:(.*)"}]
PLAN: Final = "arn:aws:sagemaker:us-east-1:111122223333:training-plan/plan-1"
GROUPS: Final = [
    {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "InstanceGroupName": "gpu"},
    {"InstanceType": "ml.c5.xlarge", "InstanceCount": 2, "InstanceGroupName": "cpu"},
]
PROFILER: Final = {
    "S3OutputPath": "s3://ml-bucket/output",
    "ProfilingIntervalInMilliseconds": 500,
    "DisableProfiler": False,
}
PREFERENCES: Final = [{"InstanceType": "ml.g5.2xlarge"}, {"InstanceType": "ml.g6.2xlarge"}]


# The model, walked.


def altered(**shapes: Mapping[str, Any]) -> ServiceModel:
    """The model of another botocore: each named shape with these members as well."""
    raw = raw_model()
    changed = {
        name: raw["shapes"][name] | {"members": raw["shapes"][name]["members"] | new} for name, new in shapes.items()
    }
    return ServiceModel(raw | {"shapes": raw["shapes"] | changed}, "sagemaker")


def test_a_new_member_of_both_is_carried_at_any_depth() -> None:
    new = {"NewConfig": {"shape": "RetryStrategy"}}
    later = altered(
        CreateTrainingJobRequest=new, DescribeTrainingJobResponse=new, CheckpointConfig={"New": {"shape": "S3Uri"}}
    )
    assert unaccounted(later) == set()
    document = described(
        NewConfig={"MaximumRetryAttempts": 3}, CheckpointConfig={"S3Uri": "s3://b/c/", "New": "s3://b/d/"}
    )
    request = clone(document, service_model=later)
    assert request["NewConfig"] == document["NewConfig"]
    assert request["CheckpointConfig"] == document["CheckpointConfig"]


@pytest.mark.parametrize(
    ("shapes", "path"),
    [
        pytest.param({"CreateTrainingJobRequest": {"New": {"shape": "RetryStrategy"}}}, "New", id="of Create alone"),
        pytest.param({"DescribeTrainingJobResponse": {"New": {"shape": "Boolean"}}}, "New", id="of Describe alone"),
        pytest.param(
            {"DescribeTrainingJobResponse": {"VpcConfig": {"shape": "RetryStrategy"}}},
            "VpcConfig",
            id="in another form",
        ),
    ],
)
def test_any_other_new_member_is_noticed(shapes: dict[str, Any], path: str) -> None:
    assert path in unaccounted(altered(**shapes))


def test_a_member_that_comes_out_in_another_form_is_no_clone() -> None:
    later = altered(DescribeTrainingJobResponse={"RetryStrategy": {"shape": "VpcConfig"}})
    with pytest.raises(UnrecoverableFieldError, match=r"spot-job: RetryStrategy: .*in another form.*by hand"):
        clone(described(RetryStrategy={"MaximumRetryAttempts": 2}), service_model=later)


# Real answers.


@pytest.mark.parametrize("name", payload_names("describe_*"))
def test_a_described_job_is_cloned_to_the_field(name: str) -> None:
    document = payload(name)
    request = clone(document)
    changed = {"OutputDataConfig", "StoppingCondition", "ProfilerConfig"}
    for member in carried_members(model()) & create_shape().members.keys() - changed:
        assert request.get(member) == document.get(member)
    assert request["OutputDataConfig"] == {"S3OutputPath": "s3://ml-bucket/output", "CompressionType": "GZIP"}
    assert request["TrainingJobName"] == ATTEMPT
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert request.keys().isdisjoint(DESCRIBE_ONLY)


def test_the_description_is_left_as_it_was() -> None:
    document = payload("describe_s3_final")
    clone(document)["AlgorithmSpecification"]["TrainingInputMode"] = "Pipe"
    assert document == payload("describe_s3_final")


@pytest.mark.parametrize("placement", [spot(), on_demand()], ids=lambda placement: placement.market)
@pytest.mark.parametrize("name", payload_names("describe_*"))
def test_the_clone_of_a_clone_differs_by_name_and_lineage_alone(name: str, placement: Placement) -> None:
    first = clone(payload(name), placement, tags={"team": "vision"})
    answer = with_defaults(first) | {"TrainingJobArn": arn_of(ATTEMPT), "CreationTime": "2026-09-16T16:00:00Z"}
    second = attempt_request(
        answer,
        name=f"{NAME}-r3",
        tags=tags_of(first),
        lineage=Lineage(run=LINEAGE.run, attempt=3, parent=ATTEMPT),
        placement=placement,
        service_model=model(),
    )
    defaults = {"EnableNetworkIsolation": False, "EnableInterContainerTrafficEncryption": False}
    if placement.market is Market.ON_DEMAND:
        assert "EnableManagedSpotTraining" not in second
    apart = {"TrainingJobName": f"{NAME}-r3", "Tags": second["Tags"]}
    assert second == defaults | first | apart
    assert tags_of(second) == {"team": "vision", **Lineage(run=LINEAGE.run, attempt=3, parent=ATTEMPT).to_tags()}


# What merely stands for nothing.


@pytest.mark.parametrize(
    ("answered", "asked"),
    [
        pytest.param({"VpcConfig": {}}, {}, id="an empty structure"),
        pytest.param({"VpcConfig": {"SecurityGroupIds": [], "Subnets": []}}, {}, id="a structure of empty lists"),
        pytest.param({"InputDataConfig": []}, {}, id="no channels"),
        pytest.param({"RetryStrategy": None}, {}, id="null"),
        pytest.param({"HyperParameters": {}}, {"HyperParameters": {}}, id="hyperparameters, empty"),
        pytest.param({"Environment": {}}, {"Environment": {}}, id="environment, empty"),
        pytest.param({"Environment": {"DEBUG": ""}}, {"Environment": {"DEBUG": ""}}, id="an empty variable"),
        pytest.param({"HyperParameters": {"a": ""}}, {"HyperParameters": {"a": ""}}, id="an empty hyperparameter"),
        pytest.param(
            {"DebugHookConfig": {"S3OutputPath": "s3://b/", "CollectionConfigurations": [], "HookParameters": {}}},
            {"DebugHookConfig": {"S3OutputPath": "s3://b/"}},
            id="the debugger's empty collections",
        ),
        pytest.param({"EnableNetworkIsolation": False}, {"EnableNetworkIsolation": False}, id="a no is an answer"),
        pytest.param(
            {"RemoteDebugConfig": {"EnableRemoteDebug": False}},
            {"RemoteDebugConfig": {"EnableRemoteDebug": False}},
            id="a no within a structure",
        ),
        *(
            pytest.param({"ProfilerConfig": answered}, {}, id="the default profiler")
            for answered in (PROFILER, PROFILER | {"ProfilingParameters": {}})
        ),
        *(
            pytest.param({"ProfilerConfig": explicit}, {"ProfilerConfig": explicit}, id="an explicit profiler")
            for explicit in (
                {"DisableProfiler": True},
                PROFILER | {"S3OutputPath": "s3://elsewhere/"},
                PROFILER | {"ProfilingIntervalInMilliseconds": 100},
            )
        ),
    ],
)
def test_echoed_empties_are_left_out_and_data_is_kept(answered: dict[str, Any], asked: dict[str, Any]) -> None:
    plain = clone()
    request = clone(described() | answered)
    assert {name: value for name, value in request.items() if name not in plain} == asked


@pytest.mark.parametrize(
    ("answered", "asked"),
    [
        pytest.param(
            {"TrainingImage": "own", "ContainerArguments": ["--name", ""], "ContainerEntrypoint": []},
            {"TrainingImage": "own", "ContainerArguments": ["--name", ""]},
            id="an empty argument is an argument",
        ),
        pytest.param(
            {"TrainingImage": BUILT_IN, "MetricDefinitions": METRICS}, {"TrainingImage": BUILT_IN}, id="built in"
        ),
        pytest.param(
            {"AlgorithmName": "forest", "TrainingImage": BUILT_IN, "MetricDefinitions": METRICS},
            {"AlgorithmName": "forest"},
            id="a named algorithm lacks its image and metrics",
        ),
        *(
            pytest.param({"TrainingImage": image, "MetricDefinitions": METRICS}, None, id=image)
            for image in (
                "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.5.1",
                f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/xgboost:mine",  # one's own by the same name
                "683313688378.dkr.ecr.us-east-1.amazonaws.com/team/sagemaker-xgboost:1.7-1",
                "docker.io/xgboost",
            )
        ),
    ],
)
def test_an_algorithm_is_carried_but_for_what_sagemaker_adds(
    answered: dict[str, Any], asked: dict[str, Any] | None
) -> None:
    mode = {"TrainingInputMode": "File"}
    carried = mode | (answered if asked is None else asked)
    assert clone(described(AlgorithmSpecification=mode | answered))["AlgorithmSpecification"] == carried


def test_the_built_in_algorithms_are_those_that_the_local_sagemaker_knows() -> None:
    assert BUILT_IN_ALGORITHMS == BUILT_IN_IMAGES


def test_the_job_name_among_the_hyperparameters_follows_and_places_that_it_is_part_of_are_kept() -> None:
    kept = {
        "sagemaker_submit_directory": json.dumps(f"s3://ml-bucket/{NAME}/source/sourcedir.tar.gz"),
        "model_dir": json.dumps(f"s3://ml-bucket/{NAME}/model"),
    }
    for old, new in ((json.dumps(NAME), json.dumps(ATTEMPT)), (NAME, ATTEMPT)):  # as the Python SDK writes it, or plain
        given = kept | {"_tuning_objective_metric": "auc", "sagemaker_job_name": old}
        assert clone(described(HyperParameters=given))["HyperParameters"] == kept | {"sagemaker_job_name": new}


# Tags.


def test_tags_are_the_jobs_own_and_the_lineage() -> None:
    tags = {
        "team": "vision",
        "empty": "",
        "respot:resume": "on",
        "respot:deadline": "12h",
        "respot:attempt": "1",
        "respot:run": "another",
        "aws:cloudformation:stack-name": "training",
        "AWS:Reserved": "too",
    }
    assert tags_of(clone(tags=tags)) == {
        "team": "vision", "empty": "", "respot:resume": "on", "respot:deadline": "12h", **LINEAGE.to_tags(),
    }  # fmt: skip


def test_tags_may_be_fifty_with_the_lineage() -> None:
    tags = {f"tag-{number}": "on" for number in range(47)}
    assert len(clone(tags=tags | {"respot:run": "x", "aws:created": "x"})["Tags"]) == 50
    with pytest.raises(CloneRefusedError, match=r"spot-job: Tags: the job has 48 tags of its own.*remove") as refused:
        clone(tags=tags | {"one": "more"})
    assert refused.value.reach is Reach.ANYWHERE  # no pool is to blame


# Placement.


@pytest.mark.parametrize(
    ("placement", "asked"),
    [
        pytest.param(on_demand("ml.g5.4xlarge"), {"MaxRuntimeInSeconds": 3600}, id="on demand"),
        *(
            pytest.param(spot(wait=wait), {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 3600}, id=f"{wait}")
            for wait in (None, timedelta(), HOUR - timedelta(seconds=1))
        ),
    ],
)
def test_a_wait_is_never_below_the_runtime_and_on_demand_has_none(placement: Placement, asked: dict[str, int]) -> None:
    request = clone(placement=placement)
    assert request["StoppingCondition"] == asked
    assert request.get("EnableManagedSpotTraining") is (True if placement.market is Market.SPOT else None)
    assert request["ResourceConfig"] == described()["ResourceConfig"] | {"InstanceType": placement.instance_type}


def test_read_only_members_go_and_so_does_a_warm_pool_of_no_time_on_spot() -> None:
    selected = {"SelectedInstanceType": "ml.g6.2xlarge", "SelectedInstanceCount": 1}
    answered = resources(InstanceType=None, InstancePreferences=PREFERENCES, **selected)
    request = clone(described(**answered), on_demand("ml.g5.2xlarge/ml.g6.2xlarge"))
    assert request["ResourceConfig"] == {"InstanceCount": 1, "InstancePreferences": PREFERENCES}
    assert "KeepAlivePeriodInSeconds" not in clone(described(**resources(KeepAlivePeriodInSeconds=0)))["ResourceConfig"]


@pytest.mark.parametrize(
    ("answered", "field"),
    [
        pytest.param(
            resources(KeepAlivePeriodInSeconds=600), "ResourceConfig.KeepAlivePeriodInSeconds", id="warm pool"
        ),
        pytest.param(
            {
                "ServerlessJobConfig": {"BaseModelArn": "arn", "JobType": "FineTuning"},
                "AlgorithmSpecification": None,
                "ResourceConfig": None,
            },
            "ServerlessJobConfig",
            id="serverless",
        ),
    ],
)
def test_what_cannot_run_on_spot_is_refused_there_and_carried_on_demand(answered: dict[str, Any], field: str) -> None:
    document = described(**answered)
    with pytest.raises(CloneRefusedError, match=f"spot-job: {re.escape(field)}: ") as refusal:
        clone(document, spot())
    assert (refusal.value.job, refusal.value.field, refusal.value.reach) == (NAME, field, Reach.MARKET)
    part = field.partition(".")[0]
    assert clone(document, on_demand(""))[part] == document[part]


@pytest.mark.parametrize(
    ("placement", "answered", "same", "other", "words"),
    [
        (spot, {"InstanceGroups": GROUPS}, "ml.g5.2xlarge+ml.c5.xlarge", "ml.g5.2xlarge", "InstanceGroups"),
        (on_demand, {"InstanceGroups": GROUPS}, "ml.g5.2xlarge+ml.c5.xlarge", "ml.p4d.24xlarge", "InstanceGroups"),
        (on_demand, {"InstancePreferences": PREFERENCES}, "ml.g6.2xlarge", "ml.p4d.24xlarge", "InstancePreferences"),
        (spot, {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1}, "", None, ""),
    ],
    ids=["groups on spot", "groups on demand", "preferred types", "an unknown type"],
)
def test_the_jobs_own_instances_are_kept(
    placement: Callable[[str], Placement], answered: dict[str, Any], same: str, other: str | None, words: str
) -> None:
    document = described(ResourceConfig=answered | {"VolumeSizeInGB": 30})
    for kept in (same, ""):
        assert clone(document, placement(kept))["ResourceConfig"] == document["ResourceConfig"]
    if other:
        complaint = f"{words}: .*{re.escape(other)} cannot stand for them"
        with pytest.raises(CloneRefusedError, match=complaint) as refusal:
            clone(document, placement(other))
        assert refusal.value.reach is Reach.POOL


@pytest.mark.parametrize("placement", [spot(), on_demand(), on_demand("ml.g6.2xlarge")], ids=str)
@pytest.mark.parametrize(
    ("answered", "field"),
    [
        (resources(TrainingPlanArn=PLAN), "ResourceConfig.TrainingPlanArn"),
        (
            resources(
                InstanceType=None, InstancePreferences=[{"InstanceType": "ml.g5.2xlarge", "TrainingPlanArns": [PLAN]}]
            ),
            "ResourceConfig.InstancePreferences.TrainingPlanArns",
        ),
    ],
    ids=["of the job", "of a preferred type"],
)
def test_a_job_on_reserved_capacity_is_refused(answered: dict[str, Any], field: str, placement: Placement) -> None:
    """CreateTrainingJob on training-plan/* and reserved-capacity/* is a permission that Respot does not have."""
    with pytest.raises(CloneRefusedError, match="no permission to use training plans") as refusal:
        clone(described(**answered), placement)
    assert (refusal.value.field, refusal.value.reach) == (field, Reach.ANYWHERE)


def test_every_member_that_names_reserved_capacity_is_known() -> None:
    reserved = {path for path in members(create_shape()) if RESERVED.search(path.rpartition(".")[2])}
    assert reserved == {
        "ResourceConfig.TrainingPlanArn",
        "ResourceConfig.InstancePreferences.TrainingPlanArns",
    }


# What is not given back.


@pytest.mark.parametrize(
    ("answered", "field"),
    [
        ({"RoleArn": None}, "RoleArn"),
        ({"OutputDataConfig": {"S3OutputPath": "", "KmsKeyId": ""}}, "OutputDataConfig"),
        ({"OutputDataConfig": {"KmsKeyId": "key"}}, "OutputDataConfig.S3OutputPath"),
        ({"AlgorithmSpecification": None}, "AlgorithmSpecification"),
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "AlgorithmSpecification.TrainingImage"),
        ({"ResourceConfig": {}}, "ResourceConfig"),
        (resources(InstanceCount=None), "ResourceConfig.InstanceCount"),
        ({"InputDataConfig": [{"ChannelName": "train"}]}, "InputDataConfig.DataSource"),
        ({"InputDataConfig": [{}]}, "InputDataConfig.ChannelName"),
        ({"RetryStrategy": {"MaximumRetryAttempts": 0}}, "RetryStrategy"),
        ({"VpcConfig": {"SecurityGroupIds": ["sg"], "Subnets": ["subnet"], "New": 1}}, "VpcConfig"),
    ],
)
def test_a_field_that_describe_does_not_return_is_named(answered: dict[str, Any], field: str) -> None:
    document = {name: value for name, value in (described() | answered).items() if value is not None}
    with pytest.raises(UnrecoverableFieldError, match=rf"^spot-job: {re.escape(field)}: (.|\n)*by hand$") as refusal:
        clone(document)
    assert (refusal.value.job, refusal.value.field) == (NAME, field)


# Any answer at all.

NEEDED: Final = {"TrainingImage", "InstanceType", "InstanceCount"}
"""Members that only a serverless job does without."""


def values(shape: Shape, *, needed: bool = True) -> st.SearchStrategy[Any]:
    """Anything that Describe may answer in that shape; where nothing is needed, an echoed empty may stand for it."""
    lowest, highest = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 2**20))
    match shape:
        case StructureShape():
            required = {*shape.required_members, *(NEEDED & shape.members.keys())}
            some = st.fixed_dictionaries(
                {name: values(shape.members[name]) for name in sorted(required)},
                optional={
                    name: values(member, needed=False) for name, member in shape.members.items() if name not in required
                },
            )
            return some.filter(bool) if needed else some
        case ListShape():
            return st.lists(values(shape.member, needed=False), min_size=lowest, max_size=2)
        case MapShape():
            return st.dictionaries(st.text("abc", min_size=1), st.sampled_from(["", "1", "s3://b/"]), max_size=2)
    if choices := shape.metadata.get("enum"):
        return st.sampled_from(choices)
    match shape.type_name:
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            return st.integers(lowest, highest)
        case "string":
            return st.sampled_from(["x" * max(lowest, 1), "y" * max(lowest, 1), *([] if needed or lowest else [""])])
    raise AssertionError(shape.type_name)


@cache
def answers() -> st.SearchStrategy[dict[str, Any]]:
    """Descriptions of jobs that have instances."""
    own = {name: shape for name, shape in answer_shape().members.items() if name in create_shape().members}
    always = ("TrainingJobName", "RoleArn", "OutputDataConfig", "AlgorithmSpecification", "ResourceConfig")
    return st.fixed_dictionaries(
        {name: values(own[name]) for name in always},
        optional={name: values(shape, needed=False) for name, shape in own.items() if name not in always},
    ).map(_without_plans)


def _without_plans(value: Any) -> Any:  # noqa: ANN401
    """Jobs on reserved capacity are refused: see above."""
    if isinstance(value, dict):
        return {name: _without_plans(member) for name, member in value.items() if not RESERVED.search(name)}
    return [_without_plans(item) for item in value] if isinstance(value, list) else value


def leaves(shape: Shape | None, value: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401
    """All that a document says, without empties, by path."""
    if isinstance(shape, StructureShape):
        return {
            below: leaf
            for name, member in value.items()
            for below, leaf in leaves(shape.members.get(name), member, f"{path}.{name}".lstrip(".")).items()
        }
    if isinstance(shape, ListShape) and isinstance(shape.member, StructureShape):
        return {
            below: leaf
            for number, item in enumerate(value)
            for below, leaf in leaves(shape.member, item, f"{path}.[{number}]").items()
        }
    return {} if value in ("", None, [], {}) else {path: value}


NOT_ON_SPOT: Final = {
    "ServerlessJobConfig",
    "ResourceConfig.KeepAlivePeriodInSeconds",
    "ResourceConfig.InstancePreferences",
}


@given(answers())
def test_any_description_becomes_a_valid_request_that_carries_it(document: dict[str, Any]) -> None:
    shape, carried, before = create_shape(), carried_members(model()), deepcopy(document)
    requests = [clone(document, on_demand(""))]
    try:
        requests.append(clone(document, spot("")))
    except CloneRefusedError as refusal:
        assert refusal.field in NOT_ON_SPOT  # noqa: PT017 - most documents have one of these
    answered = leaves(shape, document)
    for request in requests:
        assert not ParamValidator().validate(request, shape).has_errors()
        asked = leaves(shape, request)
        for path, value in answered.items():
            if re.sub(r"\.\[\d+\]", "", path) in carried:
                assert asked[path] == value
        added = {path.partition(".")[0] for path in asked.keys() - answered.keys()}
        assert added <= {"TrainingJobName", "Tags", "StoppingCondition", "EnableManagedSpotTraining"}
    assert document == before


# --- instance types that may not exist


@pytest.mark.parametrize(
    ("resources", "asked", "unknown"),
    [
        ({"InstanceType": "ml.g5.2xlarge"}, "ml.g5.4xlarge", ()),
        ({"InstanceType": "ml.g5.2xlarge"}, "ml.g5.99xlarge", ("ml.g5.99xlarge",)),
        ({"InstanceType": "ml.new9.xlarge"}, "ml.new9.xlarge", ()),
        ({"InstanceType": "ml.new9.xlarge"}, "ml.new9.2xlarge", ("ml.new9.2xlarge",)),
    ],
    ids=["known", "unknown", "the job's own", "of the job's family"],
)
def test_a_type_is_known_to_the_model_or_the_jobs_own(
    resources: dict[str, Any], asked: str, unknown: tuple[str, ...]
) -> None:
    described = {"ResourceConfig": resources}
    assert unknown_types(described, {"ResourceConfig": {"InstanceType": asked}}, model()) == unknown
