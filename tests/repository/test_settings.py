from dataclasses import fields, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.alerting.kinds import AlertKind
from respot.errors import SettingsError
from respot.settings import Settings

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1) | st.none()
PATTERNS = st.lists(st.text("aZ09.+=,@_/*?-", min_size=1)).map(tuple) | st.none()
SPANS = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=10))


@given(
    st.builds(
        Settings,
        ledger_table=WORDS,
        alerts_topic_arn=WORDS,
        alert_kinds=st.frozensets(st.sampled_from(AlertKind)),
        alert_max_age=SPANS,
        alert_lease=SPANS,
        retention=SPANS | st.none(),
        slack_secret=WORDS,
        queue_url=WORDS,
        first_retry=SPANS,
        recovery_queue_url=WORDS,
        policy_parameter=WORDS,
        kill_switch_parameter=WORDS,
        training_roles=PATTERNS,
        training_instance_types=PATTERNS,
        stop_only_tagged=st.booleans(),
        sweep_interval=SPANS | st.none(),
    )
)
def test_what_infrastructure_writes_the_functions_read(settings: Settings) -> None:
    assert Settings.from_environment(settings.to_environment()) == settings


def test_every_setting_has_a_variable() -> None:
    full = Settings(
        ledger_table="t",
        alerts_topic_arn="a",
        retention=timedelta(days=1),
        slack_secret="s",  # noqa: S106 - a name
        queue_url="q",
        dead_letters_queue_url="x",
        drills_queue_url="y",
        recovery_queue_url="r",
        policy_parameter="/p",
        kill_switch_parameter="/k",
        observations_queue_url="o",
        due_alerts_queue_url="d",
        slack_queue_url="k",
        stream_dead_letters_url="l",
        training_roles=("r",),
        training_instance_types=("i",),
        stop_only_tagged=True,
        sweep_interval=timedelta(minutes=5),
        queue_arn="q",
        schedule_group="g",
        schedule_role_arn="r",
    )
    assert len(full.to_environment()) == len(fields(Settings))


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings().alert_kinds == frozenset(AlertKind)


def test_whole_figures_are_written_plainly() -> None:
    written = replace(Settings(), retention=timedelta(days=400)).to_environment()
    assert written["RESPOT_ALERT_MAX_AGE_HOURS"] == "24"
    assert written["RESPOT_RETENTION_DAYS"] == "400"
    assert written["RESPOT_FIRST_RETRY_SECONDS"] == "30"


def test_all_kinds_can_be_switched_off() -> None:
    assert Settings.from_environment({"RESPOT_ALERT_KINDS": ""}).alert_kinds == frozenset()


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "-1", "1e30", "1 h"])
@pytest.mark.parametrize(
    "variable",
    [
        "RESPOT_ALERT_LEASE_SECONDS",
        "RESPOT_ALERT_MAX_AGE_HOURS",
        "RESPOT_FIRST_RETRY_SECONDS",
        "RESPOT_RETENTION_DAYS",
    ],
)
def test_a_figure_that_is_none_is_refused_by_name(variable: str, text: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        Settings.from_environment({variable: text})


@pytest.mark.parametrize("text", ["", "True", "false", "0"])
def test_a_switch_is_never_guessed(text: str) -> None:
    with pytest.raises(SettingsError, match="RESPOT_STOP_ONLY_TAGGED must be 'true' or absent"):
        Settings.from_environment({"RESPOT_STOP_ONLY_TAGGED": text})


def test_an_unknown_kind_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match=r"knows interrupted, .*, not 'interupted'"):
        Settings.from_environment({"RESPOT_ALERT_KINDS": "interupted"})
