"""The end that SageMaker itself sets to a job: MaxRuntime-, MaxWait- and MaxPendingTimeInSeconds, by a scaled clock.

The tag `local:time-scale = 600` has one real second count 600 simulated ones, so that limits of hours strike within
seconds, whatever the lifecycle's script says. A limit makes a job shorter than its script, never longer. Without the
tag nothing is limited: scripts are seconds long and limits hours.
"""

from typing import Final

from local.sagemaker import lifecycle
from local.sagemaker.lifecycle import Lifecycle, Message, Stay

_ENDING_ALREADY: Final = frozenset({"Stopping", "Uploading"})


def limited(
    fate: Lifecycle, *, max_runtime: float, max_wait: float | None, max_pending: float | None = None
) -> Lifecycle:
    """The lifecycle until a limit strikes; the limits are in seconds of the lifecycle's.

    MaxWait counts waiting and running together, since the job's creation; MaxRuntime counts what the job spends on
    instances, in all stays together, MaxPending what it spends in Pending. A job that has begun to stop or to upload is
    left to finish.
    """
    elapsed = ran = pended = 0.0
    for position, stay in enumerate(fate.stays):
        if stay.status in _ENDING_ALREADY:
            break
        runs = stay.status in lifecycle.ON_AN_INSTANCE
        until_runtime = max_runtime - ran if runs else float("inf")
        until_wait = float("inf") if max_wait is None else max_wait - elapsed
        pending = stay.status == lifecycle.PENDING and max_pending is not None
        until_pending = (max_pending or 0) - pended if pending else float("inf")
        left = max(0.0, min(until_runtime, until_wait, until_pending))
        if left < stay.seconds:
            ends = {
                "MaxWaitTimeExceeded": until_wait,
                "MaxRuntimeExceeded": until_runtime,
                lifecycle.PENDING_TIMEOUT: until_pending,
            }
            end = min(ends, key=lambda status: ends[status])
            lived = (*fate.stays[:position], _shortened(stay, left))
            winding_down = lifecycle.winding_down(stay.status)
            return Lifecycle(stays=(*lived, *winding_down), ending=lifecycle.ending(end))
        elapsed += stay.seconds
        ran += stay.seconds if runs else 0
        pended += stay.seconds if pending else 0
    return fate


def _shortened(stay: Stay, seconds: float) -> Stay:
    messages = tuple(
        Message(text=message.text, after=message.after * stay.seconds / seconds, announced=message.announced)
        for message in stay.messages[1:]
        if message.after * stay.seconds < seconds
    )
    return Stay(status=stay.status, seconds=seconds, messages=(stay.messages[0], *messages))
