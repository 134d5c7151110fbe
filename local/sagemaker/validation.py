"""Whether SageMaker would accept a request."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.session import Session
from botocore.validate import ParamValidator

from local.sagemaker.errors import SageMakerError, ValidationError

_MOST_TAGS: Final = 50
_MOST_WAIT_WITHOUT_CHECKPOINTS: Final = 3600

# The repositories of SageMaker's built-in algorithms (docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths). The accounts
# that own them differ by region and algorithm and are not checked: a repository of one's own with exactly such a name
# would be taken for SageMaker's.
BUILT_IN_IMAGES: Final = frozenset(
    {"blazingtext", "factorization-machines", "forecasting-deepar", "image-classification", "ipinsights", "kmeans"}
    | {"knn", "lda", "linear-learner", "ntm", "object-detection", "object2vec", "pca", "randomcutforest"}
    | {"sagemaker-xgboost", "semantic-segmentation", "seq2seq", "xgboost"}
)
_ECR_IMAGE: Final = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/(?P<repository>[^:@]+)")
# The patterns of the service model are Java's. `re` has no \p{...}; these are the ones that occur in them.
_JAVA_CLASSES: Final = ((r"\p{Alnum}", "a-zA-Z0-9"), (r"\p{L}", r"\w"), (r"\p{N}", r"\d"), (r"\p{Z}", r"\s"))


@cache
def service_model() -> ServiceModel:
    """Load botocore's model of the SageMaker API."""
    return Session().get_service_model("sagemaker")


def check_shape(operation: str, request: Mapping[str, Any]) -> None:
    """Check types, required members, lengths, ranges, enums and patterns against the service model."""
    model = service_model()
    if operation not in model.operation_names:
        raise SageMakerError("UnknownOperationException", operation)
    shape: Shape = model.operation_model(operation).input_shape  # type: ignore[assignment]  # every operation has one
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise ValidationError(_counted(report.generate_report().splitlines()))
    # ParamValidator leaves enums, patterns and upper bounds to the service.
    if violations := list(_violations(shape, request, "")):
        raise ValidationError(_counted(violations))


def check_training_job(request: Mapping[str, Any]) -> None:
    """Check the rules of CreateTrainingJob that the service model does not state; the first violation is raised."""
    for rules in (_algorithm_rules, _resource_rules, _time_rules):
        for complaint in rules(request):
            raise ValidationError(complaint)


def _algorithm_rules(request: Mapping[str, Any]) -> Iterator[str]:
    algorithm = request.get("AlgorithmSpecification", {})
    if "ServerlessJobConfig" not in request and len({"AlgorithmName", "TrainingImage"} & algorithm.keys()) != 1:
        yield "AlgorithmSpecification must have either AlgorithmName or TrainingImage"
    if is_built_in(algorithm) and algorithm.get("MetricDefinitions"):
        yield (
            "You can't override the metric definitions for Amazon SageMaker algorithms. "
            "Please retry the request without specifying metric definitions."
        )


def _resource_rules(request: Mapping[str, Any]) -> Iterator[str]:
    resources = request.get("ResourceConfig", {})
    spot = request.get("EnableManagedSpotTraining", False)
    kinds = {"InstanceType", "InstanceGroups", "InstancePreferences"} & resources.keys()
    for member in ("SelectedInstanceType", "SelectedInstanceCount"):
        if member in resources:
            yield f"ResourceConfig.{member} is set by SageMaker and cannot be given in CreateTrainingJob"
    if "ServerlessJobConfig" not in request and len(kinds) != 1:
        yield "ResourceConfig must have one of InstanceType, InstanceGroups and InstancePreferences"
    types = [resources.get("InstanceType"), *(each.get("InstanceType") for each in resources.get("InstanceGroups", []))]
    if "VolumeKmsKeyId" in resources and (local := [each for each in types if each and has_local_storage(each)]):
        # API reference, ResourceConfig: it cannot be requested for a type with local storage. The words are not known.
        yield f"VolumeKmsKeyId is not supported for instance type {local[0]}, which has local instance storage"
    if spot and "InstancePreferences" in kinds:
        yield "InstancePreferences is not supported when EnableManagedSpotTraining is set to true"
    if spot and resources.get("KeepAlivePeriodInSeconds"):
        yield "KeepAlivePeriodInSeconds is not supported when EnableManagedSpotTraining is set to true"


