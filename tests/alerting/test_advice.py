from datetime import timedelta

import pytest

from respot.alerting.advice import advise
from respot.jobs.job import Market, Owner, Parent
from tests.support.builders import state

KMEANS = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"


def test_a_job_that_is_well_set_up_needs_no_advice() -> None:
    assert advise(state()) == ()


def test_without_a_checkpoint_location_an_interruption_loses_everything() -> None:
    (advice,) = advise(state(checkpoint_uri=None))
    assert advice.startswith(
        "No checkpoint location is configured: every interruption loses all training so far, up to"
    )
    assert advice.endswith("Set CheckpointConfig.")
    (advice,) = advise(state(checkpoint_uri=None, max_wait=None, max_runtime=None))
    assert "loses all training so far, and" in advice


@pytest.mark.parametrize(("wait_hours", "advised"), [(3, True), (4, True), (5, False)])
def test_without_time_to_wait_waiting_eats_the_training(wait_hours: int, *, advised: bool) -> None:
    news = advise(state(max_runtime=timedelta(hours=4), max_wait=timedelta(hours=wait_hours)))
    assert bool(news) is advised
    assert all("MaxWaitTimeInSeconds" in words for words in news)


@pytest.mark.parametrize(("seconds", "advised"), [(3600, False), (3601, True)])
@pytest.mark.parametrize("reference", ["kmeans", "kmeans:1", "kmeans@sha256:0123"])
def test_an_algorithm_that_cannot_checkpoint_may_wait_an_hour(reference: str, seconds: int, *, advised: bool) -> None:
    image = f"382416733822.dkr.ecr.us-east-1.amazonaws.com/{reference}"
    news = advise(state(image=image, max_runtime=timedelta(minutes=30), max_wait=timedelta(seconds=seconds)))
    assert bool(news) is advised
    assert all("The algorithm kmeans does not checkpoint" in words for words in news)


def test_all_problems_are_reported_and_no_checkpoints_are_advised_to_an_algorithm_without_them() -> None:
    four = timedelta(hours=4)
    lost, *others = advise(state(image=KMEANS, checkpoint_uri=None, max_runtime=four, max_wait=four))
    assert "Set CheckpointConfig" not in lost
    assert "kmeans does not checkpoint" in lost
    assert len(others) == 2


@pytest.mark.parametrize(
    "image",
    [
        None,
        "",
        "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.1",
        "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
        "111122223333.dkr.ecr.us-east-1.amazonaws.com/kmeans:latest",
        "111122223333.dkr.ecr.us-east-1.amazonaws.com/team/kmeans",
    ],
)
def test_other_algorithms_may_wait_longer(image: str | None) -> None:
    assert advise(state(image=image)) == ()


@pytest.mark.parametrize("market", [Market.ON_DEMAND, None])
def test_only_spot_jobs_are_advised(market: Market | None) -> None:
    assert advise(state(market=market, checkpoint_uri=None)) == ()


@pytest.mark.parametrize("owner", list(Owner))
def test_nobody_is_advised_on_settings_that_nobody_can_change(owner: Owner) -> None:
    news = advise(state(checkpoint_uri=None, parent=Parent(owner=owner, identifier="arn")))
    assert bool(news) is (owner not in {Owner.TUNING, Owner.AUTOML, Owner.LABELING})
