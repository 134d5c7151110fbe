"""A drill's course: what is shown of each hop, and where it is stuck."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.aws.dynamodb.drills import DrillPost
from respot.recording.drill import Drill
from respot_cli.drill.course import Course, Hop, Stuck, follow
from respot_cli.drill.view import render, to_document, waiting_for
from respot_cli.main import parser
from tests.support.builders import a_drill, at
from tests.support.records import alert_record


def settled(**others: Any) -> AlertRecord:  # noqa: ANN401
    drill = a_drill()
    return alert_record(job=drill.job, transition=drill.alerted, settled_at=at(3), **others)


@dataclass
class Traces:
    """What the ledger has from the moment on that is said."""

    recorded: float | None = 0
    settled: AlertRecord | None = field(default_factory=settled)
    posts: list[DrillPost | None] = field(default_factory=lambda: [DrillPost(at=at(7), refusal=None)])

    def recorded_at(self, drill: Drill) -> datetime | None:
        assert drill == a_drill()
        return None if self.recorded is None else at(1)

    def alert_record(self, drill: Drill) -> AlertRecord | None:
        assert drill == a_drill()
        return self.settled

    def post(self, drill: Drill) -> DrillPost | None:
        assert drill == a_drill()
        return self.posts.pop(0) if len(self.posts) > 1 else self.posts[0]


@dataclass
class Time:
    """Passes only while somebody sleeps."""

    now: float = 0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def followed(traces: Traces, *, has_slack: bool = True) -> tuple[Course, list[Stuck], float]:
    """The course, what was waited for, and for how long."""
    time, stuck_at = Time(), list[Stuck]()
    course = follow(
        a_drill(),
        traces,
        has_slack=has_slack,
        timeout=timedelta(seconds=10),
        monotonic=time,
        sleep=time.sleep,
        on_waiting=stuck_at.append,
    )
    return course, stuck_at, time.now


def shown(course: Course) -> str:
    console = Console(width=140, record=True, file=None, highlight=False)
    with console.capture() as captured:
        console.print(render(a_drill(), course))
    return captured.get()


def test_each_hop_is_shown_with_the_time_since_the_one_before() -> None:
    course, stuck_at, waited = followed(Traces())
    assert [(hop.hop, hop.took.total_seconds()) for hop in course.passed] == [
        (Hop.RECORD, 1),
        (Hop.ALERT, 2),
        (Hop.SLACK, 4),
    ]
    assert (course.stuck, stuck_at, waited) == (None, [], 0)
    said = shown(course)
    assert "passed" in said
    assert "2.00 s  SNS took it as message-1" in said
    assert "All of it took 7.00 s." in said


@pytest.mark.parametrize(
    ("traces", "hop"),
    [
        (Traces(recorded=None), Hop.RECORD),
        (Traces(settled=None), Hop.ALERT),
        (Traces(posts=[None]), Hop.SLACK),
        (Traces(posts=[DrillPost(at=at(4), refusal="Slack answered 404")]), Hop.SLACK),
    ],
    ids=["nothing recorded", "not alerted", "nothing known of Slack", "Slack refuses"],
)
def test_it_is_stuck_at_the_first_hop_that_it_has_not_passed_in_time(traces: Traces, hop: Hop) -> None:
    course, stuck_at, waited = followed(traces)
    assert course.stuck is not None
    assert course.stuck.hop == hop
    assert course.stuck.reason.endswith("(waited 10 s)")
    assert {stuck.hop for stuck in stuck_at} == {hop}
    assert 10 <= waited < 11
    assert f"stuck at {hop}" in shown(course)


def test_a_declined_alert_is_reported_at_once_with_its_reason() -> None:
    off = "alerts of kind interrupted are switched off in the settings"
    declined = settled(outcome=AlertOutcome.DECLINED, reason=off)
    course, _, waited = followed(Traces(settled=declined))
    assert course.stuck == Stuck(
        hop=Hop.ALERT,
        reason="no alert is sent: alerts of kind interrupted are switched off in the settings",
        final=True,
    )
    assert waited == 0


def test_a_refusal_that_the_next_attempt_resolves_is_waited_out() -> None:
    refused, accepted = DrillPost(at=at(4), refusal="Slack answered 500"), DrillPost(at=at(7), refusal=None)
    course, stuck_at, _ = followed(Traces(posts=[refused, refused, accepted]))
    assert course.stuck is None
    assert [stuck.reason for stuck in stuck_at] == ["Slack answered 500"] * 2


def test_without_slack_the_topic_is_the_last_hop() -> None:
    course, _, _ = followed(Traces(posts=[None]), has_slack=False)
    assert [hop.hop for hop in course.passed] == [Hop.RECORD, Hop.ALERT]
    assert course.stuck is None
    assert "not deployed" in shown(course)
    assert to_document(a_drill(), course)["slack"] == "not deployed"


def test_a_clock_that_is_ahead_of_awss_is_reported() -> None:
    course, _, _ = followed(Traces())
    (first, *others) = course.passed
    early = Course(passed=(type(first)(hop=first.hop, at=at(-2), took=timedelta(seconds=-2), said=""), *others))
    assert "-2.00 s (clocks differ)" in shown(early)


def test_what_to_check_is_shown_and_words_of_others_are_never_markup() -> None:
    course = Course(stuck=Stuck(hop=Hop.SLACK, reason="[bold]no\n[/bold]", checks=("[red]its queue[/red]",)))
    said = shown(course)
    assert "[bold]no [/bold]" in said
    assert "→ [red]its queue[/red]" in said
    assert "\\[bold]no" in waiting_for(a_drill(), course.stuck or Stuck(hop=Hop.SLACK, reason=""))


def test_json_has_the_hops_and_where_it_got_stuck() -> None:
    course, _, _ = followed(Traces(posts=[None]))
    document = to_document(a_drill(), course)
    assert json.loads(json.dumps(document)) == document
    assert (document["passed"], document["seconds"], document["slack"]) == (False, None, "not accepted")
    assert [hop["hop"] for hop in document["hops"]] == ["record", "alert"]
    assert document["stuck"]["hop"] == "Slack"
    whole, _, _ = followed(Traces())
    assert to_document(a_drill(), whole) | {"hops": []} == {
        "drill": "0123456789ab",
        "kind": "interrupted",
        "region": "us-east-1",
        "sent_at": "2026-09-16T09:00:00.000Z",
        "passed": True,
        "seconds": 7.0,
        "hops": [],
        "slack": "accepted",
        "stuck": None,
    }


def test_only_what_can_be_drilled_can_be_asked_for() -> None:
    assert parser().parse_args(["drill"]).kind == "interrupted"
    with pytest.raises(SystemExit):
        parser().parse_args(["drill", "--kind", "resubmitted"])


@pytest.mark.parametrize("words", ["soon", "nan", "inf", "1e300"])
def test_a_timeout_that_is_no_number_of_seconds_is_wrong_usage(words: str) -> None:
    assert parser().parse_args(["drill"]).timeout == timedelta(minutes=1)
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(["drill", "--timeout", words])
