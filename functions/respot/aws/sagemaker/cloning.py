"""The request for a run's next attempt, built from the description of its last one."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from respot.aws.sagemaker import another_type
from respot.errors import CloneRefusedError, Reach, UnrecoverableFieldError
from respot.jobs.algorithms import BUILT_IN_ALGORITHMS
from respot.jobs.job import Market
from respot.jobs.type_lists import join_types
from respot.recovery.checked_clone import instance_types_of
from respot.recovery.planning.attempt import LINEAGE_TAGS, VOLUME_KEY_TAG, Lineage
from respot.recovery.planning.decision import Placement

_MOST_TAGS: Final = 50
_LONGEST_TAG: Final = 256

OUTPUT_ONLY: Final = frozenset({"ResourceConfig.SelectedInstanceType", "ResourceConfig.SelectedInstanceCount"})
"""Members of shared shapes that SageMaker's documentation calls read-only and that Create refuses."""

CHANGED: Final[Mapping[str, str]] = {
    "TrainingJobName": "names are unique: the attempt has its own",
    "HyperParameters": (
        "sagemaker_job_name follows the name, instance type names follow the type, _tuning_objective_metric is left out"
    ),
    "AlgorithmSpecification.TrainingImage": "left out if AlgorithmName is given",
    "AlgorithmSpecification.MetricDefinitions": "left out for SageMaker's and the marketplace's algorithms",
    "Environment": "instance type names follow the type",
    "ResourceConfig.InstanceType": "the placement's; left out for a list",
    "ResourceConfig.InstancePreferences": "the placement's, if it is a list",
    "ResourceConfig.KeepAlivePeriodInSeconds": "left out on spot",
    "StoppingCondition.MaxRuntimeInSeconds": "the placement's",
    "StoppingCondition.MaxWaitTimeInSeconds": "the placement's; left out on demand",
    "EnableManagedSpotTraining": "the placement's; left out on demand",
    "ProfilerConfig": "left out if it is the default that SageMaker adds",
    "Tags": "the job's own, read by ListTags, and the lineage",
}
"""Members that do not carry over unchanged, and what happens to them.

`another_type.GOES` has those that an attempt on another instance type also lacks.
"""

RESERVED: Final = re.compile(r"TrainingPlan|ReservedCapacity|CapacityReservation")
"""Members, at any depth, that name reserved capacity: ResourceConfig.TrainingPlanArn and
ResourceConfig.InstancePreferences.TrainingPlanArns.

CreateTrainingJob on them needs a permission on training-plan/* and reserved-capacity/*. Respot does not have it: the
owner of a plan decides what runs on it, and for how long. Sources: IAM service authorization reference; Sid
AllowUseOfTrainingPlanResources of AmazonSageMakerFullAccess.
"""

UNRECOVERABLE: Final[Mapping[str, str]] = {
    "SessionChainingConfig": (
        "only Create has it, and no answer of SageMaker's shows whether it was given: an attempt runs without session "
        "tag chaining, and a role that needs it (attribute-based access control) fails at its first access"
    ),
}
"""Members that no description returns, and what that means."""

DESCRIBE_ONLY: Final = frozenset(
    {
        "AutoMLJobArn",
        "BillableTimeInSeconds",
        "BillableTokenCount",
        "CreationTime",
        "DebugRuleEvaluationStatuses",
        "FailureReason",
        "FinalMetricDataList",
        "LabelingJobArn",
        "LastModifiedTime",
        "MlflowDetails",
        "ModelArtifacts",
        "OutputModelPackageArn",
        "ProfilerRuleEvaluationStatuses",
        "ProfilingStatus",
        "ProgressInfo",
        "SecondaryStatus",
        "SecondaryStatusTransitions",
        "TrainingEndTime",
        "TrainingJobArn",
        "TrainingJobStatus",
        "TrainingStartTime",
        "TrainingTimeInSeconds",
        "TuningJobArn",
        "WarmPoolStatus",
    }
)
"""The job's course and its owner: Describe returns them, and nobody asked for them."""

