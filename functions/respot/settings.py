"""The functions' settings, read from environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

from respot.alerting.kinds import AlertKind
from respot.errors import SettingsError

LEDGER_TABLE: Final = "RESPOT_LEDGER_TABLE"
ALERTS_TOPIC_ARN: Final = "RESPOT_ALERTS_TOPIC_ARN"
ALERT_KINDS: Final = "RESPOT_ALERT_KINDS"
ALERT_MAX_AGE_HOURS: Final = "RESPOT_ALERT_MAX_AGE_HOURS"
RETENTION_DAYS: Final = "RESPOT_RETENTION_DAYS"
SLACK_SECRET: Final = "RESPOT_SLACK_SECRET"  # noqa: S105 - the name of a variable, not a secret
QUEUE_URL: Final = "RESPOT_QUEUE_URL"
RECOVERY_QUEUE_URL: Final = "RESPOT_RECOVERY_QUEUE_URL"
POLICY_PARAMETER: Final = "RESPOT_POLICY_PARAMETER"
KILL_SWITCH_PARAMETER: Final = "RESPOT_KILL_SWITCH_PARAMETER"
DIGEST_SECONDS: Final = "RESPOT_DIGEST_SECONDS"
FIRST_RETRY_SECONDS: Final = "RESPOT_FIRST_RETRY_SECONDS"
REGIONS: Final = "RESPOT_REGIONS"
BACKFILL_DAYS: Final = "RESPOT_BACKFILL_DAYS"
EVENT_GRACE_SECONDS: Final = "RESPOT_EVENT_GRACE_SECONDS"
OBSERVATIONS_QUEUE_URL: Final = "RESPOT_OBSERVATIONS_QUEUE_URL"
DEAD_LETTERS_QUEUE_URL: Final = "RESPOT_DEAD_LETTERS_QUEUE_URL"
DRILLS_QUEUE_URL: Final = "RESPOT_DRILLS_QUEUE_URL"
DUE_ALERTS_QUEUE_URL: Final = "RESPOT_DUE_ALERTS_QUEUE_URL"
SLACK_QUEUE_URL: Final = "RESPOT_SLACK_QUEUE_URL"
STREAM_DEAD_LETTERS_URL: Final = "RESPOT_STREAM_DEAD_LETTERS_URL"
ALERT_LEASE_SECONDS: Final = "RESPOT_ALERT_LEASE_SECONDS"
TRAINING_ROLES: Final = "RESPOT_TRAINING_ROLES"
TRAINING_INSTANCE_TYPES: Final = "RESPOT_TRAINING_INSTANCE_TYPES"
STOP_ONLY_TAGGED: Final = "RESPOT_STOP_ONLY_TAGGED"
QUEUE_ARN: Final = "RESPOT_QUEUE_ARN"
SWEEP_MINUTES: Final = "RESPOT_SWEEP_MINUTES"
SCHEDULE_GROUP: Final = "RESPOT_SCHEDULE_GROUP"
SCHEDULE_ROLE_ARN: Final = "RESPOT_SCHEDULE_ROLE_ARN"
_LARGEST: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the infrastructure sets for a function; `None` where a function does not need it.

    Attributes:
        ledger_table: name of the DynamoDB table.
        alerts_topic_arn: ARN of the SNS topic that alerts are published to.
        alert_kinds: the enabled kinds.
        alert_max_age: a transition that started longer ago is recorded without an alert.
        digest_window: how long alerts of one kind and pool are collected in a digest; zero sends each to people.
        alert_lease: how long the lease on an alert lasts. It is longer than the function may run: the holder of an
            expired lease has crashed.
        retention: how long ledger items live after the moment that they record; `None` keeps them.
        slack_secret: name of the Secrets Manager secret that holds the webhook's address.
        queue_url: the queue that the function reads, and whose delays it sets.
        dead_letters_queue_url: where the function sends messages of that queue that it can never understand.
        drills_queue_url: the queue of drills, which `record` reads as well.
        first_retry: delay before the first retry of a message of that queue; doubles each time.
        recovery_queue_url: the queue that ended jobs are sent to.
        policy_parameter: name of the parameter that holds the account's policy.
        kill_switch_parameter: name of the parameter for the account's kill switch.
        regions: the watched regions; if empty, only the function's own.
        backfill: how long before the deployment the sweep starts to record.
        event_grace: how long an event may take before it counts as lost.
        observations_queue_url: the queue that the sweep sends its observations to.
        due_alerts_queue_url: the queue of jobs with overdue alerts and of digest timers.
        slack_queue_url: the queue of messages to Slack, through which the sweep sends heartbeats.
        stream_dead_letters_url: the queue for items of the ledger's stream that cannot be processed.
        training_roles: patterns of the roles that IAM lets the function pass; no pattern has a space.
        training_instance_types: patterns of the instance types on which IAM lets the function create jobs.
        stop_only_tagged: stop only jobs with the opt-in tag of their own.
        sweep_interval: between two sweeps; `None` is the default.
        queue_arn: the queue that the function reads, as the target of schedules.
        schedule_group: name of the group of the schedules that the function creates.
        schedule_role_arn: the role with which these schedules send to that queue.
    """

    ledger_table: str | None = None
    alerts_topic_arn: str | None = None
    alert_kinds: frozenset[AlertKind] = frozenset(AlertKind)
    alert_max_age: timedelta = timedelta(hours=24)
    digest_window: timedelta = timedelta(minutes=3)
    alert_lease: timedelta = timedelta(minutes=5)
    retention: timedelta | None = None
    slack_secret: str | None = None
    queue_url: str | None = None
    dead_letters_queue_url: str | None = None
    drills_queue_url: str | None = None
    first_retry: timedelta = timedelta(seconds=30)
    recovery_queue_url: str | None = None
    policy_parameter: str | None = None
    kill_switch_parameter: str | None = None
    regions: tuple[str, ...] = ()
    backfill: timedelta = timedelta(days=30)
    event_grace: timedelta = timedelta(seconds=60)
    observations_queue_url: str | None = None
    due_alerts_queue_url: str | None = None
    slack_queue_url: str | None = None
    stream_dead_letters_url: str | None = None
    training_roles: tuple[str, ...] | None = None
    training_instance_types: tuple[str, ...] | None = None
    stop_only_tagged: bool = False
    sweep_interval: timedelta | None = None
    queue_arn: str | None = None
    schedule_group: str | None = None
    schedule_role_arn: str | None = None

    def to_environment(self) -> dict[str, str]:
        """The environment variables that make `from_environment` return an equal value."""
        variables = {
            LEDGER_TABLE: self.ledger_table,
            ALERTS_TOPIC_ARN: self.alerts_topic_arn,
            ALERT_KINDS: ",".join(sorted(self.alert_kinds)),
            ALERT_MAX_AGE_HOURS: f"{self.alert_max_age / timedelta(hours=1):.17g}",
            DIGEST_SECONDS: f"{self.digest_window.total_seconds():.17g}",
            ALERT_LEASE_SECONDS: f"{self.alert_lease.total_seconds():.17g}",
            RETENTION_DAYS: None if self.retention is None else f"{self.retention / timedelta(days=1):.17g}",
            SLACK_SECRET: self.slack_secret,
            QUEUE_URL: self.queue_url,
            DEAD_LETTERS_QUEUE_URL: self.dead_letters_queue_url,
            DRILLS_QUEUE_URL: self.drills_queue_url,
            RECOVERY_QUEUE_URL: self.recovery_queue_url,
            POLICY_PARAMETER: self.policy_parameter,
            KILL_SWITCH_PARAMETER: self.kill_switch_parameter,
            FIRST_RETRY_SECONDS: f"{self.first_retry.total_seconds():.17g}",
            REGIONS: ",".join(self.regions),
            BACKFILL_DAYS: f"{self.backfill / timedelta(days=1):.17g}",
            EVENT_GRACE_SECONDS: f"{self.event_grace.total_seconds():.17g}",
            OBSERVATIONS_QUEUE_URL: self.observations_queue_url,
            DUE_ALERTS_QUEUE_URL: self.due_alerts_queue_url,
            SLACK_QUEUE_URL: self.slack_queue_url,
            STREAM_DEAD_LETTERS_URL: self.stream_dead_letters_url,
            TRAINING_ROLES: None if self.training_roles is None else " ".join(self.training_roles),
            TRAINING_INSTANCE_TYPES: (
                None if self.training_instance_types is None else " ".join(self.training_instance_types)
            ),
            STOP_ONLY_TAGGED: "true" if self.stop_only_tagged else None,
            SWEEP_MINUTES: None
            if self.sweep_interval is None
            else f"{self.sweep_interval / timedelta(minutes=1):.17g}",
            QUEUE_ARN: self.queue_arn,
            SCHEDULE_GROUP: self.schedule_group,
            SCHEDULE_ROLE_ARN: self.schedule_role_arn,
        }
        return {name: value for name, value in variables.items() if value is not None}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables that `to_environment` writes.

        Raises:
            SettingsError: a variable does not parse.
        """
        defaults = cls()
        hours, lease, days, seconds, gathered, backfill, grace, sweep = (
            _number(environment, name)
            for name in (
                ALERT_MAX_AGE_HOURS,
                ALERT_LEASE_SECONDS,
                RETENTION_DAYS,
                FIRST_RETRY_SECONDS,
                DIGEST_SECONDS,
                BACKFILL_DAYS,
                EVENT_GRACE_SECONDS,
                SWEEP_MINUTES,
            )
        )
        return cls(
            ledger_table=environment.get(LEDGER_TABLE),
            alerts_topic_arn=environment.get(ALERTS_TOPIC_ARN),
            alert_kinds=_kinds(environment.get(ALERT_KINDS), defaults.alert_kinds),
            alert_max_age=defaults.alert_max_age if hours is None else timedelta(hours=hours),
            digest_window=defaults.digest_window if gathered is None else timedelta(seconds=gathered),
            alert_lease=defaults.alert_lease if lease is None else timedelta(seconds=lease),
            retention=None if days is None else timedelta(days=days),
            slack_secret=environment.get(SLACK_SECRET),
            queue_url=environment.get(QUEUE_URL),
            dead_letters_queue_url=environment.get(DEAD_LETTERS_QUEUE_URL),
            drills_queue_url=environment.get(DRILLS_QUEUE_URL),
            recovery_queue_url=environment.get(RECOVERY_QUEUE_URL),
            policy_parameter=environment.get(POLICY_PARAMETER),
            kill_switch_parameter=environment.get(KILL_SWITCH_PARAMETER),
            first_retry=defaults.first_retry if seconds is None else timedelta(seconds=seconds),
            regions=tuple(region for region in environment.get(REGIONS, "").split(",") if region),
            backfill=defaults.backfill if backfill is None else timedelta(days=backfill),
            event_grace=defaults.event_grace if grace is None else timedelta(seconds=grace),
            observations_queue_url=environment.get(OBSERVATIONS_QUEUE_URL),
            due_alerts_queue_url=environment.get(DUE_ALERTS_QUEUE_URL),
            slack_queue_url=environment.get(SLACK_QUEUE_URL),
            stream_dead_letters_url=environment.get(STREAM_DEAD_LETTERS_URL),
            training_roles=_patterns(environment.get(TRAINING_ROLES)),
            training_instance_types=_patterns(environment.get(TRAINING_INSTANCE_TYPES)),
            stop_only_tagged=_flag(environment, STOP_ONLY_TAGGED),
            sweep_interval=None if sweep is None else timedelta(minutes=sweep),
            queue_arn=environment.get(QUEUE_ARN),
            schedule_group=environment.get(SCHEDULE_GROUP),
            schedule_role_arn=environment.get(SCHEDULE_ROLE_ARN),
        )


def _patterns(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(text.split())


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name)
    if text not in {None, "true"}:
        message = f"{name} must be 'true' or absent, not {text!r}: correct the deployment"
        raise SettingsError(message)
    return text is not None


def _number(environment: Mapping[str, str], name: str) -> float | None:
    text = environment.get(name)
    if text is None:
        return None
    message = f"{name} must be a number between 0 and {_LARGEST:.0f}, not {text!r}: correct the deployment"
    try:
        number = float(text)
    except ValueError as error:
        raise SettingsError(message) from error
    if not 0 <= number <= _LARGEST:
        raise SettingsError(message)
    return number


def _kinds(text: str | None, absent: frozenset[AlertKind]) -> frozenset[AlertKind]:
    if text is None:
        return absent
    try:
        return frozenset(AlertKind(word) for word in text.split(",") if word)
    except ValueError as error:
        message = f"{ALERT_KINDS} knows {', '.join(AlertKind)}, not {text!r}: correct the deployment"
        raise SettingsError(message) from error
