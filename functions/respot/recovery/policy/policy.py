"""The policy for jobs that end before their work is done: settings of the account and of a job's own tags."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final

from respot.jobs.formatting import parse_span
from respot.jobs.job import JobState, Market
from respot.jobs.type_lists import MOST_TYPES, join_types, split_types
from respot.recovery.planning.attempt import OWN_TAGS, TAG_PREFIX
from respot.recovery.planning.ending import TRIGGERS_TO_CHOOSE, Budget, Trigger

OPT_IN_TAG: Final = f"{TAG_PREFIX}resume"
OPT_IN: Final = "on"
"""The tag and the value with which the owner of a job asks for another attempt."""
MOST_ATTEMPTS: Final = 100
MOST_HOURS: Final = 1_000_000
LONGEST_SPAN: Final = timedelta(days=366)
"""No job lasts longer than 30 days; a longer span could overflow in calculations."""
SHORTEST_WAIT_LIMIT: Final = timedelta(seconds=1)
"""Hours or minutes are sensible; seconds are allowed for a local account."""
MOST_BAD_TAGS: Final = 5
"""Bad tags that are listed one by one: a job may have fifty, and the list must fit into a message."""
_YEARS: Final = range(2000, 2100)
_INSTANCE_TYPE: Final = re.compile(r"ml(\.[a-z0-9-]+){2}")


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
        instance_type: `None` keeps the job's own. On demand it may be a list as one text (`type_lists`).
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
        require_progress: refuse after two attempts that trained and made no progress.
        max_billable_hours: instance-hours billed to the whole run, after which no attempt follows.
        ladder: pools in order; empty keeps the job's own market and instance type.
        deadline: when the work must be done: a time, or a span since the run's first job was created.
        when_deadline_missed: what to do once it cannot be met.
        work: expected training time; `None` takes the job's MaxRuntime.
        restart_overhead: from getting instances to training; `None` estimates it.
        on_demand_wait: until on-demand instances are there; `None` estimates it.
        give_up_waiting_after: how long a job may wait for capacity before Respot stops it and uses the next rung;
            `None` sets no limit of Respot's own.
        dry_run: decide and report, create nothing.
    """

    resume: bool = False
    triggers: frozenset[Trigger] = frozenset(
        {
            Trigger.MAX_WAIT_TIME_EXCEEDED,
            Trigger.MAX_PENDING_TIME_EXCEEDED,
            Trigger.CAPACITY_ERROR,
            Trigger.INTERNAL_SERVER_ERROR,
        }
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
    restart_overhead: timedelta | None = None
    on_demand_wait: timedelta | None = None
    give_up_waiting_after: timedelta | None = None
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
        defaults: what holds where no rule says otherwise.
        rules: in order; the first that matches counts.
    """

    defaults: Policy = field(default_factory=Policy)
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The policy of one job, and where it comes from.

    Attributes:
        policy: the settings.
        sources: in words: defaults, a rule's name, tags.
        bad_tags: what is wrong with the job's own `respot:` tags, the first of it; if any, no attempt may follow.
        opted_out: who opted this job out, in words; `None` if nobody did, or if nobody had opted it in.
    """

    policy: Policy
    sources: tuple[str, ...]
    bad_tags: tuple[str, ...] = ()
    opted_out: str | None = None


def resolve(account: AccountPolicy, state: JobState, *, role: str | None) -> Resolved:
    """The settings for a job: defaults, then the first rule that matches, then the job's own tags.

    If another attempt is asked for, unknown tags count as bad tags: one of them may say `off`.
    """
    policy, sources = account.defaults, ["defaults"]
    rule = matching_rule(account, state, role=role)
    if rule:
        policy = with_settings(policy, rule.settings)
        sources.append(f"rule {rule.name!r}")
    settings, bad = read_tags(state.tags or {})
    if settings:
        policy = with_settings(policy, settings)
        sources.append(f"tags {', '.join(sorted(_own(state.tags or {})))}")
    if state.tags is None and policy.resume:
        bad = ("the job's tags are not known, and one of them may forbid it",)
    opted_out = _opted_out(account, rule, settings, bad)
    if len(bad) > MOST_BAD_TAGS:
        bad = (*bad[:MOST_BAD_TAGS], f"and {len(bad) - MOST_BAD_TAGS} more that cannot be read")
    return Resolved(policy=policy, sources=tuple(sources), bad_tags=bad, opted_out=opted_out)


def matching_rule(account: AccountPolicy, state: JobState, *, role: str | None) -> Rule | None:
    """The rule that a job follows: the first that matches."""
    return next((rule for rule in account.rules if _matches(rule, state, role)), None)


def opts_in(tags: Mapping[str, str]) -> bool:
    """Whether the job itself, and not only a policy, asks for another attempt. IAM reads the tag just as exactly."""
    return tags.get(OPT_IN_TAG) == OPT_IN


def opts_out(tags: Mapping[str, str]) -> bool:
    """Whether the job's owner forbids another attempt; no policy and no other tag can override that."""
    return read_tags(tags)[0].get("resume") is False


def _opted_out(
    account: AccountPolicy, rule: Rule | None, settings: Mapping[str, Any], bad: tuple[str, ...]
) -> str | None:
    """Who opted the job out. A tag outranks a rule: an unreadable tag may be one that opts in."""
    if settings.get("resume") is False:
        return "its owner opted out: respot:resume = off"
    if rule and account.defaults.resume and rule.settings.get("resume") is False and "resume" not in settings:
        return None if bad else f"the account's policy opts it out: rule {rule.name!r}"
    return None


def read_tags(tags: Mapping[str, str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The settings in a job's `respot:` tags, and what is wrong with those that cannot be read."""
    settings: dict[str, Any] = {}
    bad = []
    for key, value in sorted(_own(tags).items()):
        reader = _TAG_READERS.get(key)
        if reader is None:
            names = [known.removeprefix(TAG_PREFIX) for known in _TAG_READERS]
            near = difflib.get_close_matches(key.lower().removeprefix(TAG_PREFIX), names, n=1)
            suggestion = f"did you mean {TAG_PREFIX}{near[0]}?" if near else f"there are {', '.join(_TAG_READERS)}"
            bad.append(f"tag {key}: no such setting; {suggestion}")
            continue
        member, read = reader
        try:
            settings[member] = read(value)
        except ValueError as error:
            bad.append(f"tag {key}: {error}")
    return settings, tuple(bad)


def parse_deadline(words: str) -> datetime | timedelta:
    """An ISO 8601 time (UTC by default), returned in UTC, or a span since the run's first job was created.

    Raises:
        ValueError: it is neither, has no time of day, or is out of range.
    """
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        return _deadline_span(words)
    if _is_date(words):
        message = f"{words!r} does not say the time of day, as '2026-09-16T18:00Z' does"
        raise ValueError(message)
    if moment.year not in _YEARS:
        message = f"{words!r} is not in this century"
        raise ValueError(message)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _deadline_span(words: str) -> timedelta:
    try:
        return parse_duration(words)
    except ValueError as error:
        message = f"{error}; a deadline may also be a time like '2026-09-16T18:00Z'"
        raise ValueError(message) from None


def _is_date(words: str) -> bool:
    try:
        date.fromisoformat(words)
    except ValueError:
        return False
    return True


def parse_duration(words: str) -> timedelta:
    """A span of time that is not empty and not longer than a year.

    Raises:
        ValueError: it is no such span.
    """
    span = parse_pause(words)
    if not span:
        message = f"{words!r} is no time at all"
        raise ValueError(message)
    return span


def parse_wait_limit(words: str) -> timedelta:
    """How long a job may wait for capacity: a second at least.

    Raises:
        ValueError: it is no such span.
    """
    span = parse_duration(words)
    if span < SHORTEST_WAIT_LIMIT:
        message = f"{words!r} is less than {SHORTEST_WAIT_LIMIT.seconds} s"
        raise ValueError(message)
    return span


def parse_pause(words: str) -> timedelta:
    """A span of time, perhaps empty, not longer than a year.

    Raises:
        ValueError: it is no such span.
    """
    try:
        span = parse_span(words)
    except OverflowError:
        span = timedelta.max
    if span > LONGEST_SPAN:
        message = f"{words!r} is longer than {LONGEST_SPAN.days} days"
        raise ValueError(message)
    return span


def parse_ladder(words: str) -> tuple[Rung, ...]:
    """Rungs as a tag writes them: `spot:3 on-demand/ml.g5.4xlarge:1`.

    Raises:
        ValueError: a rung cannot be read, or can never be reached.
    """
    rungs = tuple(_rung(word) for word in words.split())
    if not rungs:
        message = "a ladder needs a rung, for example 'spot:3 on-demand:1'"
        raise ValueError(message)
    return check_ladder(rungs)


def check_ladder(rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
    """The rungs, if each can be reached.

    Below a rung without a number of attempts, only the first on-demand rung can be reached. That happens close to a
    deadline, or after an attempt that waited too long.

    Raises:
        ValueError: a rung can never be reached.
    """
    endless = next((place for place, rung in enumerate(rungs) if rung.attempts is None), len(rungs))
    on_demand = next((place for place, rung in enumerate(rungs) if rung.market is Market.ON_DEMAND), None)
    for place in range(endless + 1, len(rungs)):
        if place != on_demand:
            message = f"rung {place + 1} is never reached: rung {endless + 1} has no number of attempts"
            raise ValueError(message)
    return rungs


def _rung(word: str) -> Rung:
    pool, counted, attempts = word.partition(":")
    market, chosen, names = pool.partition("/")
    types = names.split("/") if chosen else []
    if (
        market not in set(Market)
        or not all(map(_INSTANCE_TYPE.fullmatch, types))
        or (counted and not _is_count(attempts))
    ):
        message = f"{word!r} is no rung like 'spot', 'spot:3' or 'on-demand/ml.g5.4xlarge:1'"
        raise ValueError(message)
    instance_type = listed_types(Market(market), types)
    return Rung(market=Market(market), instance_type=instance_type, attempts=int(attempts) if counted else None)


def listed_types(market: Market, types: Sequence[str]) -> str | None:
    """A rung's instance types as one text; `None` if it names none. A list of one is a plain type.

    The rules are those of InstancePreferences (service model; SageMaker Developer Guide, "Instance preference lists for
    training jobs").

    Raises:
        ValueError: SageMaker takes no such list.
    """
    if len(types) > 1 and market is Market.SPOT:
        message = "only an on-demand rung may list several instance types: SageMaker takes no list on spot"
        raise ValueError(message)
    if len(types) > MOST_TYPES:
        message = f"a rung may list at most {MOST_TYPES} instance types, and this one lists {len(types)}"
        raise ValueError(message)
    if twice := next((each for each in types if types.count(each) > 1), None):
        message = f"a rung may list each instance type once, and {twice} is there twice"
        raise ValueError(message)
    return join_types(types) or None


def _matches(rule: Rule, state: JobState, role: str | None) -> bool:
    tags = state.tags or {}
    # A list is matched by each of its types, and remains the same once SageMaker has chosen one.
    types = split_types(state.requested_type) or ("",)
    patterns = (
        (rule.job_name, state.job.name),
        (rule.role, role or ""),
        (rule.region, state.job.region),
    )
    if not any(fnmatchcase(each, rule.instance_type) for each in types):
        return False
    return all(fnmatchcase(value, pattern) for pattern, value in patterns) and all(
        key in tags and fnmatchcase(tags[key], pattern) for key, pattern in rule.tags.items()
    )


def with_settings(policy: Policy, settings: Mapping[str, Any]) -> Policy:
    """A copy with members replaced; of `budgets` and `back_off`, only the entries that are named."""
    merged: dict[str, Any] = {
        name: {**getattr(policy, name), **value} if name in {"budgets", "back_off"} else value
        for name, value in settings.items()
    }
    return replace(policy, **merged)


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags meant for Respot, in any case; its own tags on the attempts it creates are no settings."""
    return {key: value for key, value in tags.items() if key.lower().startswith(TAG_PREFIX) and key not in OWN_TAGS}


def _switch(words: str) -> bool:
    if words not in {"on", "off"}:
        message = f"{words!r} is neither 'on' nor 'off'"
        raise ValueError(message)
    return words == "on"


def _is_count(words: str) -> bool:
    # At most three digits: int() refuses to read thousands of them.
    return words.isascii() and words.isdigit() and len(words) <= 3 and 1 <= int(words) <= MOST_ATTEMPTS


def _count(words: str) -> int:
    if not _is_count(words):
        message = f"{words!r} is no whole number from 1 to {MOST_ATTEMPTS}"
        raise ValueError(message)
    return int(words)


def _hours(words: str) -> float:
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,7})?", words) or not 0 < float(words) <= MOST_HOURS:
        message = f"{words!r} is no number of hours above 0 like '40' or '2.5', up to {MOST_HOURS}"
        raise ValueError(message)
    return float(words)


def _triggers(words: str) -> frozenset[Trigger]:
    chosen = words.split()
    if not chosen or not set(chosen) <= set(TRIGGERS_TO_CHOOSE):
        message = f"{words!r} is no list, parted by spaces, of {', '.join(TRIGGERS_TO_CHOOSE)}"
        raise ValueError(message)
    return frozenset(map(Trigger, chosen))


def _when_missed(words: str) -> WhenMissed:
    try:
        return WhenMissed(words)
    except ValueError as error:
        message = f"{words!r} is neither of {', '.join(WhenMissed)}"
        raise ValueError(message) from error


_TAG_READERS: Final = {
    OPT_IN_TAG: ("resume", _switch),
    "respot:triggers": ("triggers", _triggers),
    "respot:max-attempts": ("max_attempts", _count),
    "respot:require-checkpoint": ("require_checkpoint", _switch),
    "respot:require-progress": ("require_progress", _switch),
    "respot:max-billable-hours": ("max_billable_hours", _hours),
    "respot:ladder": ("ladder", parse_ladder),
    "respot:deadline": ("deadline", parse_deadline),
    "respot:when-deadline-missed": ("when_deadline_missed", _when_missed),
    "respot:work": ("work", parse_duration),
    "respot:restart-overhead": ("restart_overhead", parse_pause),
    "respot:on-demand-wait": ("on_demand_wait", parse_pause),
    "respot:give-up-waiting-after": ("give_up_waiting_after", parse_wait_limit),
    "respot:dry-run": ("dry_run", _switch),
}
"""A job's tags by the member of Policy that they set, with the function that reads the value."""
