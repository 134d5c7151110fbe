from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.job import JobState, Market
from respot.recovery.planning.attempt import LINEAGE_TAGS
from respot.recovery.planning.ending import TRIGGERS_TO_CHOOSE, Budget
from respot.recovery.policy.policy import (
    _TAG_READERS,
    LONGEST_SPAN,
    AccountPolicy,
    BackOff,
    Policy,
    Resolved,
    Rule,
    Rung,
    WhenMissed,
    parse_deadline,
    parse_duration,
    parse_pause,
    read_tags,
    resolve,
    with_settings,
)
from tests.support.builders import job_id, state

ROLE = "arn:aws:iam::111122223333:role/vision-training"
SPOT, ON_DEMAND = Rung(market=Market.SPOT), Rung(market=Market.ON_DEMAND)
MOMENT = datetime(2026, 9, 16, 18, tzinfo=UTC)
THREE = Rung(market=Market.SPOT, attempts=3)
LARGER = Rung(market=Market.ON_DEMAND, instance_type="ml.g5.4xlarge", attempts=1)
LISTED = Rung(market=Market.ON_DEMAND, instance_type="ml.g5.4xlarge/ml.g6.4xlarge", attempts=1)


def job(name: str = "nightly-resnet", **tags: str) -> JobState:
    return state(job_id(name), tags={key.replace("_", "-").replace("respot-", "respot:"): v for key, v in tags.items()})


def rule(name: str = "nightly", **members: Any) -> Rule:  # noqa: ANN401
    return Rule(name=name, **({"settings": {"resume": True}} | members))


def resolved(*rules: Rule, of: JobState | None = None, **members: Any) -> Resolved:  # noqa: ANN401
    return resolve(AccountPolicy(rules=rules, **members), of or job(), role=ROLE)


def test_unless_somebody_asks_for_it_nothing_is_resumed() -> None:
    assert resolved().policy == Policy()
    assert not Policy().resume
    assert resolved().sources == ("defaults",)


def test_the_first_rule_that_matches_counts_and_no_other() -> None:
    rules = (
        rule("other", job_name="daily-*"),
        rule("first", job_name="nightly-*", settings={"resume": True}),
        rule("second", settings={"resume": False, "dry_run": True}),
    )
    found = resolved(*rules)
    assert (found.policy.resume, found.policy.dry_run) == (True, False)
    assert found.sources == ("defaults", "rule 'first'")


def test_tags_override_the_rule_and_the_rule_overrides_the_defaults() -> None:
    found = resolved(
        rule(settings={"resume": True, "max_attempts": 7, "deadline": None, "triggers": frozenset()}),
        of=job(respot_max_attempts="2", respot_resume="off", respot_work="long"),
        defaults=Policy(max_attempts=9, dry_run=True, deadline=timedelta(hours=14)),
    )
    assert found.policy == Policy(resume=False, max_attempts=2, triggers=frozenset(), dry_run=True)
    assert found.sources == ("defaults", "rule 'nightly'", "tags respot:max-attempts, respot:resume, respot:work")
    assert found.bad_tags == ("tag respot:work: 'long' is no span of time like '90 min' or '1 d 4 h'",)


def test_budgets_and_pauses_are_taken_over_one_by_one() -> None:
    pause = BackOff(first=timedelta(), longest=timedelta())
    policy = with_settings(Policy(), {"budgets": {Budget.FAILURE: 0}, "back_off": {Budget.CAPACITY: pause}})
    assert policy.budgets == {Budget.CAPACITY: 5, Budget.INTERRUPTION: 5, Budget.FAILURE: 0}
    assert policy.back_off == Policy().back_off | {Budget.CAPACITY: pause}  # type: ignore[operator]
    assert Policy().budgets[Budget.FAILURE] == 2


