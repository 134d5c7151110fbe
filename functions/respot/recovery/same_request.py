"""Compares a job with the request that was decided on, without its tags: anyone can write those."""

from collections.abc import Mapping
from typing import Any, Final

from respot.jobs.job import JobState

_COMPARED: Final[Mapping[str, frozenset[str]]] = {
    "RoleArn": frozenset(),
    # SageMaker adds metric definitions of its own.
    "AlgorithmSpecification": frozenset({"MetricDefinitions"}),
    "CheckpointConfig": frozenset(),
    "InputDataConfig": frozenset(),
    "OutputDataConfig": frozenset(),
    "HyperParameters": frozenset(),
    "Environment": frozenset(),
    "VpcConfig": frozenset(),
    # UpdateTrainingJob changes the warm pool of a job.
    "ResourceConfig": frozenset({"KeepAlivePeriodInSeconds"}),
}
"""The members of CreateTrainingJob that make a job the one that was decided on, without these members of theirs.

Time limits depend on the moment of the creation, and profiler settings can be changed later.
"""


def difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """The first member in which two requests for one attempt differ; `None` if they are alike."""
    return next(
        (
            name
            for name, ignored in _COMPARED.items()
            if _without(expected.get(name), ignored) != _without(found.get(name), ignored)
        ),
        None,
    )


def may_be_alike(parent: JobState, state: JobState) -> bool:
    """Whether a job can be the next attempt of `parent`, by what the ledger knows of both: role, image, location.

    For a job that SageMaker no longer describes. What is not known contradicts nothing.
    """
    image = (parent.algorithm, state.algorithm) if parent.algorithm and state.algorithm else (parent.image, state.image)
    pairs = ((parent.role_arn, state.role_arn), image, (parent.checkpoint_uri, state.checkpoint_uri))
    return all(one == other for one, other in pairs if one and other)


def _without(value: Any, names: frozenset[str]) -> Any:  # noqa: ANN401 - any JSON value
    if not isinstance(value, Mapping):
        return value
    return {name: member for name, member in value.items() if name not in names} or None
