"""Compares a job with the request that was decided on, without its tags: anyone can write those."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from respot.jobs.job import JobState
from respot.recovery.planning.decision import Placement

CHANGED_LATER: Final = frozenset({"ProfilerConfig", "ProfilerRuleConfigurations", "RemoteDebugConfig"})
"""What UpdateTrainingJob changes about a live job, like its warm pool: a difference proves nothing."""
_LEFT_OUT: Final[Mapping[str, frozenset[str]]] = {
    # SageMaker adds metric definitions of its own.
    "AlgorithmSpecification": frozenset({"MetricDefinitions"}),
    "ResourceConfig": frozenset({"KeepAlivePeriodInSeconds"}),
}
_UNORDERED: Final = frozenset({"SecurityGroupIds", "Subnets"})


def difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str | None:
    """The first member in which two requests for one attempt differ; `None` if they are alike."""
    names = sorted((expected.keys() | found.keys()) - CHANGED_LATER - {"Tags"})
    return next((name for name in names if _compared(name, expected) != _compared(name, found)), None)


def misplacement(asked: Collection[Placement], state: JobState, *, any_type: bool = False) -> str | None:
    """How a job differs from all placements for which a creation was called; `None` if it has one of them.

    What is not known of the job contradicts nothing. `any_type` is for jobs that name several types.
    """
    kind = None if any_type else state.instance_type
    rules: tuple[tuple[str, Callable[[Placement], bool]], ...] = (
        ("its instance type", lambda each: not kind or each.instance_type in {"", kind} or kind in each.instance_types),
        ("its market", lambda each: state.market in {None, each.market}),
        ("its maximum runtime", lambda each: state.max_runtime is None or state.max_runtime <= each.max_runtime),
    )
    for name, agrees in rules:
        asked = [each for each in asked if agrees(each)]
        if not asked:
            return name
    return None


def may_be_alike(parent: JobState, state: JobState) -> bool:
    """Whether a job can be the next attempt of `parent`, by what the ledger knows of both: role, image, location.

    For a job that SageMaker no longer describes. What is not known contradicts nothing.
    """
    image = (parent.algorithm, state.algorithm) if parent.algorithm and state.algorithm else (parent.image, state.image)
    pairs = ((parent.role_arn, state.role_arn), image, (parent.checkpoint_uri, state.checkpoint_uri))
    return all(one == other for one, other in pairs if one and other)


def _compared(name: str, request: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """A member as it is compared: `None` if it is missing or all that is in it is left out."""
    value = request.get(name)
    if not isinstance(value, Mapping):
        return value
    out = _LEFT_OUT.get(name, frozenset())
    kept = {each: given for each, given in value.items() if each not in out}
    return {each: sorted(given) if each in _UNORDERED else given for each, given in kept.items()} or None
