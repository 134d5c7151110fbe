from datetime import timedelta
from typing import Final

import pytest

from respot.alerting.alert import AlertPolicy, decide, interruptions_before
from respot.alerting.kinds import KIND_BY_STATUS, AlertKind, Severity, severity_of
from respot.jobs.job import Market
from tests.support.builders import CREATED, alert_on, at, history, state, transition

POLICY: Final = AlertPolicy(kinds=frozenset(AlertKind), max_age=timedelta(hours=24), deployed_at=CREATED)
INTERRUPTED: Final = transition("Interrupted", 3720)


def test_an_interruption_of_a_spot_job_is_news() -> None:
    decision = decide(AlertKind.INTERRUPTED, state(), INTERRUPTED, POLICY, now=at(3730))
    assert decision.send
    assert decision.reason == "Interrupted at 2026-09-16T10:02:00.000Z"


def test_a_job_of_unknown_market_is_alerted_on() -> None:
    assert decide(AlertKind.INTERRUPTED, state(market=None), INTERRUPTED, POLICY, now=at(3730)).send


def test_a_kind_that_is_switched_off_is_declined() -> None:
    policy = AlertPolicy(kinds=frozenset({AlertKind.FAILED}), max_age=POLICY.max_age, deployed_at=CREATED)
    decision = decide(AlertKind.INTERRUPTED, state(), INTERRUPTED, policy, now=at(3730))
    assert not decision.send
    assert decision.reason == "alerts of kind interrupted are switched off in the settings"


def test_an_on_demand_job_is_declined() -> None:
    decision = decide(AlertKind.FAILED, state(market=Market.ON_DEMAND), INTERRUPTED, POLICY, now=at(3730))
    assert not decision.send
    assert decision.reason == "an on-demand job: only spot jobs are alerted on"


def test_an_unknown_end_is_news_on_any_market() -> None:
    """On-demand jobs are the ones that are pending."""
    end = transition("MaxPendingTimeExceeded", 3720)
    assert decide(AlertKind.ENDED, state(market=Market.ON_DEMAND), end, POLICY, now=at(3730)).send


@pytest.mark.parametrize(("deployed", "sent"), [(3720, True), (3720.001, False)])
def test_what_happened_before_the_deployment_is_declined(deployed: float, *, sent: bool) -> None:
    policy = AlertPolicy(kinds=POLICY.kinds, max_age=POLICY.max_age, deployed_at=at(deployed))
    decision = decide(AlertKind.INTERRUPTED, state(), INTERRUPTED, policy, now=at(3730))
    assert decision.send is sent
    if not sent:
        assert decision.reason == "happened before Respot was deployed (2026-09-16T10:02:00.001Z)"


@pytest.mark.parametrize(("age", "sent"), [(86_400, True), (86_400.001, False)])
def test_what_is_older_than_the_settings_allow_is_declined(age: float, *, sent: bool) -> None:
    decision = decide(AlertKind.INTERRUPTED, state(), INTERRUPTED, POLICY, now=at(3720 + age))
    assert decision.send is sent
    if not sent:
        assert decision.reason == "happened 1 d 00 h ago, longer than the 1 d 00 h of the settings"


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
