"""What the owner of an account may set, drawn at random."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Final

from respot.jobs.job import Market
from respot.recovery.planning.ending import TRIGGERS_TO_CHOOSE, Budget
from respot.recovery.policy.policy import AccountPolicy, BackOff, Policy, Rung, parse_ladder

LADDERS: Final = ("spot on-demand:1", "spot:3 spot/ml.g5.4xlarge:1 on-demand:2", "spot:1 spot:1 on-demand")


def any_policy(chance: Random, *, starved: bool) -> AccountPolicy:
    """Any policy; with `starved`, mostly one with a wait limit."""
    ladders: tuple[tuple[Rung, ...], ...] = (
        *((), (), ()),
        *(parse_ladder(words) for words in LADDERS),
        (Rung(market=Market.SPOT, attempts=1), Rung(market=Market.ON_DEMAND)),
        (Rung(market=Market.SPOT, attempts=2),),
    )
    pause = timedelta(minutes=chance.choice((0, 0, 1, 60)))
    defaults = Policy(
        resume=chance.random() < 0.9,
        max_attempts=chance.choice((1, 2, 3, 5)),
        triggers=frozenset(TRIGGERS_TO_CHOOSE) if chance.random() < 0.5 else Policy().triggers,
        budgets=dict.fromkeys(Budget, chance.choice((1, 2, 5))),
        back_off=dict.fromkeys(Budget, BackOff(first=pause, longest=pause * 4)),
        require_checkpoint=chance.random() < 0.3,
        require_progress=chance.random() < 0.3,
        ladder=chance.choice(ladders),
        deadline=chance.choice((None, None, timedelta(hours=5), timedelta(hours=20))),
        give_up_waiting_after=chance.choice((None, *(timedelta(minutes=minutes) for minutes in (1, 20, 90)))),
        dry_run=chance.random() < 0.05,
        max_billable_hours=chance.choice((None, None, 2.0, 8.0)),
    )
    if starved and chance.random() < 0.8:  # jobs wait long, and their owners would rather go elsewhere
        defaults = replace(
            defaults,
            resume=True,
            max_attempts=5,
            budgets=dict.fromkeys(Budget, 5),
            max_billable_hours=None,
            require_checkpoint=False,
            ladder=parse_ladder(chance.choice(LADDERS)),
            give_up_waiting_after=timedelta(minutes=chance.choice((1, 20, 90))),
        )
    return AccountPolicy(defaults=_in_a_hurry(defaults))


def _in_a_hurry(policy: Policy) -> Policy:
    """Most deadlines have known work and no wait limit: what waits is stopped at its latest on-demand start.

    A draw of its own: the schedules of old seeds change little.
    """
    drawn = f"{policy.deadline} {policy.max_attempts} {policy.max_billable_hours} {policy.give_up_waiting_after}"
    chance = Random(f"{drawn} {policy.back_off[Budget.CAPACITY].first}")  # noqa: S311 - as above
    if policy.deadline is None or chance.random() < 0.2:
        return policy
    work = timedelta(hours=chance.choice((1, 3, 9)))
    attempts, budgets = max(3, policy.max_attempts), dict.fromkeys(Budget, 5)
    known = replace(policy, resume=True, work=work, give_up_waiting_after=None, require_checkpoint=False)
    return replace(known, max_attempts=attempts, budgets=budgets)
