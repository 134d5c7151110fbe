"""Creations that are refused: an instance quota that is used up or 0, or throttling.

The tag `local:refuse = quota=2 throttle=1` refuses the first two creations of the job's name with
ResourceLimitExceeded and the third with ThrottlingException; the fourth succeeds. Each name has its own count, and
each attempt of a run may have its own value (see `lifecycle`): `quota=0 / quota=2` creates the first attempt at once,
and every other one at the third request. Clients retry a throttled request, botocore's default four times.

`none=spot`, `none=on-demand` or `none=ml.g5.2xlarge` is a quota of 0 there: each such creation is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.sagemaker.validation import SageMakerError

_WORD: Final = re.compile(r"(quota|throttle)=(\d{1,4})|none=(spot|on-demand|ml\.[a-z0-9.-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """How many creations of a name the quota refuses, how many then throttling; and which pools have no quota."""

    quota: int = 0
    throttle: int = 0
    none: frozenset[str] = frozenset()

    def check(self, request: Mapping[str, Any], *, earlier: int) -> None:
        """Raise the error that a creation is answered with whose name was asked for so many times before."""
        market = "spot" if request.get("EnableManagedSpotTraining") else "on-demand"
        resources = request.get("ResourceConfig", {})
        if self.none & {market, resources.get("InstanceType", "")}:
            raise _exceeded(request, limit=0)
        if earlier < self.quota:
            raise _exceeded(request, limit=resources.get("InstanceCount", 1))
        if earlier < self.quota + self.throttle:
            raise SageMakerError("Rate exceeded", code="ThrottlingException")


def parse(text: str) -> Refusals:
    """Read `quota=2 throttle=1 none=spot`, or some of it."""
    counts, none = {}, set()
    for word in text.split():
        found = _WORD.fullmatch(word)
        if found is None:
            raise ValueError(
                f"'{word}' is none of quota=N throttle=N none=POOL; ' / ' separates what attempts 1, 2 ... meet"
            )
        what, number, pool = found.groups()
        if pool:
            none.add(pool)
        else:
            counts[what] = int(number)
    return Refusals(**counts, none=frozenset(none))


def _exceeded(request: Mapping[str, Any], *, limit: int) -> SageMakerError:
    resources = request.get("ResourceConfig", {})
    instance, count = resources.get("InstanceType", "the instance type"), resources.get("InstanceCount", 1)
    market = "spot training job usage" if request.get("EnableManagedSpotTraining") else "training job usage"
    return SageMakerError(
        f"The account-level service limit '{instance} for {market}' is {limit} Instances, with current utilization of "
        f"{limit} Instances and a request delta of {count} Instances. Please use AWS Service Quotas to request an "
        "increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an increase "
        "for this quota.",
        code="ResourceLimitExceeded",
    )
