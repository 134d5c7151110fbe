"""Who is subscribed to alerts and alarms."""

from respot.alerting.contract import DIGEST_ATTRIBUTE
from tests.infra.synthesis import Synthesized, render


def test_people_receive_all_alarms_and_the_alerts_outside_digests(full: Synthesized, plain: Synthesized) -> None:
    subscriptions = [render(subscription) for subscription in full.of_type("SNS::Subscription").values()]
    people = {("email", "ml@example.com"), ("email", "oncall@example.com"), ("sqs", "${SlackQueue.Arn}")}
    # SNS shows a message without attributes, as an alarm is, to no subscription with a filter policy.
    for topic, policy in (
        ("${AlertingAlertsTopic}", {DIGEST_ATTRIBUTE: [{"exists": False}]}),
        ("${AlarmsTopic}", None),
    ):
        theirs = [s for s in subscriptions if s["TopicArn"] == topic]
        assert {(s["Protocol"], s["Endpoint"]) for s in theirs} == people
        assert [s.get("FilterPolicy") for s in theirs] == [policy] * 3
    assert {s["RawMessageDelivery"] for s in subscriptions if s["Protocol"] == "sqs"} == {True}
    assert plain.of_type("SNS::Subscription") == {}
