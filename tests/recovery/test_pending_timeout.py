"""A stop at a job's pending limit is doubtful: nothing follows, and people are notified."""

from datetime import timedelta

import pytest

from respot.jobs.job import Market
from respot.recovery.planning.decision import Action
from tests.support.builders import NAME
from tests.support.recovery_environment import RecoveryEnvironment

DOUBTFUL = "stopped, by its user or by SageMaker after MaxPendingTimeInSeconds of 2 h 00 min"


@pytest.mark.parametrize(
    ("hours", "reason", "notify"), [(2, DOUBTFUL, True), (5, "stopped by its user", False)], ids=["at it", "before it"]
)
def test_only_a_stop_at_the_pending_limit_is_reported_as_doubtful(
    env: RecoveryEnvironment, hours: int, reason: str, *, notify: bool
) -> None:
    job = env.submit(market=Market.ON_DEMAND, max_wait=None, max_pending=timedelta(hours=hours))
    env.sagemaker.move(NAME, "Pending")
    env.clock.pass_by(timedelta(hours=2, seconds=30))
    env.sagemaker.move(NAME, "Stopped")
    env.observe(NAME)
    assert env.recover(job) is None
    decision = env.decision(job).decision
    assert (decision.action, decision.reason, decision.notify) == (Action.REFUSE, reason, notify)
    assert env.sagemaker.created == []
