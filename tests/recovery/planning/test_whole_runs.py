"""From the first end to the last: a deadline is kept on any spot market."""

from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.placement import ASSUMED_OVERHEAD
from respot.recovery.planning.planner import plan
from respot.recovery.planning.run import Attempt
from respot.recovery.policy.policy import parse_ladder
from tests.support.builders import CREATED
from tests.support.runs import HOUR, asked, attempt, context, run, saved


@dataclass(kw_only=True)
class Marketplace:
    """A small SageMaker: it grants and takes instances as the test draws it, and the training saves as it goes."""

    draw: st.DataObject
    work: int
    interval: int
    overhead: int
    keeps: int | None
    saves: list[tuple[int, int]] = field(default_factory=list)
    interruptions: int = 0

    def live(self, number: int, created: int, wait_at_most: int | None) -> tuple[Attempt, bool]:
        """One attempt from its creation to its end, and whether it completed."""
        spot, clock, transitions = wait_at_most is not None, created, [f"Starting={created}"]
        until = created + wait_at_most if wait_at_most is not None else 10**9
        while True:
            launched = clock + self.draw.draw(st.integers(0, 4 * HOUR) if spot else st.integers(0, 60), label="queue")
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
            self.interruptions += 1
            transitions.append(f"Interrupted={over}")
            clock = over

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
        interval=data.draw(st.integers(300, HOUR), label="interval"),
        overhead=data.draw(st.integers(1, 600), label="overhead"),
        keeps=data.draw(st.sampled_from((None, 5)), label="keeps"),
    )
    last, completed = world.live(1, 0, 6 * HOUR)
    attempts, over = [last], last.transitions[-1].started
    slack = data.draw(st.integers(0, 40 * HOUR), label="slack")
    deadline = over + timedelta(seconds=60 + world.work + slack) + ASSUMED_OVERHEAD
    policy = asked(
        deadline=deadline,
        work=timedelta(seconds=world.work),
        max_attempts=data.draw(st.integers(2, 7), label="attempts"),
        ladder=parse_ladder(words) if (words := data.draw(st.sampled_from(("", "spot:2", "spot:3 on-demand")))) else (),
        require_checkpoint=False,
        require_progress=False,
    )
    now = over + timedelta(seconds=60)

    while not completed:
        known = run(*attempts, checkpoints=world.listed)
        decision = plan(context(known, policy), now=now)
        assert world.interruptions or decision.warning is None
        if decision.until:
            now = decision.until
            continue
        assert decision.placement is not None, decision.reason
        wait = decision.placement.max_wait
        created = round((now - CREATED).total_seconds())
        limit = None if wait is None else round(wait.total_seconds())
        last, completed = world.live(known.last.number + 1, created + 1, limit)
        attempts.append(last)
        over = last.transitions[-1].started
        now = over + timedelta(seconds=60)

    # A transition without a listed checkpoint counts whole, at most one interval too much for each interruption.
    assert len(attempts) == 1 or over <= deadline + timedelta(seconds=world.interval * world.interruptions)