_ECR_IMAGE: Final = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(-fips)?\.[a-z0-9.-]+/(?P<repository>[^:@]+)([:@].*)?", re.DOTALL
)


def members(shape: Shape, path: str = "") -> Iterator[str]:
    """All members of a structure at any depth, as paths: `ResourceConfig.InstanceGroups.InstanceCount`."""
    if isinstance(shape, ListShape):
        yield from members(shape.member, path)
    elif isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            below = f"{path}.{name}" if path else name
            yield below
            yield from members(member, below)


def carried_members(service_model: ServiceModel) -> frozenset[str]:
    """The members of CreateTrainingJob, at any depth, that an attempt takes over from the description as they are."""
    create, shared = _create_shape(service_model), _shared(service_model)
    apart = CHANGED.keys() | UNRECOVERABLE.keys() | OUTPUT_ONLY
    return frozenset(
        path
        for path in members(create)
        if path.partition(".")[0] in shared and not any(path == one or path.startswith(f"{one}.") for one in apart)
    )


def attempt_request(
    described: Mapping[str, Any],
    *,
    name: str,
    tags: Mapping[str, str],
    lineage: Lineage,
    placement: Placement,
    service_model: ServiceModel,
) -> dict[str, Any]:
    """The CreateTrainingJob request of the next attempt; it passes botocore's own validation.

    The members that carry over are computed from the service model, so that future members carry over too. The
    checkpoint and output locations do not change: checkpoints are found again, and SageMaker stores a job's artefacts
    under its name. ExperimentConfig does not change either: the attempt belongs to the experiment, trial and run of
    the job that it continues. SageMaker names its trial component after the attempt.

    Args:
        described: DescribeTrainingJob's answer for the last attempt.
        name: the new job's name.
        tags: the last attempt's tags; `aws:` tags cannot be set and are left out, lineage tags are replaced.
        lineage: where the attempt comes from.
        placement: where and for how long it runs.
        service_model: botocore's model of SageMaker, the client's own.

    Raises:
        UnrecoverableFieldError: Create needs what the description does not give.
        CloneRefusedError: the job cannot run where the placement wants it, or its tags leave no room.
    """
    job = str(described.get("TrainingJobName"))
    create = _create_shape(service_model)
    request = _asked_for(described, create, _shared(service_model), job)
    request["TrainingJobName"] = name
    _check_reserved(request, "", job)
    if "HyperParameters" in request:
        request["HyperParameters"] = _hyperparameters(request["HyperParameters"], name)
    if "AlgorithmSpecification" in request:
        request["AlgorithmSpecification"] = _algorithm(request["AlgorithmSpecification"], described)
    if _is_default_profiler(request):
        # In the clone the default would be an explicit request, which instance types without support for it
        # (Trainium) refuse. Without it, SageMaker adds its default again.
        del request["ProfilerConfig"]
    _place(request, placement, tags, job)
    request["Tags"] = _tags(tags, lineage, _lost_key(described, request), job)
    _check(request, create, job)
    return request


def unknown_types(
    described: Mapping[str, Any], request: Mapping[str, Any], service_model: ServiceModel
) -> tuple[str, ...]:
    """The request's instance types that the model lacks, except the described job's own: those SageMaker knows.

    The model may be older than SageMaker. botocore does not check enumerations.
    """
    known = {*service_model.shape_for("TrainingInstanceType").metadata["enum"], *instance_types_of(described)}
    return tuple(dict.fromkeys(each for each in instance_types_of(request) if each not in known))


def _create_shape(service_model: ServiceModel) -> StructureShape:
    shape = service_model.operation_model("CreateTrainingJob").input_shape
    assert isinstance(shape, StructureShape)  # noqa: S101 - every operation's input is one
    return shape


