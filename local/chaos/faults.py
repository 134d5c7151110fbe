"""The faults, as data: what stands between the functions and AWS, and how the events arrive."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

Rule = Mapping[str, Any]
"""A rule of microburst: which calls it hits, how likely, and the effect on them."""

OUTAGE_SECONDS: Final = 20
"""Of an outage: longer than VISIBILITY_SECONDS: a message is delivered again while it lasts."""
VISIBILITY_SECONDS: Final = 12
"""Of the functions' queues here; as deployed it is six times the function's timeout."""

CLIENT_TIMEOUT_MS: Final = 4000
"""Longer than any client of the functions reads; see `respot.bootstrap.clients`."""

SERVICES: Final = frozenset({"dynamodb", "s3", "sagemaker", "scheduler", "secretsmanager", "sns", "sqs", "ssm"})
"""Every service that a function calls."""
_THROTTLES: Final = {"s3": ("SlowDown", 503), "sqs": ("RequestThrottled", 400)}
"""How some say "too many requests"; all others as DynamoDB does."""
_DENIALS: Final = {"s3": ("AccessDenied", 403), "sns": ("AuthorizationError", 403), "sqs": ("AccessDenied", 403)}
"""How some say that a permission is missing; all others as DynamoDB does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which things go wrong: `rules` hit the functions' calls, and `delivery` is how badly events arrive.

    Its name is for the command line, and its jobs' names begin with it. Where `deaths` is a share of calls, the calling
    function is killed at these, before or after the call takes effect. An `outage` ends after OUTAGE_SECONDS; other
    faults last until everything has healed. Slack refuses everything with the status `slack`. If `swept`, only a sweep
    heals it, since no event will arrive. `people` is what others do; see `local.chaos.people`.
    """

    name: str
    title: str
    rules: tuple[Rule, ...] = ()
    deaths: float = 0.0
    outage: bool = False
    slack: int | None = None
    delivery: str = ""
    swept: bool = False
    people: str = ""


def throttled(services: Iterable[str], share: float) -> tuple[Rule, ...]:
    """Throttle a share of the calls of each service, and the first for certain: some are called only once."""
    errors = {service: _THROTTLES.get(service, ("ThrottlingException", 400)) for service in sorted(services)}
    return tuple(
        {"service": service, **when, "error": {"code": code, "status": status}}
        for service, (code, status) in errors.items()
        for when in ({"times": 1}, {"probability": share})
    )


def denied(services: Iterable[str]) -> tuple[Rule, ...]:
    """Refuse every call of each service for lack of a permission."""
    errors = {service: _DENIALS.get(service, ("AccessDeniedException", 400)) for service in sorted(services)}
    return tuple(
        {"service": service, "error": {"code": code, "status": status}} for service, (code, status) in errors.items()
    )


def everywhere(share: float, **effect: object) -> Rule:
    """The same for a share of all calls to any service."""
    return {"service": "*", "probability": share, **effect}


_INTERNAL: Final = {"code": "InternalServerError", "status": 500}
_UNAVAILABLE: Final = {"code": "ServiceUnavailable", "status": 503}
_CUT: Final = {"abort_bytes": 0}
_CONFLICT: Final = {
    "code": "TransactionCanceledException",
    "status": 400,
    "fields": {"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "ThrottlingError"}]},
}
_CONFLICTS: Final = tuple(
    {"service": "dynamodb", "operation": "TransactWriteItems", **when, "error": _CONFLICT}
    for when in ({"times": 1}, {"probability": 0.3})
)
_SPIKES: Final = {"dist": "spike", "min": 5, "max": 60, "spike_ms": 900, "spike_p": 0.1}
_SHUFFLED: Final = "copies=2 shuffle=2 delay=0.5 seed=11"

UNDISTURBED: Final = Fault(name="calm", title="nothing: what the others are compared with")

_ON_CALLS: Final = {
    **{f"throttle-{each}": (f"throttling of {each}, 30 %", throttled([each], 0.3)) for each in sorted(SERVICES)},
    "throttle-all": ("throttling of every service, 30 %", throttled(SERVICES, 0.3)),
    "errors": ("500 and 503, 30 %", (everywhere(0.3, error=_INTERNAL),)),
    "conflicts": ("cancelled transactions, 30 %", _CONFLICTS),
    "timeouts": ("no answer before the client times out, 5 %", (everywhere(0.05, timeout_ms=CLIENT_TIMEOUT_MS),)),
    "resets": ("connection reset before the call, 20 %", (everywhere(0.2, reset=True),)),
    "lost-answers": ("connection lost after the call took effect, 20 %", (everywhere(0.2, response=_CUT),)),
    "spikes": ("latency, spikes of 0.9 s for 10 %", (everywhere(1, latency=_SPIKES),)),
}

FAULTS: Final = (
    *(Fault(name=name, title=title, rules=rules) for name, (title, rules) in _ON_CALLS.items()),
    *(
        Fault(
            name=f"{service.lower()}-down",
            title=f"outage of {service}",
            rules=({"service": service.lower(), "error": _UNAVAILABLE},),
            outage=True,
        )
        for service in ("SageMaker", "DynamoDB", "SNS", "SQS")
    ),
    Fault(name="denied", title="every permission taken away for a while", rules=denied(SERVICES), outage=True),
    Fault(name="tags", title="lineage tags removed and forged by others", people="tags"),
    Fault(name="drills", title="hundreds of drills, good and malformed", people="flood"),
    Fault(name="newer", title="a decision of a newer version", people="newer", swept=True),
    Fault(name="slack-down", title="outage of Slack", slack=503, outage=True),
    Fault(name="deaths", title="functions killed at 3 % of their calls", deaths=0.03),
    Fault(name="doubled", title="events delivered 3 times", delivery="copies=3"),
    Fault(name="shuffled", title="events late, twice and out of order", delivery=_SHUFFLED),
    Fault(name="dropped", title="every event lost", delivery="drop=all", swept=True),
    Fault(
        name="all-at-once",
        title="a little of everything",
        rules=(
            everywhere(0.06, error=_INTERNAL),
            everywhere(0.04, reset=True),
            everywhere(0.04, response=_CUT),
            *throttled(SERVICES, 0.06),
            everywhere(0.5, latency=_SPIKES),
        ),
        # With more, two of three deliveries to `recover` fail, which makes fifty calls. Delays that double then have
        # no mean: the round would measure chance.
        deaths=0.01,
        delivery=_SHUFFLED,
    ),
)
"""Rules are tried in order, and the first that hits decides."""

QUICK: Final = (
    Fault(
        name="quick",
        title="throttling, 5xx, resets, lost answers, latency, deaths",
        rules=(
            *throttled(SERVICES, 0.3),
            everywhere(0.02, error=_INTERNAL),
            everywhere(0.03, reset=True),
            everywhere(0.03, response=_CUT),
            everywhere(0.5, latency={"dist": "spike", "min": 5, "max": 30, "spike_ms": 500, "spike_p": 0.05}),
        ),
        deaths=0.01,
        delivery="copies=2 shuffle=1 seed=3",
    ),
)
"""The short form: several at once, since each round costs its jobs' time."""
