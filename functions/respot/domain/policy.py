"""What the owners of an account and of a job want done when a job ends before its work is done."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from respot.domain.durations import parse_span
from respot.domain.ending import Budget, Trigger
from respot.domain.job import JobFacts, Market

TAG_PREFIX: Final = "respot:"


class WhenMissed(StrEnum):
    """What to do once a deadline cannot be met any more."""

    ON_DEMAND = "on-demand"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """The pause before an attempt: `first`, doubled for each further one of the same budget, at most `longest`."""

    first: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One pool of the ladder.

    Attributes:
        market: spot or on-demand.
        instance_type: `None` keeps the job's own.
        attempts: how many attempts it may have; `None` is as many as the budgets allow.
    """

    market: Market
    instance_type: str | None = None
    attempts: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings that hold for one job.

    Attributes:
        resume: whether Respot may resubmit at all.
        triggers: after which ends.
        max_attempts: attempts of a run in all, the user's own job included.
        budgets: how many resubmissions each kind of trouble may cause.
        back_off: pauses by kind of trouble.
        require_checkpoint: refuse if nothing was saved to resume from.
        require_progress: refuse after two attempts that trained and brought no newer checkpoint.
        max_billable_hours: instance-hours billed to the whole run, after which no attempt follows.
        ladder: pools in order; empty keeps the job's own market and instance type.
        deadline: when the work must be done: a time, or a span since the run's first job was created.
        when_deadline_missed: what to do once it cannot be met.
        work: expected training time; `None` takes the job's MaxRuntime.
        dry_run: decide and report, create nothing.
    """

    resume: bool = False
    triggers: frozenset[Trigger] = frozenset(
        {Trigger.MAX_WAIT_TIME_EXCEEDED, Trigger.CAPACITY_ERROR, Trigger.INTERNAL_SERVER_ERROR}
    )
    max_attempts: int = 5
    budgets: Mapping[Budget, int] = field(
        default_factory=lambda: {Budget.CAPACITY: 5, Budget.INTERRUPTION: 5, Budget.FAILURE: 2}
    )
    back_off: Mapping[Budget, BackOff] = field(
        default_factory=lambda: {
            Budget.CAPACITY: BackOff(first=timedelta(minutes=5), longest=timedelta(hours=1)),
            Budget.INTERRUPTION: BackOff(first=timedelta(), longest=timedelta()),
            Budget.FAILURE: BackOff(first=timedelta(minutes=1), longest=timedelta(minutes=30)),
        }
    )
    require_checkpoint: bool = True
    require_progress: bool = True
    max_billable_hours: float | None = None
    ladder: tuple[Rung, ...] = ()
    deadline: datetime | timedelta | None = None
    when_deadline_missed: WhenMissed = WhenMissed.ON_DEMAND
    work: timedelta | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Settings for the jobs that match all of the patterns (shell patterns: `*`, `?`, `[abc]`).

    Attributes:
        name: for people: decisions name the rule that they followed.
        job_name: pattern for the job's name.
        instance_type: pattern for the instance type.
        role: pattern for the role's ARN.
        region: pattern for the region.
        tags: a pattern for each tag's value; a job without the tag does not match.
        settings: members of `Policy` that differ from the defaults.
    """

    name: str
    job_name: str = "*"
    instance_type: str = "*"
    role: str = "*"
    region: str = "*"
    tags: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPolicy:
    """The account's policy document.

    Attributes:
        kill_switch: nothing is created, whatever any rule or tag says.
        defaults: what holds where no rule says otherwise.
        rules: in order; the first that matches counts.
    """

    kill_switch: bool = False
    defaults: Policy = field(default_factory=Policy)
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The policy of one job, and where it comes from.

    Attributes:
        policy: the settings.
        kill_switch: as in the account's policy.
        sources: in words: defaults, a rule's name, tags.
        bad_tags: what is wrong with the job's own `respot:` tags; nothing may be decided while there is anything.
    """

    policy: Policy
    kill_switch: bool
    sources: tuple[str, ...]
    bad_tags: tuple[str, ...] = ()


def resolve(account: AccountPolicy, facts: JobFacts, *, role: str | None) -> Resolved:
    """The settings for a job: defaults, then the first rule that matches, then the job's own tags."""
    policy, sources = account.defaults, ["defaults"]
    rule = next((rule for rule in account.rules if _matches(rule, facts, role)), None)
    if rule:
        policy = _with(policy, rule.settings)
        sources.append(f"rule {rule.name!r}")
    settings, bad = read_tags(facts.tags or {})
    if settings:
        policy = _with(policy, settings)
        sources.append(f"tags {', '.join(sorted(_own(facts.tags or {})))}")
    return Resolved(policy=policy, kill_switch=account.kill_switch, sources=tuple(sources), bad_tags=bad)


