"""The end that SageMaker itself sets to a job: MaxRuntime-, MaxWait- and MaxPendingTimeInSeconds, by a scaled clock.

The tag `local:time-scale = 600` has one real second count 600 simulated ones: limits of hours strike within
seconds, independently of the lifecycle's script. A limit makes a job shorter than its script, never longer. Without the
tag nothing is limited: scripts are seconds long and limits hours.
"""

from dataclasses import replace
from typing import Final

from local.sagemaker import lifecycle
from local.sagemaker.lifecycle import Lifecycle, Phase

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
        runs = phase.status in lifecycle.ON_AN_INSTANCE
        until_runtime = max_runtime - ran if runs else float("inf")
        until_wait = float("inf") if max_wait is None else max_wait - elapsed
        pending = phase.status == lifecycle.PENDING and max_pending is not None
        until_pending = (max_pending or 0) - pended if pending else float("inf")
        left = max(0.0, min(until_runtime, until_wait, until_pending))
        if left < phase.seconds:
            ends = {
                "MaxWaitTimeExceeded": until_wait,
                "MaxRuntimeExceeded": until_runtime,
                lifecycle.PENDING_TIMEOUT: until_pending,
            }
            end = min(ends, key=lambda status: ends[status])
            lived = (*fate.phases[:position], _shortened(phase, left))
            winding_down = lifecycle.winding_down(phase.status)
            return Lifecycle(phases=(*lived, *winding_down), ending=lifecycle.ending(end))
        elapsed += phase.seconds
        ran += phase.seconds if runs else 0
        pended += phase.seconds if pending else 0
    return fate


def _shortened(phase: Phase, seconds: float) -> Phase:
    messages = tuple(
        replace(message, after=message.after * phase.seconds / seconds)
        for message in phase.messages[1:]
        if message.after * phase.seconds < seconds
    )
    return replace(phase, seconds=seconds, messages=(phase.messages[0], *messages))