def _described_shape(service_model: ServiceModel) -> StructureShape:
    shape = service_model.operation_model("DescribeTrainingJob").output_shape
    assert isinstance(shape, StructureShape)  # noqa: S101 - every operation's output is one
    return shape


def _shared(service_model: ServiceModel) -> frozenset[str]:
    """The top-level members that Create and Describe have in the same shape (shapes of one model compare by name)."""
    create, answer = _create_shape(service_model).members, _described_shape(service_model).members
    return frozenset(name for name in create.keys() & answer.keys() if create[name].name == answer[name].name)


def _asked_for(
    described: Mapping[str, Any], create: StructureShape, shared: frozenset[str], job: str
) -> dict[str, Any]:
    """The job's own request as far as the description returns it, without echoed empties."""
    request = {}
    for name, shape in create.members.items():
        value = described.get(name)
        if isinstance(shape, MapShape) and value is not None:
            request[name] = dict(value)  # `HyperParameters: {}` and `Environment: {}` are as valid as they are empty
        elif (kept := _without_echoes(shape, value, name)) is not None:
            if name not in shared:
                _unrecoverable("Describe answers it in another form than Create takes it in", job=job, field=name)
            request[name] = kept
    return request


def _without_echoes(shape: Shape | None, value: Any, path: str) -> Any:  # noqa: ANN401 - any JSON value
    """The value without read-only members and echoed empties; `None` if nothing is left.

    Describe echoes a missing member as an empty string or list (`OutputDataConfig.KmsKeyId`,
    `DebugHookConfig.CollectionConfigurations`), which Create need not accept. Items of lists and values of maps are
    data and kept even if empty: an empty argument, an empty environment variable.
    """
    if value is None or value == "":
        return None
    if isinstance(shape, StructureShape):
        kept = {
            name: given
            for name, member in value.items()
            if f"{path}.{name}" not in OUTPUT_ONLY
            and (given := _without_echoes(shape.members.get(name), member, f"{path}.{name}")) is not None
        }
        return kept or None
    if isinstance(shape, ListShape):
        if isinstance(shape.member, StructureShape):
            return [_without_echoes(shape.member, item, path) or {} for item in value] or None
        return list(value) or None
    if isinstance(shape, MapShape):
        return dict(value) or None
    return value


def _check_reserved(value: Any, path: str, job: str) -> None:  # noqa: ANN401 - any JSON value
    """Refuse what runs on reserved capacity."""
    if isinstance(value, list):
        for item in value:
            _check_reserved(item, path, job)
    elif isinstance(value, dict):
        for name, member in value.items():
            below = f"{path}.{name}".lstrip(".")
            if path.startswith("ResourceConfig") and RESERVED.search(name):
                why = (
                    "the job runs on capacity of a training plan, and Respot has no permission to use training plans: "
                    "submit it by hand, or without the plan"
                )
                _refuse(why, job=job, field=below, reach=Reach.ANYWHERE)
            _check_reserved(member, below, job)


def _lost_key(described: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, str]:
    """The tag of an attempt without its job's volume key: a later one must not use unencrypted volumes."""
    key = described.get("ResourceConfig", {}).get("VolumeKmsKeyId")
    lost = key and "VolumeKmsKeyId" not in request.get("ResourceConfig", {})
    return {VOLUME_KEY_TAG: str(key)[:_LONGEST_TAG]} if lost else {}


def _tags(tags: Mapping[str, str], lineage: Lineage, marks: Mapping[str, str], job: str) -> list[dict[str, str]]:
    kept = {
        key: value
        for key, value in {**tags, **marks}.items()
        if key not in LINEAGE_TAGS and not key.lower().startswith("aws:")  # set by AWS alone, refused from others
    }
    if len(kept) + len(LINEAGE_TAGS) > _MOST_TAGS:
        why = (
            f"the job has {len(kept)} tags of its own, the lineage takes {len(LINEAGE_TAGS)} and AWS allows "
            f"{_MOST_TAGS}: remove tags from the job"
        )
        raise CloneRefusedError(why, job=job, field="Tags")
    return [{"Key": key, "Value": value} for key, value in (kept | lineage.to_tags()).items()]