@pytest.mark.parametrize(
    ("patterns", "matches"),
    [
        pytest.param({"job_name": "night"}, False, id="a part of the name"),
        pytest.param({"job_name": "Nightly-*"}, False, id="case matters"),
        pytest.param({"job_name": "nightly-[qr]esne?"}, True, id="one of, and any one"),
        pytest.param({"instance_type": "ml.g5.*"}, True, id="instance type"),
        pytest.param({"instance_type": "ml.p5.*"}, False, id="other instance type"),
        pytest.param({"role": "*:role/vision-*"}, True, id="role"),
        pytest.param({"role": "*:role/speech-*"}, False, id="other role"),
        pytest.param({"region": "us-*"}, True, id="region"),
        pytest.param({"region": "eu-*"}, False, id="other region"),
        pytest.param({"tags": {"team": "vis*"}}, True, id="tag"),
        pytest.param({"tags": {"team": "vis*", "stage": "*"}}, False, id="a tag that is not there"),
        pytest.param({"job_name": "nightly-*", "region": "eu-*"}, False, id="all must match"),
    ],
)
def test_a_rule_matches_if_all_its_patterns_do(patterns: dict[str, Any], matches: bool) -> None:  # noqa: FBT001
    assert resolved(rule(**patterns), of=job(team="vision")).policy.resume is matches


def test_what_is_not_known_of_a_job_matches_no_narrower_pattern_than_all() -> None:
    unknown = state(instance_type=None, tags={})
    for narrow in ({"instance_type": "ml.*"}, {"role": "arn:*"}):
        account = AccountPolicy(rules=(rule(**narrow),))
        assert not resolve(account, unknown, role=None).policy.resume
    assert resolve(AccountPolicy(rules=(rule(),)), unknown, role=None).policy.resume


@pytest.mark.parametrize("chosen", [None, "ml.g6.4xlarge"])
@pytest.mark.parametrize(
    ("pattern", "matches"), [("ml.g5.*", True), ("ml.g6.*", True), ("*/*", False), ("ml.p5.*", False)]
)
def test_a_rule_matches_a_list_by_each_of_its_types(
    pattern: str,
    chosen: str | None,
    matches: bool,  # noqa: FBT001
) -> None:
    listed = state(instance_type=chosen, preferred_types=("ml.g5.4xlarge", "ml.g6.4xlarge"), tags={})
    assert resolved(rule(instance_type=pattern), of=listed).policy.resume is matches


def test_unknown_tags_forbid_the_attempt_that_a_policy_asks_for() -> None:
    words = "the job's tags are not known, and one of them may forbid it"
    assert resolved(rule(), of=state(tags=None)).bad_tags == (words,)
    assert resolved(of=state(tags=None)).bad_tags == ()


@pytest.mark.parametrize(
    ("tag", "value", "member", "read"),
    [
        ("resume", "on", "resume", True),
        ("dry-run", "on", "dry_run", True),
        ("require-checkpoint", "off", "require_checkpoint", False),
        ("require-progress", "off", "require_progress", False),
        ("triggers", " ".join(TRIGGERS_TO_CHOOSE), "triggers", set(TRIGGERS_TO_CHOOSE)),
        ("max-attempts", "100", "max_attempts", 100),
        ("max-billable-hours", "0.5", "max_billable_hours", 0.5),
        ("ladder", "spot:3 on-demand/ml.g5.4xlarge:1 on-demand", "ladder", (THREE, LARGER, ON_DEMAND)),
        ("ladder", "spot:3 on-demand/ml.g5.4xlarge/ml.g6.4xlarge:1", "ladder", (THREE, LISTED)),
        ("ladder", "spot:3 spot", "ladder", (THREE, SPOT)),
        ("ladder", "spot on-demand", "ladder", (SPOT, ON_DEMAND)),
        ("deadline", "14 h", "deadline", timedelta(hours=14)),
        ("deadline", "2026-09-16T18:00", "deadline", MOMENT),
        ("deadline", "20260916T18", "deadline", MOMENT),
        ("deadline", "2026-09-16 18:00:30Z", "deadline", MOMENT + timedelta(seconds=30)),
        ("deadline", "2026-09-16T20:00+02:00", "deadline", MOMENT),
        ("when-deadline-missed", "stop", "when_deadline_missed", WhenMissed.STOP),
        ("work", "  3 h  30 min ", "work", timedelta(hours=3.5)),
        ("work", "1.5 h", "work", timedelta(hours=1.5)),
        ("work", "1d4h", "work", timedelta(hours=28)),
        ("give-up-waiting-after", "1 s", "give_up_waiting_after", timedelta(seconds=1)),
        ("give-up-waiting-after", "366 d", "give_up_waiting_after", LONGEST_SPAN),
    ],
)
def test_a_tag_sets_its_member(tag: str, value: str, member: str, read: object) -> None:
    settings, bad = read_tags({f"respot:{tag}": value, "team": "vision"})
    assert (settings, bad) == ({member: read}, ())
    assert not isinstance(read, datetime) or settings[member].tzinfo is UTC


