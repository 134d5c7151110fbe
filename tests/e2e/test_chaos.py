"""The short form of `make chaos`: several faults at once between the functions and AWS."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from local.chaos.faults import FAULTS, QUICK, SERVICES, UNDISTURBED, everywhere, throttled
from local.chaos.runner import Chaos, Round, chaos_at
from local.chaos.subjects import SMALL
from local.demo.deployed import DeployedAccount
from respot.bootstrap.time_budget import CALL_LIMITS

pytestmark = pytest.mark.xdist_group("two-regions")

EFFECTS: Final[tuple[dict[str, Any], ...]] = (
    {"error": {"code": "InternalServerError", "status": 500}},
    {"reset": True},
    {"response": {"abort_bytes": 0}},
)
# The first calls are hit for certain, more often in a row than a client repeats them: deliveries fail, and come again.
FEW: Final = replace(
    QUICK[0],
    rules=(
        *throttled(SERVICES, 0.05),
        *(everywhere(1, times=2, **effect) for effect in EFFECTS),
        *(everywhere(0.01, **effect) for effect in EFFECTS),
        everywhere(0.3, latency={"dist": "spike", "min": 5, "max": 30, "spike_ms": 500, "spike_p": 0.05}),
    ),
)


@pytest.fixture(scope="module")
def there(two_regions: DeployedAccount) -> Iterator[Chaos]:
    """The account with the proxy in between, and with the short timeouts of `make chaos`, for a while."""
    functions, sqs = two_regions.client("lambda"), two_regions.client("sqs")
    before = functions.list_functions()["Functions"]
    queues = {
        url: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
        for url in (
            two_regions.outputs[f"{name}QueueUrl"] for name in ("Observations", "Recovery", "Slack", "DueAlerts")
        )
    }
    with chaos_at(two_regions, SMALL) as troubled:
        yield troubled
        for url, attributes in queues.items():
            sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        for each in before:
            functions.update_function_configuration(
                FunctionName=each["FunctionName"], Environment={"Variables": each["Environment"]["Variables"]}
            )


@pytest.fixture(scope="module")
def calm(there: Chaos) -> Round:
    return there.play(UNDISTURBED)


def test_undisturbed_every_call_of_the_functions_passes_through_the_proxy_unharmed(calm: Round) -> None:
    assert (calm.judgement.lost, calm.judgement.doubled, calm.judgement.wrong) == ([], [], [])
    assert calm.counts["calls"] > 50
    assert (calm.counts["hit"], calm.counts["killed"]) == (0, 0)


def test_under_several_faults_at_once_nothing_is_lost_or_doubled(there: Chaos, calm: Round) -> None:
    troubled = there.play(FEW, calm.judgement.fates)
    found = troubled.judgement
    assert (found.lost, found.doubled, found.wrong) == ([], [], [])
    assert troubled.heal_seconds is not None
    assert troubled.counts["hit"] > 10
    assert troubled.counts["retries"] > 0


def test_every_service_that_a_function_calls_is_throttled_in_its_own_round() -> None:
    assert CALL_LIMITS.keys() == SERVICES
    assert {f"throttle-{service}" for service in SERVICES} <= {fault.name for fault in FAULTS}


def test_the_faults_have_names_of_their_own_that_none_of_the_others_begins_with() -> None:
    names = [f"{fault.name}-" for fault in (*FAULTS, *QUICK)]
    assert [(one, other) for one in names for other in names if one is not other and other.startswith(one)] == []