def _hyperparameters(given: Mapping[str, str], name: str) -> dict[str, str]:
    """The same with the new name; locations with the old name in them (`sagemaker_submit_directory`) are kept."""
    # SageMaker itself gives _tuning_objective_metric to the children of tuning jobs.
    kept = {key: value for key, value in given.items() if key != "_tuning_objective_metric"}
    if (written := kept.get("sagemaker_job_name")) is not None:
        # The SageMaker Python SDK writes hyperparameters as JSON, other tools as they are.
        kept["sagemaker_job_name"] = json.dumps(name) if written.startswith('"') else name
    return kept


def _algorithm(given: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    gone = set()
    if "AlgorithmName" in given:
        # Create takes only one of the two, and SageMaker derives the image from the name: the user gave the name.
        gone.add("TrainingImage")
    if "AlgorithmName" in given or _is_first_party(given.get("TrainingImage", ""), described):
        # Describe returns the algorithm's own metric definitions, and Create refuses them ("You can't override the
        # metric definitions for Amazon SageMaker algorithms").
        gone.add("MetricDefinitions")
    return {member: value for member, value in given.items() if member not in gone}


def _is_first_party(image: str, described: Mapping[str, Any]) -> bool:
    """Whether it is a built-in algorithm's image, not one of that name in the job's own account."""
    found = _ECR_IMAGE.fullmatch(image)
    return (
        found is not None
        and found["repository"] in BUILT_IN_ALGORITHMS
        and f":{found['account']}:" not in str(described.get("TrainingJobArn"))
    )


def _is_default_profiler(request: Mapping[str, Any]) -> bool:
    return (
        request.get("ProfilerConfig")
        == {
            "S3OutputPath": request.get("OutputDataConfig", {}).get("S3OutputPath"),
            "ProfilingIntervalInMilliseconds": 500,
            "DisableProfiler": False,
        }
        and "ProfilerRuleConfigurations" not in request
    )


def _place(request: dict[str, Any], placement: Placement, tags: Mapping[str, str], job: str) -> None:
    spot = placement.market is Market.SPOT
    runtime = int(placement.max_runtime.total_seconds())
    stopping = request.setdefault("StoppingCondition", {})
    stopping["MaxRuntimeInSeconds"] = runtime
    stopping.pop("MaxWaitTimeInSeconds", None)
    request.pop("EnableManagedSpotTraining", None)
    if spot:
        # On spot, SageMaker requires a MaxWait of at least MaxRuntime; on demand, it refuses one.
        wait = placement.max_wait or placement.max_runtime
        stopping["MaxWaitTimeInSeconds"] = max(int(wait.total_seconds()), runtime)
        request["EnableManagedSpotTraining"] = True
    if "ServerlessJobConfig" in request:
        if spot:
            why = "a serverless job has no instances that could be spot"
            _refuse(why, job=job, field="ServerlessJobConfig", reach=Reach.MARKET)
        return
    if "ResourceConfig" in request:
        own = tuple(instance_types_of(request))
        request["ResourceConfig"] = _resources(request["ResourceConfig"], placement, job)
        if own and "InstanceGroups" not in request["ResourceConfig"]:
            another_type.fit_all(request, own=own, types=placement.instance_types, tags=tags, job=job)


def _resources(given: Mapping[str, Any], placement: Placement, job: str) -> dict[str, Any]:
    resources = dict(given)
    if placement.market is Market.SPOT:
        if "InstancePreferences" in resources and (placement.is_list or not placement.instance_type):
            why = "SageMaker refuses a list of preferred instance types on spot; use a ladder with on-demand rungs only"
            _refuse(why, job=job, field="ResourceConfig.InstancePreferences", reach=Reach.MARKET)
        if resources.pop("KeepAlivePeriodInSeconds", 0):
            why = "SageMaker keeps no warm pool of spot instances; use a ladder with on-demand rungs only"
            _refuse(why, job=job, field="ResourceConfig.KeepAlivePeriodInSeconds", reach=Reach.MARKET)
    asked = placement.instance_type  # empty if none is known or asked for: then the job's own is kept
    types = tuple(instance_types_of({"ResourceConfig": resources}))
    several = next((member for member in ("InstanceGroups", "InstancePreferences") if member in resources), None)
    # The instance types of a heterogeneous cluster are written `a+b`, those of a list `a/b`.
    if asked in {"", "+".join(types) if several == "InstanceGroups" else join_types(types)}:
        return resources
    if several == "InstanceGroups" or (several and "InstanceCount" not in resources):
        if several == "InstancePreferences" and asked in types:
            return resources  # its count differs from type to type
        why = (
            f"the job names {' and '.join(types)}, and {asked} cannot stand for them: "
            "name no instance type in the job's ladder"
        )
        _refuse(why, job=job, field=f"ResourceConfig.{several}", reach=Reach.POOL)
    return _with_types(resources, placement)


def _with_types(resources: Mapping[str, Any], placement: Placement) -> dict[str, Any]:
    """The same instances in number, of the placement's type or list.

    SageMaker Developer Guide, "Instance preference lists for training jobs": one count for all types is allowed, and no
    InstanceType beside the list.
    """
    kept = {name: value for name, value in resources.items() if name not in {"InstanceType", "InstancePreferences"}}
    if not placement.is_list:
        return kept | {"InstanceType": placement.instance_type}
    return kept | {"InstancePreferences": [{"InstanceType": each} for each in placement.instance_types]}


def _check(request: Mapping[str, Any], create: StructureShape, job: str) -> None:
    """Check the request against botocore's model, and against what SageMaker requires in addition."""
    missing = list(_missing(create, request, ""))
    if "ServerlessJobConfig" not in request:
        # The model does not require these, because serverless jobs lack them.
        missing += [member for member in ("AlgorithmSpecification", "ResourceConfig") if member not in request]
        if not {"AlgorithmName", "TrainingImage"} & request.get("AlgorithmSpecification", {}).keys():
            missing.append("AlgorithmSpecification.TrainingImage")
        resources = request.get("ResourceConfig", {}).keys()
        if not {"InstanceGroups", "InstancePreferences"} & resources:
            missing += [f"ResourceConfig.{it}" for it in ("InstanceType", "InstanceCount") if it not in resources]
    if missing:
        _unrecoverable(
            "CreateTrainingJob requires it and DescribeTrainingJob does not give it", job=job, field=missing[0]
        )
    for member, value in request.items():
        report = ParamValidator().validate(value, create.members[member])
        if report.has_errors():
            why = f"DescribeTrainingJob gives what CreateTrainingJob does not take: {report.generate_report()}"
            _unrecoverable(why, job=job, field=member)


def _missing(shape: Shape, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(shape, ListShape) and isinstance(shape.member, StructureShape):
        for item in value:
            yield from _missing(shape.member, item, path)
    elif isinstance(shape, StructureShape):
        at = f"{path}." if path else ""
        yield from (f"{at}{name}" for name in shape.required_members if name not in value)
        for name, member in value.items():
            if name in shape.members:
                yield from _missing(shape.members[name], member, f"{at}{name}")


def _refuse(why: str, *, job: str, field: str, reach: Reach) -> NoReturn:
    raise CloneRefusedError(why, job=job, field=field, reach=reach)


def _unrecoverable(why: str, *, job: str, field: str) -> NoReturn:
    raise UnrecoverableFieldError(f"{why}: submit the job again by hand", job=job, field=field)
