"""Nobody is forgotten in a storm, whatever dies when."""

import pytest

from respot.alerting.digest.digest import GROUPED, pool_of
from tests.support.storm_world import Trouble, play

BLOCKS = 8
SCHEDULES = 60
TROUBLE = Trouble(crash=0.03, overtaken=0.08, refused=0.03, skew=10)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_dies_or_is_overtaken_when_everybody_is_told_and_each_receipt_tells_the_digest(block: int) -> None:
    for seed in range(block * SCHEDULES, (block + 1) * SCHEDULES):
        play(seed, TROUBLE)


def test_with_clocks_that_agree_nobody_is_told_by_itself_without_a_reason() -> None:
    """Who is neither a window's first, nor died, nor was overtaken, is held back."""
    for seed in range(200):
        play(seed, Trouble(crash=0.02, overtaken=0.03))


def test_undisturbed_people_get_one_alert_and_at_most_one_digest_for_each_window() -> None:
    for seed in range(300):
        world = play(seed)
        alone = [alert for alert in world.topic.published if alert.digest is None and pool_of(alert)]
        assert len(alone) == len(world.opened)
        assert len(world.topic.digests) == len(world.storms.alert_records) <= len(world.opened)


def test_the_schedules_hold_what_they_are_meant_to_hold() -> None:
    """Crashes, several windows, digests of several entries, of every kind: otherwise the soak would prove little."""
    worlds = [play(seed, TROUBLE) for seed in range(100)]
    assert sum(world.disturbances for world in worlds) > 1000
    assert sum(len(world.opened) for world in worlds) > 200
    assert sum(len(world.topic.digests) for world in worlds) > 150
    digests = [digest for world in worlds for digest in world.topic.digests]
    assert {digest.window.pool.kind for digest in digests if len(digest.entries) > 2} == GROUPED
    assert sum(pool_of(alert) is None for world in worlds for alert in world.topic.published) > 30
