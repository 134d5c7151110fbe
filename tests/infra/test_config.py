import json
from pathlib import Path

import pytest

from infra.config import LOG_RETENTION_DAYS, Config, LogLevel, RemovalChoice, settings_of, settings_table
from respot.alerting.kinds import AlertKind
from respot.errors import SettingsError


def read(**settings: object) -> Config:
    return Config.from_context({"respot": settings})


def test_cdk_json_shows_every_setting_with_its_default(root: Path) -> None:
    assert json.loads((root / "cdk.json").read_text())["context"]["respot"] == Config().to_context()


def test_a_context_is_read_back_as_it_was_written() -> None:
    config = Config(alert_emails=("a@example.com",), removal_policy=RemovalChoice.DESTROY, ledger_retention_days=90)
    assert Config.from_context({"respot": json.loads(json.dumps(config.to_context()))}) == config


def test_all_settings_can_be_given() -> None:
    examples = {name: setting.example for name, setting in settings_of(Config).items()}
    assert read(**examples).to_context() == examples
    config = read(**examples)
    assert config.alert_kinds == (AlertKind.INTERRUPTED, AlertKind.MAX_WAIT_TIME_EXCEEDED)
    assert (config.hub_region, config.watched_regions) == ("eu-west-1", ("us-east-1",))
    assert (config.log_level, config.removal_policy) == (LogLevel.INFO, RemovalChoice.DESTROY)


def test_without_a_region_the_credentials_decide() -> None:
    assert (Config().hub_region, Config().watched_regions) == (None, ())


def test_the_first_region_is_the_hub_and_the_others_are_watched() -> None:
    assert read(regions=["eu-west-1"]).watched_regions == ()
    config = read(regions=["ap-northeast-1", "us-east-1", "us-gov-west-1"])
    assert (config.hub_region, config.watched_regions) == ("ap-northeast-1", ("us-east-1", "us-gov-west-1"))


