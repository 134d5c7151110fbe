"""From the first end to the last: a deadline is kept on any spot market."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.deadline import SWEEP_INTERVAL, forecast
from respot.recovery.planning.planner import plan
from respot.recovery.planning.run import Attempt
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.policy.policy import parse_ladder
from tests.support.builders import CREATED, at
from tests.support.runs import HOUR, asked, attempt, context, run, saved

_SEEN = round(SWEEP_INTERVAL.total_seconds()) + 1
"""A sweep sees each gap that is longer than its interval."""


@dataclass(kw_only=True)
class Marketplace:
    """A small SageMaker: it grants and takes instances as the test draws it, and the training saves as it goes."""

    draw: st.DataObject
    work: int
    interval: int
    overhead: int
    keeps: int | None
    saves: list[tuple[int, int]] = field(default_factory=list)

    def live(
        self, number: int, created: int, wait_at_most: int | None, latest_start: Callable[[Attempt], int]
    ) -> tuple[Attempt, bool]:
        """One attempt from its creation to its end, and whether it completed.

        A sweep stops it if it waits at its latest start, which depends on what it has saved by then.
        """
        spot, clock, transitions = wait_at_most is not None, created, [f"Starting={created}"]
        until = created + wait_at_most if wait_at_most is not None else 10**9
        while True:
            launched = clock + self.draw.draw(
                st.integers(_SEEN, 4 * HOUR) if spot else st.integers(0, 60), label="queue"
            )
            if spot:
                latest = latest_start(self._over(number, [*transitions, f"Stopped={clock + 1}"]))
                sweep = max(clock, latest) + self.draw.draw(st.integers(2, _SEEN - 1), label="sweep")
                if sweep < min(launched, until):
                    return self._stopped(number, transitions, clock, sweep), False
            training = launched + self.overhead
            if launched >= until:
                return self._over(number, [*transitions, f"MaxWaitTimeExceeded={until}"]), False
            transitions.append(f"Downloading={launched}")
            if training >= until:
                return self._over(
                    number, [*transitions, f"Stopping={until}", f"MaxWaitTimeExceeded={until + 120}"]
                ), False
            transitions.append(f"Training={training}")
            taken = self.draw.draw(st.integers(0, 6 * HOUR - 900), label="taken early") if spot else -(10**9)
            held = 6 * HOUR - taken
            reached = self.saves[-1][1] if self.saves else 0
            done = training + self.work - reached
            over = min(done, training + held, until)
            steps = range(1, (over - training) // self.interval + 1)
            self.saves += [(training + step * self.interval, reached + step * self.interval) for step in steps]
            if over == done:
                return self._over(number, [*transitions, f"Completed={over}"]), True
            if over == until:
                return self._over(
                    number, [*transitions, f"Stopping={until}", f"MaxWaitTimeExceeded={until + 120}"]
                ), False
            transitions.append(f"Interrupted={over}")
            clock = over

    def _stopped(self, number: int, transitions: list[str], since: int, sweep: int) -> Attempt:
        over = self._over(number, [*transitions, f"Stopping={sweep}", f"Stopped={sweep + 30}"])
        intent = StopIntent(job=over.state.job, waiting_since=at(since), decided_at=at(sweep), reason="latest start")
        return replace(over, stop_intent=intent)

    @property
    def listed(self) -> tuple[Checkpoint, ...]:
        kept = self.saves[-self.keeps :] if self.keeps else self.saves
        return tuple(saved(seconds, f"checkpoint-{step}") for seconds, step in kept)

    def _over(self, number: int, transitions: list[str]) -> Attempt:
        newest = self.listed[-1] if self.listed else None
        own = {"max_runtime": timedelta(days=20)}
        return attempt(" ".join(transitions), number=number, checkpoint=newest, **own)


@given(st.data())
@settings(max_examples=300)
def test_in_any_market_the_work_is_done_by_the_deadline(data: st.DataObject) -> None:
    world = Marketplace(
        draw=data,
        work=data.draw(st.integers(HOUR, 30 * HOUR), label="work"),
        interval=data.draw(st.integers(300, 900), label="interval"),
        overhead=data.draw(st.integers(1, 600), label="overhead"),
        keeps=data.draw(st.sampled_from((None, 5)), label="keeps"),
    )
    slack = data.draw(st.integers(2 * HOUR, 40 * HOUR), label="slack")
    deadline = CREATED + timedelta(seconds=world.work + slack)
    policy = asked(
        deadline=deadline,
        work=timedelta(seconds=world.work),
        restart_overhead=timedelta(minutes=10),
        on_demand_wait=timedelta(minutes=1),
        max_attempts=data.draw(st.integers(2, 7), label="attempts"),
        ladder=parse_ladder(words) if (words := data.draw(st.sampled_from(("", "spot:2", "spot:3 on-demand")))) else (),
        require_checkpoint=False,
        require_progress=False,
    )
    attempts: list[Attempt] = []

    def latest_start(live: Attempt) -> int:
        known = context(run(*attempts, live, checkpoints=world.listed), policy)
        found = forecast(known.run, policy.policy, known.start_history, now=live.ended)
        assert found
        return math.floor((found.latest_start - CREATED).total_seconds())

    last, completed = world.live(1, 0, 6 * HOUR, latest_start)
    attempts.append(last)
    over = last.transitions[-1].started
    now = over + timedelta(seconds=60)

    while not completed:
        known = run(*attempts, checkpoints=world.listed)
        decision = plan(context(known, policy), now=now)
        assert decision.warning is None
        if decision.until:
            now = decision.until
            continue
        assert decision.placement is not None, decision.reason
        wait = decision.placement.max_wait
        created = round((now - CREATED).total_seconds())
        limit = None if wait is None else round(wait.total_seconds())
        last, completed = world.live(known.last.number + 1, created + 1, limit, latest_start)
        attempts.append(last)
        over = last.transitions[-1].started
        now = over + timedelta(seconds=60)

    assert len(attempts) == 1 or over <= deadline
