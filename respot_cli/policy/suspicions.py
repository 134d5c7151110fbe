"""What a valid policy says although it is hardly meant: only what is certain."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Final

from respot.jobs.formatting import in_words, readable
from respot.recovery.policy.policy import OPT_IN_TAG, AccountPolicy, Policy, Rule, with_settings
from respot_cli.policy.patterns import (
    in_a_tag,
    takes_all,
    why_no_instance_type,
    why_no_name,
    why_no_region,
    why_no_role,
    why_no_tag,
)

Suspicion = tuple[str, str]
"""A place in the document, and what is suspicious there, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """Jobs that follow the same settings: those of one rule, or of none.

    Attributes:
        place: of their settings in the document.
        policy: what holds for them without their own tags.
        own: the members of `Policy` that are set there.
    """

    place: str
    policy: Policy
    own: frozenset[str]


def suspicions(account: AccountPolicy, *, now: datetime) -> list[Suspicion]:
    """All that is suspicious, in the order of the document."""
    defaults = _Scope(place="defaults", policy=account.defaults, own=frozenset(_ALL))
    found = [*_no_resume(account), *_of_scope(defaults, now)]
    for number, rule in enumerate(account.rules):
        place = f"rules[{number}]"
        found += _of_match(place, rule)
        found += _hidden(place, account.rules[:number], rule)
        settings = with_settings(account.defaults, rule.settings)
        found += _of_scope(
            _Scope(place=f"{place}.settings", policy=settings, own=frozenset(rule.settings)), now, said=account.defaults
        )
    return found


def _no_resume(account: AccountPolicy) -> Iterator[Suspicion]:
    if not account.defaults.resume and not any(rule.settings.get("resume") for rule in account.rules):
        yield "", f"resumes no job but those with the tag {OPT_IN_TAG} = on: nothing here says resume: true"


def _hidden(place: str, earlier: Sequence[Rule], rule: Rule) -> Iterator[Suspicion]:
    for number, each in enumerate(earlier):
        if _takes_all(each, rule):
            yield place, f"rule {rule.name!r} never counts: rules[{number}] ({each.name!r}) matches all of its jobs"
            return


def _takes_all(earlier: Rule, later: Rule) -> bool:
    """Whether a job that matches the later rule is certain to match the earlier one."""
    tags = all(key in later.tags and takes_all(pattern, later.tags[key]) for key, pattern in earlier.tags.items())
    return tags and all(takes_all(getattr(earlier, each), getattr(later, each)) for each in _WHY_NONE)


def _of_match(place: str, rule: Rule) -> Iterator[Suspicion]:
    """Patterns that nothing can match."""
    for name, why_none in _WHY_NONE.items():
        pattern = getattr(rule, name)
        if why := why_none(pattern):
            yield f"{place}.match.{name}", f"{pattern!r} matches nothing: {why}"
    for key, pattern in rule.tags.items():
        strange = [each for each in dict.fromkeys(key) if not in_a_tag(each)]
        why = f"AWS accepts no {' or '.join(map(repr, strange))} in a tag" if strange else why_no_tag(pattern)
        if why:
            yield f"{place}.match.tags.{key}", f"{pattern!r} matches nothing: {why}"


def _of_scope(scope: _Scope, now: datetime, *, said: Policy | None = None) -> Iterator[Suspicion]:
    """What is suspicious about settings; not again what is `said` of the defaults and holds here unchanged."""
    for members, check in _CHECKS.items():
        if not scope.own & {*members}:
            continue
        words = check(scope.policy, now)
        if words and not (said and check(said, now) and all(_same(scope.policy, said, each) for each in members)):
            named = next((each for each in members if each in scope.own), members[0])
            yield f"{scope.place}.{_NAMES.get(named, named)}", words


def _same(one: Policy, other: Policy, member: str) -> bool:
    return bool(getattr(one, member) == getattr(other, member))


def _dry_run(policy: Policy, _: datetime) -> str | None:
    return "decides and reports, and creates nothing" if policy.dry_run else None


def _from_scratch(policy: Policy, _: datetime) -> str | None:
    if policy.require_checkpoint or not policy.resume:
        return None
    return "a job without a checkpoint is resumed too: it starts from scratch, and is paid for again"


def _no_attempt(policy: Policy, _: datetime) -> str | None:
    if policy.max_attempts > 1 or not policy.resume:
        return None
    return "total: 1 is the user's own job: with resume: true, no attempt follows it"


def _no_budget(policy: Policy, _: datetime) -> str | None:
    if any(policy.budgets.values()) or not policy.resume:
        return None
    return "all budgets are 0: with resume: true, no attempt follows"


def _ladder_too_long(policy: Policy, _: datetime) -> str | None:
    """A rung that counting never reaches; others may be left early, and a deadline jumps."""
    if policy.deadline or policy.give_up_waiting_after:
        return None
    before = accumulate((rung.attempts or 0 for rung in policy.ladder), initial=1)
    for number, begins in zip(range(1, len(policy.ladder) + 1), before, strict=False):
        if number > 1 and begins > policy.max_attempts:
            return (
                f"rung {number} begins with attempt {begins}, and attempts.total is {policy.max_attempts}: it is used "
                "only if a pool above it is refused"
            )
    return None


def _deadline_over(policy: Policy, now: datetime) -> str | None:
    if isinstance(policy.deadline, datetime) and policy.deadline < now:
        return f"{readable(policy.deadline)} was {in_words(now - policy.deadline)} ago: it is missed by every job"
    return None


def _no_other_pool(policy: Policy, _: datetime) -> str | None:
    if policy.give_up_waiting_after is None or policy.deadline or len(policy.ladder) > 1:
        return None
    return "stops no job, unless its tags have a ladder: there is no other pool to go to"


_CHECKS: Final[Mapping[tuple[str, ...], Callable[[Policy, datetime], str | None]]] = {
    ("dry_run",): _dry_run,
    ("require_checkpoint", "resume"): _from_scratch,
    ("max_attempts", "resume"): _no_attempt,
    ("budgets", "resume"): _no_budget,
    ("ladder", "max_attempts"): _ladder_too_long,
    ("deadline",): _deadline_over,
    ("give_up_waiting_after", "ladder"): _no_other_pool,
}
"""Checks by the settings that they are about; the first one that is set names the place."""
_NAMES: Final = {"max_attempts": "attempts.total", "budgets": "attempts"}
_ALL: Final = {member for members in _CHECKS for member in members}
_WHY_NONE: Final[Mapping[str, Callable[[str], str | None]]] = {
    "job_name": why_no_name,
    "instance_type": why_no_instance_type,
    "role": why_no_role,
    "region": why_no_region,
}
"""Of each pattern of a rule, why nothing can match it."""
