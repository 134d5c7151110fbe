from datetime import timedelta
from typing import Final

import pytest

from respot.alerting.alert import AlertPolicy, decide, interruptions_before
from respot.alerting.kinds import KIND_BY_STATUS, AlertKind, Severity, severity_of
from respot.jobs.job import Market
from tests.support.builders import alert_on, at, history, state, transition

INTERRUPTED: Final = transition("Interrupted", 3720)


SENT: Final = "Interrupted at 2026-09-16T10:02:00.000Z"
LATE: Final = "happened before Respot was deployed (2026-09-16T10:02:00.001Z)"
OLD: Final = "happened 1 d 00 h ago, longer than the 1 d 00 h of the settings"


@pytest.mark.parametrize(
    ("kind", "market", "deployed", "age", "reason"),
    [
        pytest.param("interrupted", Market.SPOT, 0, 10, SENT, id="spot"),
        pytest.param("interrupted", None, 0, 10, SENT, id="an unknown market"),
        pytest.param("interrupted", Market.SPOT, 3720, 86_400, SENT, id="just in time"),
        pytest.param("interrupted", Market.SPOT, 3720.001, 10, LATE, id="before the deployment"),
        pytest.param("interrupted", Market.SPOT, 0, 86_400.001, OLD, id="old"),
        pytest.param(
            "failed", Market.ON_DEMAND, 0, 10, "an on-demand job: only spot jobs are alerted on", id="on demand"
        ),
        pytest.param("ended", Market.ON_DEMAND, 0, 10, SENT, id="an unknown end, on any market"),
        pytest.param("resubmitted", Market.ON_DEMAND, 0, 10, SENT, id="what Respot did, on any market"),
        pytest.param(
            "advice", Market.SPOT, 0, 10, "alerts of kind advice are switched off in the settings", id="switched off"
        ),
    ],
)
def test_what_is_sent_and_what_is_declined_for_which_reason(
    kind: str, market: Market | None, deployed: float, age: float, reason: str
) -> None:
    kinds = frozenset(AlertKind) - {AlertKind.ADVICE}
    policy = AlertPolicy(kinds=kinds, max_age=timedelta(hours=24), deployed_at=at(deployed))
    decision = decide(AlertKind(kind), state(market=market), INTERRUPTED, policy, now=at(3720 + age))
    assert (decision.send, decision.reason) == (reason == SENT, reason)


def test_only_earlier_interruptions_count() -> None:
    transitions = history("Interrupted=10 Starting=20 Interrupted=30 Starting=40 Interrupted=50")
    assert [interruptions_before(transition, transitions) for transition in transitions] == [0, 1, 1, 2, 2]


def test_the_id_is_the_same_for_every_delivery_of_one_alert_only() -> None:
    assert alert_on().id == "us-east-1/spot-job/2026-09-16T09:00:00.000Z/interrupted/2026-09-16T10:02:00.000Z"
    assert alert_on().id == alert_on(earlier=2, instance_type=None).id
    assert alert_on().id != alert_on(seconds=3721).id
    assert alert_on().id != alert_on("Failed").id


def test_only_interruptions_by_sagemaker_are_no_errors() -> None:
    reported = list(KIND_BY_STATUS.values())
    assert [kind for kind in reported if severity_of(kind) is Severity.WARNING] == [AlertKind.INTERRUPTED]
    assert {severity_of(kind) for kind in reported if kind is not AlertKind.INTERRUPTED} == {Severity.ERROR}
    assert alert_on().severity is Severity.WARNING
    assert severity_of(AlertKind.ENDED) is Severity.ERROR
