"""The deployment's settings: the `respot` object of the CDK context, checked."""

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Self, get_type_hints

from respot.alerting.kinds import AlertKind
from respot.errors import SettingsError
from respot.jobs.aws_names import REGION

CONTEXT_KEY: Final = "respot"
"""The object in cdk.json; `-c respot:<setting>=<JSON or text>` overrides one setting of it."""

LOG_RETENTION_DAYS: Final = frozenset(
    {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
)
"""The periods that CloudWatch Logs accepts (PutRetentionPolicy)."""

Parse = Callable[[object], object]


class RemovalChoice(StrEnum):
    """What becomes of ledger and logs when the stack is deleted."""

    RETAIN = "retain"
    DESTROY = "destroy"


class LogLevel(StrEnum):
    """The least severe record that the functions log."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How one setting is read and documented; `parse` raises ValueError with what it must be."""

    parse: Parse
    meaning: str
    example: object


def _text(pattern: str, what: str) -> Parse:
    def parse(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(what)
        return value

    return parse


def _whole(least: int, most: int) -> Parse:
    def parse(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return parse


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 - as every reader of a setting
    return value


def _one_of(choices: Mapping[object, object]) -> Parse:
    def parse(value: object) -> object:
        if not isinstance(value, (str, int)) or isinstance(value, bool) or value not in choices:
            raise ValueError(f"one of {', '.join(map(str, choices))}")
        return choices[value]

    return parse


def _or_null(parse: Parse) -> Parse:
    def parse_or_null(value: object) -> object:
        try:
            return None if value is None else parse(value)
        except ValueError as error:
            raise ValueError(f"null or {error}") from error

    return parse_or_null


def _list_of(parse: Parse) -> Parse:
    def parse_list(value: object) -> tuple[object, ...]:
        try:
            items = [parse(item) for item in value] if isinstance(value, (list, tuple)) else None
        except ValueError as error:
            raise ValueError(f"a list, each item {error}") from error
        if items is None:
            raise ValueError("a list")
        if len(set(items)) != len(items):
            raise ValueError("a list without repetitions")
        return tuple(items)

    return parse_list


_EMAIL: Final = _text(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")
_ROLE: Final = _text(r"(?!/)[A-Za-z0-9+=,.@_/*-]{1,512}", "a role's name (not its ARN), or a pattern like SageMaker*")
_INSTANCES: Final = _text(r"[a-z0-9.*-]{1,64}", "an instance type, or a pattern like ml.g5.*")
_BUCKET: Final = _text(r"[a-z0-9.*-]{1,63}", "a bucket's name, or a pattern like ml-*")
_REGION: Final = _text(REGION.pattern, "the name of a region")
_SECRET: Final = _text(r"[A-Za-z0-9/_+=.@-]{1,512}", "the name (not the ARN) of a Secrets Manager secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the owner of a deployment chooses; the defaults suit a first deployment."""

    alert_emails: Annotated[
        tuple[str, ...],
        Setting(
            parse=_list_of(_EMAIL),
            meaning="Addresses that receive alerts (those of many jobs at once in a digest) and every alarm. Each "
            "confirms two subscriptions once, and one more for each further region.",
            example=["ml-oncall@example.com"],
        ),
    ] = ()
    alert_kinds: Annotated[
        tuple[AlertKind, ...],
        Setting(
            parse=_list_of(_one_of({kind.value: kind for kind in AlertKind})),
            meaning="What to alert on; other kinds are recorded without an alert.",
            example=["interrupted", "max-wait-time-exceeded"],
        ),
    ] = tuple(AlertKind)
    alert_max_age_hours: Annotated[
        int,
        Setting(
            parse=_whole(1, 720),
            meaning="A transition that started longer ago is recorded and not alerted.",
            example=24,
        ),
    ] = 24
    digest_seconds: Annotated[
        int,
        Setting(
            parse=_whole(0, 840),
            meaning="Of alerts of one kind and pool (region, instance type), people get the first at once and one "
            "digest of those that follow within this time; `0` sends each. Machines always get each alert.",
            example=180,
        ),
    ] = 180
    weekly_digest: Annotated[
        bool,
        Setting(
            parse=_truth,
            meaning="Whether to publish, each Monday at 07:00 UTC, what the runs of the week before saved and lost: "
            "[the weekly digest](alert-document.md#the-weekly-digest). `false` deploys nothing for it.",
            example=True,
        ),
    ] = False
    slack_webhook_secret: Annotated[
        str | None,
        Setting(
            parse=_or_null(_SECRET),
            meaning="Name of the Secrets Manager secret that holds the address of a Slack incoming webhook; "
            "`null` deploys nothing for Slack.",
            example="respot/slack-webhook",
        ),
    ] = None
    slack_retry_seconds: Annotated[
        int,
        Setting(
            parse=_whole(1, 900),
            meaning="Delay before the first retry of a message that Slack refused; it doubles each time.",
            example=30,
        ),
    ] = 30
    slack_max_receives: Annotated[
        int,
        Setting(
            parse=_whole(1, 50),
            meaning="Attempts at Slack before a message goes to its dead-letter queue.",
            example=10,
        ),
    ] = 10
    regions: Annotated[
        tuple[str, ...],
        Setting(
            parse=_list_of(_REGION),
            meaning="First the hub region, in which Respot is deployed and which it watches, then other regions to "
            "watch: `make deploy` puts a stack into each, and each must have been bootstrapped (`cdk bootstrap`). "
            "Empty deploys into the region of the deploying credentials and watches that one alone.",
            example=["eu-west-1", "us-east-1"],
        ),
    ] = ()
    policy_file: Annotated[
        str,
        Setting(
            parse=_text(r"[^\x00]+\.(yaml|yml|json)", "the path of a YAML file, as seen from the project"),
            meaning="The account's policy for jobs that end before their work is done: [the policy](policy.md).",
            example="docs/policies/resume-on-spot.yaml",
        ),
    ] = "policy.yaml"
    record_concurrency: Annotated[
        int,
        Setting(
            parse=_whole(2, 1000),
            meaning="How many copies of `record` may run at once. A limit leaves the account's own users their share "
            "of the DescribeTrainingJob rate during a burst of events.",
            example=2,
        ),
    ] = 2
    observation_retry_seconds: Annotated[
        int,
        Setting(
            parse=_whole(1, 900),
            meaning="Delay before the second attempt at a job that could not be described; it doubles each time, "
            "up to a quarter of an hour.",
            example=5,
        ),
    ] = 5
    observation_max_receives: Annotated[
        int,
        Setting(
            parse=_whole(1, 250),
            meaning="Attempts at an observation before it goes to its dead-letter queue: "
            "20 outlast three hours' outage of SageMaker.",
            example=20,
        ),
    ] = 20
    sweep_minutes: Annotated[
        int,
        Setting(
            parse=_whole(1, 60),
            meaning="Minutes between two sweeps, which find what SageMaker's events missed.",
            example=5,
        ),
    ] = 5
    event_grace_seconds: Annotated[
        int,
        Setting(
            parse=_whole(0, 900),
            meaning="How long an event may take before a sweep rechecks the job and counts the event as lost.",
            example=60,
        ),
    ] = 60
    backfill_days: Annotated[
        int,
        Setting(
            parse=_whole(0, 3650),
            meaning="Days before the deployment whose jobs the first sweep records, without alerts or resubmissions.",
            example=90,
        ),
    ] = 30
    training_roles: Annotated[
        tuple[str, ...],
        Setting(
            parse=_list_of(_ROLE),
            meaning="Names of the roles, their paths included (patterns with `*`), that resubmitted jobs may run as; "
            "`[]` allows none.",
            example=["service-role/AmazonSageMaker-*"],
        ),
    ] = ("*",)
    training_instance_types: Annotated[
        tuple[str, ...],
        Setting(
            parse=_list_of(_INSTANCES),
            meaning="Instance types (patterns with `*`) that resubmitted jobs may use; a ladder cannot add any.",
            example=["ml.g5.*", "ml.p4d.24xlarge"],
        ),
    ] = ("*",)
    stop_only_tagged: Annotated[
        bool,
        Setting(
            parse=_truth,
            meaning="Whether Respot may stop only jobs that carry the tag `respot:resume` = `on`. A wait limit then "
            "stops no job that the policy alone resumes.",
            example=True,
        ),
    ] = False
    checkpoint_buckets: Annotated[
        tuple[str, ...],
        Setting(
            parse=_list_of(_BUCKET),
            meaning="Buckets (patterns with `*`) in which checkpoints may be listed; their objects are never read.",
            example=["ml-checkpoints-*"],
        ),
    ] = ("*",)
    reader_policy: Annotated[
        bool,
        Setting(
            parse=_truth,
            meaning="Whether to deploy an IAM policy with which people can use the commands that only read: "
            "[attach it](permissions.md#readers) to their roles.",
            example=True,
        ),
    ] = False
    recovery_max_receives: Annotated[
        int,
        Setting(
            parse=_whole(1, 450),
            meaning="Attempts to decide on an ended job and to create the next one, half an hour apart in the end, "
            "before it goes to the dead-letter queue: 200 take four days. Keep it above 150: the kill switch postpones "
            "a job for up to 144 of them.",
            example=200,
        ),
    ] = 200
    ledger_retention_days: Annotated[
        int | None,
        Setting(
            # A job lasts 30 days at most: its first transitions must not expire while it runs.
            parse=_or_null(_whole(60, 36500)),
            meaning="Days that the ledger keeps what it knows; `null` keeps it forever.",
            example=400,
        ),
    ] = None
    log_retention_days: Annotated[
        int,
        Setting(
            parse=_one_of({days: days for days in sorted(LOG_RETENTION_DAYS)}),
            meaning="Days that the functions' logs are kept: one of CloudWatch's periods.",
            example=30,
        ),
    ] = 30
    log_level: Annotated[
        LogLevel,
        Setting(
            parse=_one_of({level.value: level for level in LogLevel}),
            meaning="The least severe record that the functions log.",
            example="INFO",
        ),
    ] = LogLevel.INFO
    removal_policy: Annotated[
        RemovalChoice,
        Setting(
            parse=_one_of({choice.value: choice for choice in RemovalChoice}),
            meaning="`retain` keeps ledger and logs when the stack is deleted and protects the table from deletion; "
            "`destroy` deletes them with the stack.",
            example="destroy",
        ),
    ] = RemovalChoice.RETAIN

    @classmethod
    def from_context(cls, context: Mapping[str, object]) -> Self:
        """Read the CDK context: the `respot` object, with `respot:<setting>` keys laid over it.

        Raises:
            SettingsError: a setting is unknown or has a value it cannot have.
        """
        given = context.get(CONTEXT_KEY, {})
        if not isinstance(given, Mapping):
            raise SettingsError(
                f"the context key {CONTEXT_KEY!r} must be an object of settings, not {json.dumps(given)}"
            )
        prefix = f"{CONTEXT_KEY}:"
        overrides = {key.removeprefix(prefix): _json_or_text(v) for key, v in context.items() if key.startswith(prefix)}
        settings = settings_of(cls)
        chosen: dict[str, Any] = {
            name: _parsed(settings, name, value) for name, value in {**given, **overrides}.items()
        }
        return cls(**chosen)

    @property
    def hub_region(self) -> str | None:
        """Where the stack goes; `None` is the region of the deploying credentials."""
        return self.regions[0] if self.regions else None

    @property
    def watched_regions(self) -> tuple[str, ...]:
        """The other regions that Respot watches: each forwards its events to the hub."""
        return self.regions[1:]

    @property
    def unnarrowed(self) -> tuple[str, ...]:
        """The settings that still allow any role, instance type or bucket."""
        everything = {
            "training_roles": (self.training_roles, r"\*+"),
            "training_instance_types": (self.training_instance_types, r"(ml\.)?\*+"),
            "checkpoint_buckets": (self.checkpoint_buckets, r"\*+"),
        }
        return tuple(
            name
            for name, (patterns, whole) in everything.items()
            if any(re.fullmatch(whole, pattern) for pattern in patterns)
        )

    @property
    def ledger_retention(self) -> timedelta | None:
        """How long the ledger keeps what it knows; `None` is for ever."""
        return None if self.ledger_retention_days is None else timedelta(days=self.ledger_retention_days)

    def to_context(self) -> dict[str, object]:
        """The `respot` object of the context that `from_context` reads as an equal value."""
        return {
            field.name: list(value) if isinstance(value, tuple) else value
            for field, value in ((field, getattr(self, field.name)) for field in fields(self))
        }


def read_context(root: Path) -> dict[str, Any]:
    """The CDK context in cdk.json.

    Raises:
        SettingsError: the file cannot be read, or has none.
    """
    try:
        document = json.loads((root / "cdk.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"cdk.json cannot be read as JSON: {error}") from error
    context = document.get("context") if isinstance(document, dict) else None
    if not isinstance(context, dict):
        raise SettingsError("cdk.json must be an object whose member `context` is an object")
    return context


def settings_of(config: type[Config]) -> dict[str, Setting]:
    """Each setting's reading and documentation, by name, in the order of the dataclass."""
    annotations = get_type_hints(config, include_extras=True)
    return {field.name: annotations[field.name].__metadata__[0] for field in fields(config)}


def settings_table() -> str:
    """The settings as a Markdown table, for the README."""
    return "\n".join(_rows())


def _rows() -> Iterator[str]:
    yield "| setting | default | example | meaning |"
    yield "|---|---|---|---|"
    defaults = Config().to_context()
    for name, setting in settings_of(Config).items():
        yield f"| `{name}` | `{json.dumps(defaults[name])}` | `{json.dumps(setting.example)}` | {setting.meaning} |"


def _parsed(settings: Mapping[str, Setting], name: str, value: object) -> object:
    where = f"{CONTEXT_KEY}.{name} in the CDK context"
    if name not in settings:
        near = difflib.get_close_matches(name, settings, n=1)
        suggestion = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(settings)}"
        raise SettingsError(f"{where} is not a setting: {suggestion}")
    setting = settings[name]
    try:
        return setting.parse(value)
    except ValueError as error:
        example = json.dumps(setting.example)
        raise SettingsError(f"{where} must be {error}; it is {json.dumps(value)}, and could be {example}") from error


def _json_or_text(value: object) -> object:
    """What `-c` hands over is always text: JSON where it reads as JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
