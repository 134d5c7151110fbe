"""How the proof of lost permissions reads what CloudWatch would see."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from local.permissions import __main__ as permissions
from local.permissions import stage as staging
from local.permissions.expected import ALERT
from local.permissions.stage import Found, Stage
from local.proof.alarms import Sample

NOW = datetime(2026, 11, 28, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FUNCTIONS = {"Alert": {"FunctionName": "alert", "LoggingConfig": {"LogGroup": "logs"}, "Role": "arn:role/r"}}
AGE = {"MetricName": "IteratorAge", "Dimensions": [{"Value": "alert"}]}


def stage(at: Any = None, **lines: list[tuple[datetime, Any]]) -> Stage:  # noqa: ANN401 - an account
    """A stage whose functions have logged these lines, by function."""

    class Logged(Stage):
        def lines(self, function: str, since: datetime) -> list[tuple[datetime, str]]:
            return [(when, json.dumps(line)) for when, line in lines.get(function, ()) if when >= since]

    return Logged(at=at, functions=FUNCTIONS, alarms={})


def found(*, is_named: bool = True, after: timedelta | None = 3 * MINUTE) -> Found:
    return Found(function="f", action="a:B", expected="Alarm", is_named=is_named, after=after)


def test_what_was_not_named_or_has_no_alarm_is_counted() -> None:
    rows = [found(), found(is_named=False), found(after=None), found(after=7 * MINUTE)]
    assert [each.is_loud for each in rows] == [True, False, False, True]
    figures = permissions.to_figures(rows)
    assert (figures["permissions removed"], figures["never named"], figures["without an alarm in time"]) == (4, 1, 1)
    assert figures["slowest alarm"] == 7


def test_the_age_of_a_stream_is_that_of_the_item_that_fails_again() -> None:
    def failed(minutes: int, item: str) -> tuple[datetime, Any]:
        return NOW + minutes * MINUTE, {"message": "alert_failed", "item": item}

    logged = [failed(2, "job#a"), failed(0, "job#a"), failed(3, "job#b"), failed(4, '{"queue": 1}'), failed(5, "job#b")]
    ages = {sample.at: sample.value / 60_000 for sample in stage(Alert=logged).samples(AGE, NOW)}
    assert ages == {NOW + minutes * MINUTE: age for minutes, age in {0: 0, 2: 2, 3: 0, 5: 2}.items()}


def test_ages_are_by_the_clock_of_the_alarms_and_counts_as_they_are() -> None:
    logged = [(NOW, {"SweepAge": [2.0]}), (NOW, {"PolicyReadsFailed": [1.0]}), (NOW - MINUTE, {"SweepAge": [9.0]})]
    there = stage(Alert=logged)
    for metric, value in (("SweepAge", 120), ("PolicyReadsFailed", 1)):
        alarm = {"MetricName": metric, "Dimensions": [{"Value": "Respot"}]}
        assert there.samples(alarm, NOW) == [Sample(NOW, value)]


def test_a_dead_letter_is_seen_when_sqs_measures_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = {"XDlqUrl": "https://h/1/dead", "XQueueUrl": "https://h/1/q"}
    there = stage(SimpleNamespace(outputs=outputs, queue_depth=lambda _: 1))
    for minutes in (0, 1, 20):
        monkeypatch.setattr(staging, "_now", lambda at=NOW + minutes * MINUTE: at)
        there.dead_letters()
    assert [sample.at - NOW for sample in there.waiting["dead"]] == [15 * MINUTE, 15 * MINUTE, 20 * MINUTE]
    assert there.waiting["q"] == []


def test_a_permission_is_taken_from_every_statement_and_given_back() -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [{"Action": "a:B", "Resource": "x"}, {"Action": ["a:B", "a:C"], "Resource": "y"}],
    }
    iam = Mock()
    iam.list_role_policies.return_value = {"PolicyNames": ["p"]}
    iam.get_role_policy.return_value = {"PolicyDocument": document}
    give_back = stage(SimpleNamespace(client=lambda _: iam)).remove("Alert", "a:B")
    give_back()
    put = [json.loads(call.kwargs["PolicyDocument"]) for call in iam.put_role_policy.call_args_list]
    assert put[0]["Statement"] == [{"Action": ["a:C"], "Resource": "y"}]
    assert put[1] == document


@pytest.mark.parametrize(
    ("named", "before", "then", "loud"),
    [
        (True, False, True, True),
        (True, False, False, False),
        (False, False, True, False),  # the removal had no effect
        (True, True, True, False),  # it fires all the time
    ],
)
def test_a_loss_is_loud_if_it_is_named_and_the_alarm_fires_then_and_not_before(
    monkeypatch: pytest.MonkeyPatch, *, named: bool, before: bool, then: bool, loud: bool
) -> None:
    removed: list[str] = []

    class Played(Stage):
        def remove(self, function: str, action: str) -> Any:  # noqa: ANN401
            removed.append(f"{function} {action}")
            return removed.clear

        def use(self, function: str, action: str) -> None:
            assert removed == [f"{function} {action}"]

        def purge(self) -> None:
            assert removed == []

        def lines(self, *_: object) -> list[tuple[datetime, str]]:
            return [(staging._now(), "denied: A:b")] * named  # noqa: SLF001

        def _fires(self, *_: object) -> bool:
            return then if removed else before

    monkeypatch.setattr(staging, "_until", lambda holds, _: holds())
    monkeypatch.setattr(staging, "receive_alerts", lambda _: [])
    slack = SimpleNamespace(accept=lambda: None)
    there = Played(
        at=SimpleNamespace(slack=slack),  # type: ignore[arg-type]
        functions=FUNCTIONS,
        alarms={"Silent": {"TreatMissingData": "breaching"}},
    )
    assert there.play("Alert", "a:B", "Silent").is_loud is loud
    with pytest.raises(KeyError):  # an alarm that the account does not have
        there.play("Alert", "a:B", "Missing")
    assert not there.play("Alert", "a:B", ALERT).is_loud  # no alert names it
