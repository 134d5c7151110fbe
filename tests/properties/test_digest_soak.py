"""Digests under crashes, overlaps and clock skew: people learn of every alert."""

import pytest

from respot.alerting.digest.digest import GROUPED, pool_of
from tests.support.digest_world import Trouble, play

BLOCKS = 8
SCHEDULES = 60
TROUBLE = Trouble(crash=0.03, overtaken=0.08, refused=0.03, skew=10)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_alert_is_delivered_once_despite_crashes_and_overlap(block: int) -> None:
    for seed in range(block * SCHEDULES, (block + 1) * SCHEDULES):
        play(seed, TROUBLE)


def test_without_skew_only_openers_and_disturbed_alerts_are_sent_alone() -> None:
    for seed in range(200):
        play(seed, Trouble(crash=0.02, overtaken=0.03))


def test_an_undisturbed_window_has_one_alert_and_at_most_one_digest() -> None:
    for seed in range(300):
        world = play(seed)
        alone = [alert for alert in world.topic.published if alert.digest is None and pool_of(alert)]
        assert len(alone) == len(world.opened)
        assert len(world.topic.digests) == len(world.store.alert_records) <= len(world.opened)


def test_the_schedules_cover_crashes_digests_and_every_kind() -> None:
    """Otherwise the soak would prove little."""
    worlds = [play(seed, TROUBLE) for seed in range(100)]
    assert sum(world.disturbances for world in worlds) > 1000
    assert sum(len(world.opened) for world in worlds) > 200
    assert sum(len(world.topic.digests) for world in worlds) > 150
    digests = [digest for world in worlds for digest in world.topic.digests]
    assert {digest.window.pool.kind for digest in digests if len(digest.entries) > 2} == GROUPED
    assert sum(pool_of(alert) is None for world in worlds for alert in world.topic.published) > 30
