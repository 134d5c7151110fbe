"""The end that SageMaker itself sets to a job: MaxRuntime-, MaxWait- and MaxPendingTimeInSeconds, by a scaled clock.

The tag `local:time-scale = 600` has one real second count 600 simulated ones: limits of hours strike within
seconds, independently of the lifecycle's script. A limit makes a job shorter than its script, never longer. Without the
tag nothing is limited: scripts are seconds long and limits hours.
"""

from datetime import timedelta
from math import inf
from typing import Final

from local.sagemaker import lifecycle
from local.sagemaker.lifecycle import Lifecycle

_ENDING_ALREADY: Final = frozenset({"Stopping", "Uploading"})


def limited(
    fate: Lifecycle, *, max_runtime: float, max_wait: float | None, max_pending: float | None = None
) -> Lifecycle:
    """The lifecycle until a limit strikes; the limits are in seconds of the lifecycle's.

    MaxWait counts waiting and running together, since the job's creation; MaxRuntime counts what the job spends on
    instances, in all phases together, MaxPending what it spends in Pending. A job that has begun to stop or to upload
    is left to finish.
    """
    ran = pended = 0.0
    for status, start, length in fate.periods:
        if status in _ENDING_ALREADY:
            break
        runs, pends = status in lifecycle.ON_AN_INSTANCE, status == lifecycle.PENDING
        until = {
            "MaxWaitTimeExceeded": inf if max_wait is None else max_wait - start.total_seconds(),
            "MaxRuntimeExceeded": max_runtime - ran if runs else inf,
            lifecycle.PENDING_TIMEOUT: max_pending - pended if pends and max_pending is not None else inf,
        }
        end = min(until, key=until.__getitem__)  # of equal ones the first
        left, seconds = max(0.0, until[end]), length.total_seconds()
        if left < seconds:
            after = start + timedelta(seconds=left)
            past = [moment for moment in fate.moments if moment.after < after] or fate.moments[:1]
            return lifecycle.wound_down(past, after, end)
        ran += seconds * runs
        pended += seconds * pends
    return fate
