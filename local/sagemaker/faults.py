"""What a job's tags may let go wrong around it: how badly its events are delivered, and which creations are refused.

The tag `local:refuse = quota=2 throttle=1` refuses the first two creations of the job's name with
ResourceLimitExceeded and the third with ThrottlingException; the fourth succeeds. Each name has its own count, and
each attempt of a run may have its own value (see `lifecycle`): `quota=0 / quota=2` creates the first attempt at once,
and every other one at the third request. Clients retry a throttled request, botocore's default four times.

`none=spot`, `none=on-demand` or `none=ml.g5.2xlarge` is a quota of 0 there: each such creation is refused.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from local.sagemaker.validation import SageMakerError, instance_types

_DELIVERY: Final = re.compile(r"(copies|shuffle|delay|seed)=(\d+(?:\.\d+)?)|(drop)=(all|1|0(?:\.\d+)?)")
_REFUSAL: Final = re.compile(r"(quota|throttle)=(\d{1,4})|none=(spot|on-demand|ml\.[a-z0-9.-]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFaults:
    """Faults for each event: how many copies, how many seconds late, how shuffled, and the share that is lost.

    `shuffle` holds every copy back for a random number of seconds up to that: events overtake each other, and all have
    arrived that long after the job's end. The same seed gives the same faults.
    """

    copies: float = 1
    delay: float = 0
    shuffle: float = 0
    drop: float = 0
    seed: float = 0

    def holds(self, job: str, sequence: int) -> tuple[float, ...]:
        """For how many seconds each copy of a job's event is held back; empty if the event is lost."""
        chance = random.Random(f"{self.seed}/{job}/{sequence}")  # noqa: S311 - faults, not secrets
        if chance.random() < self.drop:
            return ()
        return tuple(self.delay + chance.uniform(0, self.shuffle) for _ in range(int(self.copies)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read faults such as `copies=3 shuffle=1 delay=0.5 drop=0.3 seed=7` (seconds; `drop=all` loses all events)."""
        words: dict[str, float] = {}
        for word in text.split():
            found = _DELIVERY.fullmatch(word)
            if not found:
                raise ValueError(f"'{word}' is none of copies=N shuffle=SECONDS delay=SECONDS drop=all|SHARE seed=N")
            name, value = filter(None, found.groups())
            words[name] = 1 if value == "all" else float(value)
        return cls(**words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """How many creations of a name the quota refuses, how many then throttling; and which pools have no quota."""

    quota: int = 0
    throttle: int = 0
    none: frozenset[str] = frozenset()

    def check(self, request: Mapping[str, Any], *, earlier: int) -> None:
        """Raise the error that a creation is answered with whose name was asked for so many times before."""
        spot, resources = request.get("EnableManagedSpotTraining"), request.get("ResourceConfig", {})
        # Developer Guide, "Instance preference lists": the quota of every listed type is checked.
        types, count = instance_types(request) or ["the instance type"], resources.get("InstanceCount", 1)
        instance = next((each for each in types if each in self.none), types[0])
        has_no_quota = bool(self.none & {"spot" if spot else "on-demand", instance})
        if has_no_quota or earlier < self.quota:
            usage, limit = "spot training job usage" if spot else "training job usage", 0 if has_no_quota else count
            raise SageMakerError(
                f"The account-level service limit '{instance} for {usage}' is {limit} Instances, with current "
                f"utilization of {limit} Instances and a request delta of {count} Instances. Please use AWS Service "
                "Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact AWS "
                "support to request an increase for this quota.",
                code="ResourceLimitExceeded",
            )
        if earlier < self.quota + self.throttle:
            raise SageMakerError("Rate exceeded", code="ThrottlingException")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `quota=2 throttle=1 none=spot`, or some of it."""
        counts, none = {}, set()
        for word in text.split():
            found = _REFUSAL.fullmatch(word)
            if not found:
                usage = "quota=N throttle=N none=POOL; ' / ' separates what attempts 1, 2 ... meet"
                raise ValueError(f"'{word}' is none of {usage}")
            what, number, pool = found.groups()
            if pool:
                none.add(pool)
            else:
                counts[what] = int(number)
        return cls(**counts, none=frozenset(none))