@pytest.mark.parametrize(
    ("key", "text", "name", "value"),
    [
        pytest.param("respot:removal_policy", "destroy", "removal_policy", RemovalChoice.DESTROY, id="text"),
        pytest.param("respot:record_concurrency", "9", "record_concurrency", 9, id="number"),
        pytest.param("respot:ledger_retention_days", "null", "ledger_retention_days", None, id="null"),
        pytest.param("respot:alert_emails", '["a@b.example"]', "alert_emails", ("a@b.example",), id="list"),
    ],
)
def test_the_command_line_overrides_cdk_json(key: str, text: str, name: str, value: object) -> None:
    config = Config.from_context({"respot": {"record_concurrency": 4, "ledger_retention_days": 60}, key: text})
    assert getattr(config, name) == value


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        pytest.param("alert_email", [], "did you mean 'alert_emails'?", id="misspelt"),
        pytest.param("colour", "red", "is not a setting: known are alert_emails,", id="unknown"),
        pytest.param("alert_emails", "a@example.com", "must be a list; it is", id="text for a list"),
        pytest.param("alert_emails", ["nobody"], "must be a list, each item an e-mail address", id="not an address"),
        pytest.param("alert_emails", ["a@b.example", "a@b.example"], "a list without repetitions", id="repeated"),
        pytest.param("alert_kinds", ["stopped"], "each item one of interrupted, max-wait-time", id="unknown kind"),
        pytest.param("alert_kinds", [["interrupted"]], "each item one of interrupted", id="list in a list"),
        pytest.param("alert_max_age_hours", 0, "a whole number from 1 to 720; it is 0", id="too small"),
        pytest.param("alert_max_age_hours", 1.5, "a whole number from 1 to 720; it is 1.5", id="fraction"),
        pytest.param("alert_max_age_hours", True, "a whole number from 1 to 720; it is true", id="boolean"),
        pytest.param("alert_max_age_hours", "24", 'it is "24", and could be 24', id="number as text"),
        pytest.param("slack_webhook_secret", "", "null or the name (not the ARN)", id="empty secret"),
        pytest.param(
            "slack_webhook_secret", "arn:aws:secretsmanager:x", "null or the name (not the ARN)", id="ARN of a secret"
        ),
        pytest.param("slack_retry_seconds", 901, "from 1 to 900", id="retry too late"),
        pytest.param("slack_max_receives", 51, "from 1 to 50", id="too many attempts"),
        pytest.param("regions", ["Frankfurt"], "a list, each item the name of a region", id="not a region"),
        pytest.param("regions", ["eu-west-1", "eu-west-1"], "a list without repetitions", id="hub watched twice"),
        pytest.param("regions", "eu-west-1", "must be a list; it is", id="one region as text"),
        pytest.param("record_concurrency", 1, "from 2 to 1000", id="less than SQS allows"),
        pytest.param("observation_max_receives", 0, "from 1 to 250", id="no attempt"),
        pytest.param("training_roles", "*", "must be a list; it is", id="one role"),
        pytest.param("training_roles", ["arn:aws:iam::1:role/x"], "a role's name (not its ARN)", id="ARN of a role"),
        pytest.param("training_roles", ["/service-role/x"], "a role's name (not its ARN)", id="absolute path"),
        pytest.param("training_roles", [""], "each item a role's name", id="no role's name"),
        pytest.param("checkpoint_buckets", ["s3://ml"], "each item a bucket's name", id="location"),
        pytest.param("checkpoint_buckets", ["ml/checkpoints"], "each item a bucket's name", id="prefix"),
        pytest.param("recovery_max_receives", 0, "from 1 to 450", id="no attempt to recover"),
        pytest.param("recovery_max_receives", 451, "from 1 to 450", id="messages would expire"),
        pytest.param("ledger_retention_days", 0, "null or a whole number", id="no retention"),
        pytest.param("log_retention_days", 31, "one of 1, 3, 5, 7, 14, 30, 60", id="not a period of CloudWatch"),
        pytest.param("log_level", "debug", "one of DEBUG, INFO, WARNING, ERROR", id="lower case"),
        pytest.param("stop_only_tagged", "on", "true or false", id="not a truth"),
        pytest.param("reader_policy", "true", "true or false", id="text for a truth"),
        pytest.param("stop_only_tagged", 1, "true or false; it is 1", id="a number for a truth"),
        pytest.param("removal_policy", "snapshot", "one of retain, destroy", id="unknown policy"),
        pytest.param("removal_policy", None, "one of retain, destroy; it is null", id="null"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_must_be(name: str, value: object, complaint: str) -> None:
    with pytest.raises(SettingsError) as error:
        read(**{name: value})
    assert str(error.value).startswith(f"respot.{name} in the CDK context ")
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("name", "patterns", "is_wide"),
    [
        ("training_roles", ["*"], True),
        ("training_roles", ["Train", "**"], True),
        ("training_roles", ["SageMaker*", "ml.*"], False),
        ("training_roles", [], False),
        ("training_instance_types", ["*"], True),
        ("training_instance_types", ["ml.g5.*", "ml.*"], True),
        ("training_instance_types", ["ml.g5.*"], False),
        ("checkpoint_buckets", ["*"], True),
        ("checkpoint_buckets", ["ml-*", "ml.*"], False),
    ],
)
def test_a_setting_is_narrowed_unless_one_of_its_patterns_is_everything(
    name: str, patterns: list[str], *, is_wide: bool
) -> None:
    narrow = {"training_roles": ["a"], "training_instance_types": ["ml.g5.xlarge"], "checkpoint_buckets": ["a"]}
    assert read(**{**narrow, name: patterns}).unnarrowed == ((name,) if is_wide else ())


def test_as_shipped_nothing_is_narrowed() -> None:
    assert Config().unnarrowed == ("training_roles", "training_instance_types", "checkpoint_buckets")


def test_the_table_has_a_row_for_each_setting() -> None:
    head, rule, *rows = settings_table().splitlines()
    assert head.count("|") == rule.count("|") == 5
    assert [row.split("`")[1] for row in rows] == list(Config().to_context())
    assert "| `log_retention_days` | `30` | `30` | Days that the functions' logs are kept" in rows[-3]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("training_roles", [role]) for role in ("*", "SageMaker*", "service-role/AmazonSageMaker-*", "a+=,.@_-1")),
        ("training_roles", []),
        ("checkpoint_buckets", []),
        *(("log_retention_days", days) for days in LOG_RETENTION_DAYS),
    ],
)
def test_all_that_aws_allows_is_accepted(name: str, value: object) -> None:
    assert read(**{name: value}).to_context()[name] == value


def test_nothing_has_to_be_set_and_other_tools_context_is_none_of_our_business() -> None:
    assert Config.from_context({}) == Config.from_context({"@aws-cdk/core:x": True, "respotter": 1}) == Config()
    with pytest.raises(SettingsError, match="must be an object of settings"):
        Config.from_context({"respot": ["alert_emails"]})