@pytest.mark.parametrize(
    ("tag", "value", "complaint"),
    [
        ("resume", "yes", "'yes' is neither 'on' nor 'off'"),
        ("resume", "On", "'On' is neither"),
        ("triggers", "MaxWaitTimeExceeded", "is no list, parted by spaces, of max-wait-time-exceeded, max-pending-tim"),
        ("triggers", " ", "' ' is no list"),
        ("max-attempts", "0", "'0' is no whole number from 1 to 100"),
        ("max-attempts", "101", "'101' is no whole number"),
        ("max-attempts", "٣", "'٣' is no whole number"),
        ("max-attempts", "9" * 256, "is no whole number"),
        ("max-billable-hours", "0", "'0' is no number of hours"),
        ("max-billable-hours", "nan", "'nan' is no number of hours"),
        ("max-billable-hours", "1e3", "'1e3' is no number of hours"),
        ("max-billable-hours", "1000001", "up to 1000000"),
        ("ladder", "", "a ladder needs a rung"),
        ("ladder", "spot:", "'spot:' is no rung"),
        ("ladder", "spot:0", "'spot:0' is no rung"),
        ("ladder", "spot/", "'spot/' is no rung"),
        ("ladder", "spot/g5.xlarge", "'spot/g5.xlarge' is no rung"),
        ("ladder", "spot:3,on-demand", "is no rung"),
        ("ladder", "on-demand/ml.g5.xlarge/", "is no rung"),
        ("ladder", "on-demand/ml.g5.xlarge/g6.xlarge", "is no rung"),
        ("ladder", "spot/ml.g5.xlarge/ml.g6.xlarge", "only an on-demand rung may list several"),
        ("ladder", f"on-demand/{'/'.join(f'ml.g{number}.xlarge' for number in range(6))}", "at most 5 instance types"),
        ("ladder", "on-demand/ml.g5.xlarge/ml.g6.xlarge/ml.g5.xlarge", "ml.g5.xlarge is there twice"),
        ("ladder", "spot spot:1", "rung 2 is never reached: rung 1 has no number of attempts"),
        ("ladder", "on-demand spot", "rung 2 is never reached"),
        ("ladder", "spot on-demand on-demand/ml.g5.xlarge", "rung 3 is never reached"),
        ("ladder", "spot:1 spot spot:2", "rung 3 is never reached: rung 2"),
        ("deadline", "tomorrow", "'tomorrow' is no span of time like '90 min' or '1 d 4 h'; a deadline may also be a"),
        ("deadline", "2026-09-16", "'2026-09-16' does not say the time of day"),
        ("deadline", "20260916", "does not say the time of day"),
        ("deadline", "0001-01-01T00:00+14:00", "is not in this century"),
        ("deadline", "9999-12-31T23:59-14:00", "is not in this century"),
        ("deadline", "0 s", "'0 s' is no time at all; a deadline may also be"),
        ("deadline", "999999999999999999999 d", "is longer than 366 days"),
        ("when-deadline-missed", "panic", "'panic' is neither of on-demand, stop"),
        ("work", "long", "'long' is no span of time"),
        ("triggers", "gave-up-waiting", "is no list, parted by spaces, of max-wait-time-exceeded"),
        ("give-up-waiting-after", "0 s", "'0 s' is no time at all"),
        ("give-up-waiting-after", "0.5 s", "'0.5 s' is less than 1 s"),
    ],
)
def test_a_tag_that_cannot_be_read_is_named_with_what_is_wrong(tag: str, value: str, complaint: str) -> None:
    settings, (bad,) = read_tags({f"respot:{tag}": value})
    assert settings == {}
    assert bad.startswith(f"tag respot:{tag}: ")
    assert complaint in bad


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("respot:dedline", "did you mean respot:deadline?"),
        ("Respot:Resume", "did you mean respot:resume?"),
        ("RESPOT:RUN", "did you mean respot:"),
        ("respot:", "there are respot:resume, respot:triggers, respot:max-attempts"),
        ("respot:budgets", "there are respot:resume"),
    ],
)
def test_an_unknown_tag_of_ours_is_a_refusal_that_names_it(key: str, complaint: str) -> None:
    settings, (bad,) = read_tags({key: "on"})
    assert settings == {}
    assert bad.startswith(f"tag {key}: no such setting; {complaint}")


