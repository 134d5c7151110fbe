"""Whether SageMaker would accept a request."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import inf
from typing import Any, Final

from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.session import Session
from botocore.validate import ParamValidator

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


class SageMakerError(Exception):
    """An error answer. A job that does not exist is a ValidationException, too, not a ResourceNotFound."""

    def __init__(self, message: str, code: str = "ValidationException") -> None:
        """Answer with this code and message."""
        super().__init__(message)
        self.code = code


@cache
def service_model() -> ServiceModel:
    """Load botocore's model of the SageMaker API."""
    return Session().get_service_model("sagemaker")


def check_shape(operation: str, request: Mapping[str, Any]) -> None:
    """Check types, required members, lengths, ranges, enums and patterns against the service model."""
    shape: Shape = service_model().operation_model(operation).input_shape  # type: ignore[assignment]  # all have one
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise SageMakerError(_counted(report.generate_report().splitlines()))
    # ParamValidator leaves enums, patterns and upper bounds to the service.
    if violations := list(_violations(shape, request, "")):
        raise SageMakerError(_counted(violations))


def check_training_job(request: Mapping[str, Any]) -> None:
    """Check the rules of CreateTrainingJob that the service model does not state; the first violation is raised."""
    algorithm, resources = request.get("AlgorithmSpecification", {}), request.get("ResourceConfig", {})
    spot, serverless = request.get("EnableManagedSpotTraining", False), "ServerlessJobConfig" in request
    kinds = {"InstanceType", "InstanceGroups", "InstancePreferences"} & resources.keys()
    local = [each for each in instance_types(request) if has_local_storage(each)]
    preferences = resources.get("InstancePreferences", [])
    preferred = [each["InstanceType"] for each in preferences]
    counts = {"InstanceCount" in each for each in preferences}
    stopping = request.get("StoppingCondition", {})
    wait, runtime = stopping.get("MaxWaitTimeInSeconds"), stopping.get("MaxRuntimeInSeconds", 86400)
    built_in = is_built_in(algorithm)
    longest = _MOST_WAIT_WITHOUT_CHECKPOINTS if built_in and "CheckpointConfig" not in request else inf
    complaints = {
        "AlgorithmSpecification must have either AlgorithmName or TrainingImage": (
            not serverless and len({"AlgorithmName", "TrainingImage"} & algorithm.keys()) != 1
        ),
        "You can't override the metric definitions for Amazon SageMaker algorithms. "
        "Please retry the request without specifying metric definitions.": (
            built_in and algorithm.get("MetricDefinitions")
        ),
        **{
            f"ResourceConfig.{member} is set by SageMaker and cannot be given in CreateTrainingJob": member in resources
            for member in ("SelectedInstanceType", "SelectedInstanceCount")
        },
        "ResourceConfig must have one of InstanceType, InstanceGroups and InstancePreferences": (
            not serverless and len(kinds) != 1
        ),
        # API reference, ResourceConfig: it cannot be requested for a type with local storage. The words are not known.
        f"VolumeKmsKeyId is not supported for instance type {''.join(local[:1])}, which has local instance storage": (
            local and "VolumeKmsKeyId" in resources
        ),
        "InstancePreferences is not supported when EnableManagedSpotTraining is set to true": (
            spot and "InstancePreferences" in kinds
        ),
        "InstancePreferences cannot be combined with InstancePlacementConfig": (
            "InstancePreferences" in kinds and "InstancePlacementConfig" in resources
        ),
        "InstancePreferences must not name an instance type twice": len(set(preferred)) < len(preferred),
        "InstanceCount must be set in ResourceConfig or in every one of InstancePreferences, and not in both": (
            "InstancePreferences" in kinds and counts != {"InstanceCount" not in resources}
        ),
        "KeepAlivePeriodInSeconds is not supported when EnableManagedSpotTraining is set to true": (
            spot and resources.get("KeepAlivePeriodInSeconds")
        ),
        "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true": (
            not spot and wait is not None
        ),
        "MaxWaitTimeInSeconds must be set when EnableManagedSpotTraining is set to true": spot and wait is None,
        f"Invalid MaxWaitTimeInSeconds {wait}. It must be equal to or greater than MaxRuntimeInSeconds {runtime}": (
            wait is not None and wait < runtime
        ),
        f"Invalid MaxWaitTimeInSeconds {wait}. Built-in and marketplace algorithms without checkpoints are limited to "
        f"{_MOST_WAIT_WITHOUT_CHECKPOINTS} seconds": wait is not None and wait > longest,
    }
    for complaint, applies in complaints.items():
        if applies:
            raise SageMakerError(complaint)


def check_tags(tags: Sequence[Mapping[str, str]]) -> None:
    """Check what AWS asks of user tags."""
    if len(tags) > _MOST_TAGS:
        raise SageMakerError(f"A resource can have at most {_MOST_TAGS} tags; there would be {len(tags)}")
    keys = [tag["Key"] for tag in tags]
    if reserved := [key for key in keys if key.lower().startswith("aws:")]:
        raise SageMakerError(f"Tag keys starting with 'aws:' are reserved for AWS: {', '.join(reserved)}")
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise SageMakerError(f"Tag keys must be unique: {', '.join(twice)}")


def instance_types(request: Mapping[str, Any]) -> list[str]:
    """The instance types that a CreateTrainingJob request names."""
    resources = request.get("ResourceConfig", {})
    listed = [resources, *resources.get("InstanceGroups", []), *resources.get("InstancePreferences", [])]
    return [each["InstanceType"] for each in listed if "InstanceType" in each]


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
