"""How events reach `record`."""

import pytest

from respot.recording.drill import DETAIL_TYPE as DRILL_DETAIL_TYPE
from respot.recording.observation import DETAIL_TYPE, SOURCE
from tests.infra.synthesis import Synthesized, render


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("RecordingRule", {"source": [SOURCE], "detail-type": [DETAIL_TYPE]}),
        ("RecordingDrillRule", {"source": ["respot.drill"], "detail-type": [DRILL_DETAIL_TYPE]}),
    ],
)
def test_every_rule_takes_events_of_this_account_alone_and_asks_for_nothing_they_may_lack(
    either: Synthesized, rule: str, asked: dict[str, list[str]]
) -> None:
    assert render(either.properties(rule)["EventPattern"]) == {"account": ["${AWS::AccountId}"], **asked}
    assert either.of_type("Events::Rule").keys() == {"RecordingRule", "RecordingDrillRule"}


def test_rules_keep_events_for_a_day_and_lose_none_and_drills_have_a_queue_of_their_own(either: Synthesized) -> None:
    for name, rule in either.of_type("Events::Rule").items():
        queue = "Drills" if "Drill" in name else "Observations"
        assert (rule["State"], "EventBusName" in rule) == ("ENABLED", False)
        assert render(rule["Targets"]) == [
            {
                "Id": "Target0",
                "Arn": f"${{Recording{queue}Queue.Arn}}",
                "DeadLetterConfig": {"Arn": f"${{Recording{queue}DeadLetters.Arn}}"},
                "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
            }
        ]