@pytest.mark.parametrize(("count", "more"), [(5, ()), (6, ("and 1 more that cannot be read",))])
def test_of_many_bad_tags_the_first_are_reported_one_by_one(count: int, more: tuple[str, ...]) -> None:
    bad = resolved(of=state(tags={f"respot:x{number}": "on" for number in range(count)})).bad_tags
    assert [words.partition(":")[0] for words in bad[:5]] == ["tag respot"] * 5
    assert bad[5:] == more


def test_foreign_tags_and_our_own_lineage_tags_are_no_settings() -> None:
    others = {"team": "vision", "respot": "on", "respotter:resume": "maybe", "aws:respot:resume": "?"}
    assert read_tags(others | dict.fromkeys(LINEAGE_TAGS, "x")) == ({}, ())
    assert resolved(of=state(tags=others)).sources == ("defaults",)


@given(st.dictionaries(st.sampled_from([*_TAG_READERS, "respot:x"]), st.text(max_size=256)))
def test_any_tag_is_a_setting_or_a_complaint(tags: dict[str, str]) -> None:
    settings, bad = read_tags(tags)
    assert len(settings) + len(bad) == len(tags)
    with_settings(Policy(), settings)


@given(st.text(st.sampled_from("0123456789.smindh -+:TZ"), max_size=70))
def test_a_deadline_is_one_that_can_be_calculated_with_or_none(words: str) -> None:
    try:
        deadline = parse_deadline(words)
    except ValueError:
        return
    now = datetime(2026, 9, 16, tzinfo=UTC)
    moment = now + deadline if isinstance(deadline, timedelta) else deadline
    assert moment - timedelta(days=400) < moment + timedelta(days=400)
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "words", ["", "90", "min", "90 minutes", "90 m", "-5 min", "1,5 h", "1e3 s", "1 h, 2 min", "PT1H", "1 h" * 30]
)
def test_what_is_no_span_is_reported_with_an_example(words: str) -> None:
    with pytest.raises(ValueError, match="is no span of time like '90 min' or '1 d 4 h'"):
        parse_pause(words)


@given(st.integers(1, 366 * 86_400))
def test_every_span_up_to_a_year_can_be_written(seconds: int) -> None:
    assert parse_duration(f"{seconds // 60} min {seconds % 60} s") == timedelta(seconds=seconds)