def read_tags(tags: Mapping[str, str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The settings in a job's `respot:` tags, and what is wrong with those that cannot be read."""
    settings: dict[str, Any] = {}
    bad = []
    for key, value in sorted(_own(tags).items()):
        reader = _TAG_READERS.get(key)
        if reader is None:
            bad.append(f"tag {key}: no such setting; there are {', '.join(_TAG_READERS)}")
            continue
        member, read = reader
        try:
            settings[member] = read(value)
        except ValueError as error:
            bad.append(f"tag {key}: {error}")
    return settings, tuple(bad)


def parse_deadline(words: str) -> datetime | timedelta:
    """An ISO 8601 time (UTC unless it says otherwise) or a span since the run's first job was created.

    Raises:
        ValueError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        span = parse_span(words)
        if span <= timedelta():
            message = "a deadline must lie after the job's creation"
            raise ValueError(message) from None
        return span
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def parse_ladder(words: str) -> tuple[Rung, ...]:
    """Rungs as a tag writes them: `spot:3 on-demand/ml.g5.4xlarge:1`.

    Raises:
        ValueError: a rung cannot be read.
    """
    rungs = tuple(_rung(word) for word in words.split())
    if not rungs:
        message = "a ladder needs a rung, for example 'spot:3 on-demand:1'"
        raise ValueError(message)
    return rungs


def _rung(word: str) -> Rung:
    pool, _, attempts = word.partition(":")
    market, _, instance_type = pool.partition("/")
    if market not in set(Market) or (attempts and not (attempts.isascii() and attempts.isdigit() and int(attempts))):
        message = f"{word!r} is no rung like 'spot', 'spot:3' or 'on-demand/ml.g5.4xlarge:1'"
        raise ValueError(message)
    return Rung(
        market=Market(market), instance_type=instance_type or None, attempts=int(attempts) if attempts else None
    )


def _matches(rule: Rule, facts: JobFacts, role: str | None) -> bool:
    tags = facts.tags or {}
    patterns = (
        (rule.job_name, facts.job.name),
        (rule.instance_type, facts.instance_type or ""),
        (rule.role, role or ""),
        (rule.region, facts.job.region),
    )
    return all(fnmatchcase(value, pattern) for pattern, value in patterns) and all(
        key in tags and fnmatchcase(tags[key], pattern) for key, pattern in rule.tags.items()
    )


def _with(policy: Policy, settings: Mapping[str, Any]) -> Policy:
    """A copy in which the members that are mappings take only the entries that are named."""
    merged: dict[str, Any] = {
        name: {**getattr(policy, name), **value} if name in {"budgets", "back_off"} else value
        for name, value in settings.items()
    }
    return replace(policy, **merged)


LINEAGE_TAGS: Final = frozenset({"respot:run", "respot:attempt", "respot:parent"})
"""Respot's own marks on the attempts it creates; they are no settings."""


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key.startswith(TAG_PREFIX) and key not in LINEAGE_TAGS}


def _switch(words: str) -> bool:
    if words not in {"on", "off"}:
        message = f"{words!r} is neither 'on' nor 'off'"
        raise ValueError(message)
    return words == "on"


def _count(words: str) -> int:
    if not (words.isascii() and words.isdigit() and 1 <= int(words) <= MOST_ATTEMPTS):
        message = f"{words!r} is no whole number from 1 to {MOST_ATTEMPTS}"
        raise ValueError(message)
    return int(words)


def _hours(words: str) -> float:
    try:
        hours = float(words)
    except ValueError:
        hours = 0.0
    if not 0 < hours < float("inf"):
        message = f"{words!r} is no number of hours"
        raise ValueError(message)
    return hours


def _positive_span(words: str) -> timedelta:
    span = parse_span(words)
    if span <= timedelta():
        message = f"{words!r} is no time at all"
        raise ValueError(message)
    return span


def _triggers(words: str) -> frozenset[Trigger]:
    try:
        return frozenset(Trigger(word) for word in words.split())
    except ValueError as error:
        message = f"{words!r} is no list of {', '.join(Trigger)}"
        raise ValueError(message) from error


def _when_missed(words: str) -> WhenMissed:
    try:
        return WhenMissed(words)
    except ValueError as error:
        message = f"{words!r} is neither of {', '.join(WhenMissed)}"
        raise ValueError(message) from error


MOST_ATTEMPTS: Final = 100

_TAG_READERS: Final = {
    "respot:resume": ("resume", _switch),
    "respot:triggers": ("triggers", _triggers),
    "respot:max-attempts": ("max_attempts", _count),
    "respot:require-checkpoint": ("require_checkpoint", _switch),
    "respot:require-progress": ("require_progress", _switch),
    "respot:max-billable-hours": ("max_billable_hours", _hours),
    "respot:ladder": ("ladder", parse_ladder),
    "respot:deadline": ("deadline", parse_deadline),
    "respot:when-deadline-missed": ("when_deadline_missed", _when_missed),
    "respot:work": ("work", _positive_span),
    "respot:dry-run": ("dry_run", _switch),
}
"""A job's tags by the member of Policy that they set, with the function that reads the value."""