def _time_rules(request: Mapping[str, Any]) -> Iterator[str]:
    stopping = request.get("StoppingCondition", {})
    wait = stopping.get("MaxWaitTimeInSeconds")
    runtime = stopping.get("MaxRuntimeInSeconds", 86400)
    if not request.get("EnableManagedSpotTraining", False):
        if wait is not None:
            yield "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
        return
    if wait is None:
        yield "MaxWaitTimeInSeconds must be set when EnableManagedSpotTraining is set to true"
        return
    if wait < runtime:
        yield (
            f"Invalid MaxWaitTimeInSeconds {wait}. It must be equal to or greater than MaxRuntimeInSeconds {runtime}"
        )
    without_checkpoints = is_built_in(request.get("AlgorithmSpecification", {})) and "CheckpointConfig" not in request
    if without_checkpoints and wait > _MOST_WAIT_WITHOUT_CHECKPOINTS:
        yield (
            f"Invalid MaxWaitTimeInSeconds {wait}. Built-in and marketplace algorithms without checkpoints are "
            f"limited to {_MOST_WAIT_WITHOUT_CHECKPOINTS} seconds"
        )


def check_tags(tags: Sequence[Mapping[str, str]]) -> None:
    """Check what AWS asks of user tags."""
    if len(tags) > _MOST_TAGS:
        raise ValidationError(f"A resource can have at most {_MOST_TAGS} tags; there would be {len(tags)}")
    keys = [tag["Key"] for tag in tags]
    if reserved := [key for key in keys if key.lower().startswith("aws:")]:
        raise ValidationError(f"Tag keys starting with 'aws:' are reserved for AWS: {', '.join(reserved)}")
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValidationError(f"Tag keys must be unique: {', '.join(twice)}")


def is_built_in(algorithm: Mapping[str, Any]) -> bool:
    """Whether an AlgorithmSpecification names an algorithm of SageMaker's own or from the marketplace."""
    image = _ECR_IMAGE.match(algorithm.get("TrainingImage", ""))
    return "AlgorithmName" in algorithm or bool(image and image["repository"] in BUILT_IN_IMAGES)


def has_local_storage(instance_type: str) -> bool:
    """Whether no EBS volume is attached, by the rule of the SageMaker Python SDK (`volume_size_supported`) and its kin.

    A "d" in the family says so, as in g4dn or p4d; of the newer accelerated families all have local storage.
    """
    family = instance_type.removeprefix("ml.").partition(".")[0]
    return "d" in family or family.startswith(("g5", "g6", "g7", "p5", "p6", "trn"))


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if isinstance(shape, StructureShape):
        for name, member in value.items():
            yield from _violations(shape.members[name], member, f"{path}.{name[0].lower()}{name[1:]}".lstrip("."))
        return
    if isinstance(shape, ListShape):
        for index, member in enumerate(value, start=1):
            yield from _violations(shape.member, member, f"{path}.{index}.member")
    elif isinstance(shape, MapShape):
        for name, member in value.items():
            yield from _violations(shape.key, name, f"{path}.key")
            yield from _violations(shape.value, member, f"{path}.{name}.member")
    is_number = shape.type_name in {"integer", "long", "float", "double"}
    if is_number or isinstance(value, (str, list, dict)):
        size, what = (value, "value") if is_number else (len(value), "length")
        for broken in _broken(shape.metadata, value, size, what):
            yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {broken}"


def _broken(rules: Mapping[str, Any], value: object, size: float, what: str) -> Iterator[str]:
    if size < rules.get("min", size):
        yield f"have {what} greater than or equal to {rules['min']}"
    if size > rules.get("max", size):
        yield f"have {what} less than or equal to {rules['max']}"
    if "enum" in rules and value not in rules["enum"]:
        yield f"satisfy enum value set: [{', '.join(rules['enum'])}]"
    if "pattern" in rules and isinstance(value, str) and not _compiled(rules["pattern"]).fullmatch(value):
        yield f"satisfy regular expression pattern: {rules['pattern']}"


def _counted(violations: Sequence[str]) -> str:
    plural = "s" if len(violations) > 1 else ""
    return f"{len(violations)} validation error{plural} detected: {'; '.join(violations)}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _JAVA_CLASSES:
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
