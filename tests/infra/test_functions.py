"""The functions: their handlers, settings and logs."""

import importlib
import pkgutil
import re
from datetime import timedelta
from pathlib import Path

from infra.packaging import PYTHON_VERSION
from respot import handlers, settings
from respot.alerting.kinds import AlertKind
from respot.metrics import SERVICE_VARIABLE
from respot.settings import Settings
from tests.infra.synthesis import Synthesized, render


def test_every_handler_is_there_and_deployed(full: Synthesized) -> None:
    deployed = set()
    for function in full.of_type("Lambda::Function").values():
        module, attribute = function["Handler"].rsplit(".", 1)
        assert callable(getattr(importlib.import_module(module), attribute))
        deployed.add(module)
    modules = {f"{handlers.__name__}.{module.name}" for module in pkgutil.iter_modules(handlers.__path__)}
    assert deployed == {name for name in modules if hasattr(importlib.import_module(name), "handler")}


def test_functions_differ_in_handler_settings_and_timeout_alone(full: Synthesized) -> None:
    own = {"Description", "Environment", "Handler", "LoggingConfig", "Role", "Timeout"}
    functions = full.of_type("Lambda::Function")
    first, *others = [{k: v for k, v in f.items() if k not in own} for f in functions.values()]
    assert all(shape == first for shape in others)
    expected = {"Runtime": f"python{PYTHON_VERSION}", "Architectures": ["arm64"], "MemorySize": 512}
    assert expected.items() <= first.items()
    assert {name: function["Timeout"] for name, function in functions.items()} == {
        "AlertFunction": 130,
        "RecordFunction": 60,
        "EnqueueEndedFunction": 60,
        "RecoverFunction": 120,
        "SlackFunction": 60,
        "SweepFunction": 240,
        "WeeklyFunction": 900,
    }


def test_every_setting_reaches_the_functions_that_read_it(full: Synthesized) -> None:
    retention = timedelta(days=400)
    expected = {
        "RecordFunction": Settings(
            ledger_table="${LedgerTable}",
            retention=retention,
            queue_url="${RecordingObservationsQueue}",
            dead_letters_queue_url="${RecordingObservationsDeadLetters}",
            drills_queue_url="${RecordingDrillsQueue}",
            first_retry=timedelta(seconds=6),
        ),
        "EnqueueEndedFunction": Settings(
            recovery_queue_url="${RecoveryQueue}", stream_dead_letters_url="${RecoveryEndedJobsStreamDeadLetters}"
        ),
        "RecoverFunction": Settings(
            ledger_table="${LedgerTable}",
            retention=retention,
            queue_url="${RecoveryQueue}",
            dead_letters_queue_url="${RecoveryQueueDeadLetters}",
            first_retry=timedelta(seconds=6),
            training_roles=("SageMaker*", "service-role/TrainOnly"),
            training_instance_types=("ml.g5.*", "ml.p4d.24xlarge"),
            policy_parameter="${PolicyParameter}",
            kill_switch_parameter="${KillSwitchParameter}",
            stop_only_tagged=True,
            sweep_interval=timedelta(minutes=7),
            queue_arn="${RecoveryQueue.Arn}",
            schedule_group="${RecoveryLatestStartsGroup}",
            schedule_role_arn="${RecoveryLatestStartsRole.Arn}",
        ),
        "AlertFunction": Settings(
            ledger_table="${LedgerTable}",
            alerts_topic_arn="${AlertingAlertsTopic}",
            alert_kinds=frozenset({AlertKind.INTERRUPTED, AlertKind.FAILED}),
            alert_max_age=timedelta(hours=48),
            digest_window=timedelta(minutes=2),
            due_alerts_queue_url="${AlertingDueAlertsQueue}",
            dead_letters_queue_url="${AlertingDueAlertsDeadLetters}",
            alert_lease=timedelta(seconds=260),
            policy_parameter="${PolicyParameter}",
            retention=retention,
            stream_dead_letters_url="${AlertingAlertsStreamDeadLetters}",
        ),
        "SweepFunction": Settings(
            ledger_table="${LedgerTable}",
            backfill=timedelta(days=90),
            event_grace=timedelta(seconds=90),
            observations_queue_url="${RecordingObservationsQueue}",
            recovery_queue_url="${RecoveryQueue}",
            due_alerts_queue_url="${AlertingDueAlertsQueue}",
            policy_parameter="${PolicyParameter}",
            retention=retention,
            slack_queue_url="${SlackQueue}",
        ),
        "WeeklyFunction": Settings(
            ledger_table="${LedgerTable}", alerts_topic_arn="${AlertingAlertsTopic}", retention=retention
        ),
        "SlackFunction": Settings(
            ledger_table="${LedgerTable}",
            slack_secret="respot/slack-webhook",  # noqa: S106 - its name
            queue_url="${SlackQueue}",
            dead_letters_queue_url="${SlackQueueDeadLetters}",
            first_retry=timedelta(seconds=7),
        ),
    }
    assert expected.keys() == full.of_type("Lambda::Function").keys()
    for name, values in expected.items():
        variables = render(full.properties(name)["Environment"]["Variables"])
        assert variables.pop("POWERTOOLS_LOG_LEVEL") == "DEBUG"
        assert variables.pop(SERVICE_VARIABLE) == "Respot"
        assert Settings.from_environment(variables) == values


def read_by(module: str) -> set[str]:
    """The settings that a handler's composition root and its parts read."""
    source = Path(str(importlib.import_module(module).__file__)).read_text()
    read = set(re.findall(r"\bsettings\(\)\.(\w+)", source))
    return read.union(*map(read_by, re.findall(r"^from (respot\.bootstrap\.\w+) import", source, re.MULTILINE)))


def test_no_function_reads_a_setting_that_it_was_not_given(full: Synthesized) -> None:
    for function in full.of_type("Lambda::Function").values():
        given = Settings.from_environment(render(function["Environment"]["Variables"]))
        read = read_by(function["Handler"].rsplit(".", 1)[0])
        assert read
        # Everything that can be set is set to something else than the default; without regions, it is the hub's own.
        unset = {name for name in read if getattr(given, name) == getattr(Settings(), name)}
        assert unset - {"regions"} == set()


def test_no_setting_is_forgotten(full: Synthesized) -> None:
    known = {value for name, value in vars(settings).items() if name.isupper() and isinstance(value, str)}
    given = {name for f in full.of_type("Lambda::Function").values() for name in f["Environment"]["Variables"]}
    assert given - {"POWERTOOLS_LOG_LEVEL", SERVICE_VARIABLE} == known


def test_logs_are_watched_and_kept_as_long_as_set(plain: Synthesized, full: Synthesized) -> None:
    watched = {
        render(alarm["Dimensions"][0]["Value"])
        for alarm in full.of_type("CloudWatch::Alarm").values()
        if alarm["MetricName"] == "IncomingLogEvents"
    }
    # No function can be silent unseen: of the sweep, its own metric must not be missing. Alarms see no whole week.
    assert watched == {f"${{{name}}}" for name in full.of_type("Logs::LogGroup")} - {"${SweepLogs}", "${WeeklyLogs}"}
    for template, days, policy in ((plain, 30, "Retain"), (full, 545, "Delete")):
        groups = template.of_type("Logs::LogGroup")
        assert {group["RetentionInDays"] for group in groups.values()} == {days}
        assert {template.resources[name]["DeletionPolicy"] for name in groups} == {policy}
        used = {render(f["LoggingConfig"]["LogGroup"]) for f in template.of_type("Lambda::Function").values()}
        assert used == {f"${{{name}}}" for name in groups}
