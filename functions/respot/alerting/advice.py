"""Advice on a new spot job: settings that make spot risky or expensive.

Source: "Managed Spot Training in Amazon SageMaker", Amazon SageMaker Developer Guide.
"""

from datetime import timedelta
from typing import Final

from respot.jobs.algorithms import WITHOUT_CHECKPOINTS
from respot.jobs.formatting import in_words
from respot.jobs.job import JobState, Market, Owner

LONGEST_WAIT_WITHOUT_CHECKPOINTS: Final = timedelta(seconds=3600)
"""SageMaker's limit on MaxWaitTimeInSeconds for algorithms that cannot checkpoint."""


_MADE_BY_SAGEMAKER: Final = frozenset({Owner.TUNING, Owner.AUTOML, Owner.LABELING})
"""Owners whose jobs share settings that nobody can change while they run, and advice would only repeat itself.

Jobs of all other owners run settings that a person wrote and can change for the next job.
"""


def advise(state: JobState) -> tuple[str, ...]:
    """Advice to the owner of this job; empty if its settings are good, or nobody can change them."""
    if state.market is not Market.SPOT or (state.parent and state.parent.owner in _MADE_BY_SAGEMAKER):
        return ()
    advice, algorithm = [], _cannot_checkpoint(state)
    if state.checkpoint_uri is None:
        most = f", up to {in_words(state.max_runtime)} of it" if state.max_runtime else ""
        remedy = f"The algorithm {algorithm} does not checkpoint." if algorithm else "Set CheckpointConfig."
        advice.append(
            f"No checkpoint location is configured: every interruption loses all training so far{most}, "
            f"and what is trained again is billed again. {remedy}"
        )
    if state.max_wait and state.max_runtime and state.max_wait <= state.max_runtime:
        advice.append(
            f"MaxWaitTimeInSeconds equals MaxRuntimeInSeconds ({in_words(state.max_wait)}): every minute of waiting "
            "for capacity is a minute less of training. Set it higher."
        )
    if algorithm and state.max_wait and state.max_wait > LONGEST_WAIT_WITHOUT_CHECKPOINTS:
        advice.append(
            f"The algorithm {algorithm} does not checkpoint: SageMaker limits its MaxWaitTimeInSeconds to 3600, "
            f"and it asks for {in_words(state.max_wait)}."
        )
    return tuple(advice)


def _cannot_checkpoint(state: JobState) -> str | None:
    """The job's built-in algorithm, if it is one that does not checkpoint.

    Built-in images are in AWS's accounts; an image of the same name in the job's own account can be anything.
    """
    registry, _, reference = (state.image or "").rpartition("/")
    repository = reference.partition(":")[0].partition("@")[0]
    own = f":{registry.partition('.')[0]}:" in state.arn
    return repository if repository in WITHOUT_CHECKPOINTS and not own and "/" not in registry else None
