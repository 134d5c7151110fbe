"""The end that SageMaker itself sets to a job: MaxRuntime-, MaxWait- and MaxPendingTimeInSeconds, by a scaled clock.

The tag `local:time-scale = 600` has one real second count 600 simulated ones: limits of hours strike within
seconds, independently of the lifecycle's script. A limit makes a job shorter than its script, never longer. Without the
tag nothing is limited: scripts are seconds long and limits hours.
"""

from dataclasses import replace
from math import inf
from typing import Final

from local.sagemaker import lifecycle
from local.sagemaker.lifecycle import Ending, Lifecycle, Phase

_ENDING_ALREADY: Final = frozenset({"Stopping", "Uploading"})


def limited(
    fate: Lifecycle, *, max_runtime: float, max_wait: float | None, max_pending: float | None = None
) -> Lifecycle:
    """The lifecycle until a limit strikes; the limits are in seconds of the lifecycle's.

    MaxWait counts waiting and running together, since the job's creation; MaxRuntime counts what the job spends on
    instances, in all phases together, MaxPending what it spends in Pending. A job that has begun to stop or to upload
    is left to finish.
    """
    elapsed = ran = pended = 0.0
    for position, phase in enumerate(fate.phases):
        if phase.status in _ENDING_ALREADY:
            break
        runs, pends = phase.status in lifecycle.ON_AN_INSTANCE, phase.status == lifecycle.PENDING
        until = {
            "MaxWaitTimeExceeded": inf if max_wait is None else max_wait - elapsed,
            "MaxRuntimeExceeded": max_runtime - ran if runs else inf,
            lifecycle.PENDING_TIMEOUT: max_pending - pended if pends and max_pending is not None else inf,
        }
        end = min(until, key=until.__getitem__)  # of equal ones the first
        left = max(0.0, until[end])
        if left < phase.seconds:
            lived = (*fate.phases[:position], _shortened(phase, left))
            return Lifecycle(phases=(*lived, *lifecycle.winding_down(phase.status)), ending=Ending(status=end))
        elapsed += phase.seconds
        ran += phase.seconds * runs
        pended += phase.seconds * pends
    return fate


def _shortened(phase: Phase, seconds: float) -> Phase:
    messages = tuple(
        replace(message, after=message.after * phase.seconds / seconds)
        for message in phase.messages[1:]
        if message.after * phase.seconds < seconds
    )
    return replace(phase, seconds=seconds, messages=(phase.messages[0], *messages))
