"""Recovery measures what starting took each job, and decides on a deadline by what it took earlier ones."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from respot.errors import LedgerUnavailableError
from respot.jobs.job import Market
from respot.recovery.load_context import PlanContextLoader
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.start_history import MOST_SAMPLES, MeasuredStart, StartHistory, StartPool, StartSample
from tests.support.builders import NAME, REGION, at, job_id
from tests.support.recovery_environment import SECOND, RecoveryEnvironment
from tests.support.with_hooks import ProcessCrashError

IMAGE = "train:1"
OVERHEADS = StartPool(region=REGION, instance_type="ml.g5.2xlarge", image=IMAGE)
WAITS = StartPool(region=REGION, instance_type="ml.g5.2xlarge", image=None)


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> list[PlanContext]:
    """What decisions were made from."""
    seen: list[PlanContext] = []
    load = PlanContextLoader.load

    def loaded(*args: object, **named: object) -> PlanContext:
        seen.append(load(*args, **named))  # type: ignore[arg-type]
        return seen[-1]

    monkeypatch.setattr(PlanContextLoader, "load", loaded)
    return seen


def earlier(env: RecoveryEnvironment, pool: StartPool, minutes: float) -> StartSample:
    sample = StartSample(took=timedelta(minutes=minutes), seen=at(-3600))
    env.starts.remember(MeasuredStart(job=job_id("earlier"), pool=pool, sample=sample))
    return sample


def test_each_job_that_ends_adds_what_it_measured_once(env: RecoveryEnvironment) -> None:
    job = env.ended(image=IMAGE)
    for _ in range(3):
        env.recover(job)
    assert env.calls.count("starts.remember") == 1
    # `end` moves the job through Downloading and Training at one moment, five minutes after its creation.
    assert env.starts.starts == {(OVERHEADS, job): StartSample(took=timedelta(), seen=at(300))}


@pytest.mark.parametrize("tags", [{}, {"respot:resume": "off"}])
def test_a_job_that_nobody_resumes_is_measured_too(env: RecoveryEnvironment, tags: dict[str, str]) -> None:
    env.submit(tags=tags, image=IMAGE)
    env.recover(env.end("Completed"))
    assert len(env.starts.newest(OVERHEADS)) == 1


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("death", [ProcessCrashError(), LedgerUnavailableError("down")], ids=["dies", "fails"])
def test_a_measurement_that_fails_holds_up_no_attempt_for_longer_than_one_delivery(
    env: RecoveryEnvironment, death: BaseException, *, done: bool
) -> None:
    job = env.ended(image=IMAGE)
    (env.afterwards if done else env.faults)["starts.remember"] = death
    with pytest.raises(type(death)):
        env.recover(job)
    assert env.recover(job) is None  # although it still fails
    assert env.sagemaker.created == [SECOND]


def test_a_decision_with_a_deadline_sees_what_starting_took_earlier_jobs(
    env: RecoveryEnvironment, contexts: list[PlanContext]
) -> None:
    overhead, wait = earlier(env, OVERHEADS, 12), earlier(env, WAITS, 40)
    env.set_policy(deadline=timedelta(hours=30))
    env.recover(env.ended(image=IMAGE))
    assert contexts[0].start_history == StartHistory(overheads=(overhead,), on_demand_waits=(wait,))


def test_the_instance_type_is_that_of_the_ladders_on_demand_rung(
    env: RecoveryEnvironment, contexts: list[PlanContext]
) -> None:
    other = StartPool(region=REGION, instance_type="ml.p4d.24xlarge", image=None)
    earlier(env, WAITS, 40)
    wait = earlier(env, other, 99)
    env.set_policy(deadline=timedelta(hours=30))
    env.set_ladder("spot:2 on-demand/ml.p4d.24xlarge")
    env.recover(env.ended(image=IMAGE))
    assert contexts[0].start_history.on_demand_waits == (wait,)


@pytest.mark.parametrize("own", [True, False], ids=["of the job itself", "of the rung"])
def test_a_list_counts_what_starting_took_on_each_of_its_types(
    env: RecoveryEnvironment, contexts: list[PlanContext], *, own: bool
) -> None:
    other = StartPool(region=REGION, instance_type="ml.g6.2xlarge", image=None)
    waits = {earlier(env, WAITS, 40), earlier(env, other, 99)}
    overheads = {earlier(env, replace(each, image=IMAGE), took) for each, took in ((WAITS, 5), (other, 7))}
    env.set_policy(deadline=timedelta(hours=30))
    types = ("ml.g5.2xlarge", "ml.g6.2xlarge")
    env.set_ladder("spot:2" if own else f"spot:2 on-demand/{'/'.join(types)}")
    listed: dict[str, Any] = (
        {"instance_type": None, "preferred_types": types, "market": Market.ON_DEMAND} if own else {}
    )
    env.recover(env.ended(image=IMAGE, **listed))
    found = contexts[0].start_history
    assert (set(found.on_demand_waits), set(found.overheads)) == (waits, overheads)
    assert (len(found.on_demand_waits), len(found.overheads)) == (2, 2)


def test_of_all_types_of_a_list_only_the_newest_measurements_count(
    env: RecoveryEnvironment, contexts: list[PlanContext]
) -> None:
    for number in range(2 * MOST_SAMPLES):
        pool = WAITS if number % 2 else replace(WAITS, instance_type="ml.g6.2xlarge")
        sample = StartSample(took=timedelta(minutes=number), seen=at(number))
        env.starts.remember(MeasuredStart(job=job_id(f"earlier-{number}"), pool=pool, sample=sample))
    env.set_policy(deadline=timedelta(hours=30))
    env.set_ladder("spot:2 on-demand/ml.g5.2xlarge/ml.g6.2xlarge")
    env.recover(env.ended())
    newest = range(2 * MOST_SAMPLES - 1, MOST_SAMPLES - 1, -1)
    assert contexts[0].start_history.on_demand_waits == tuple(
        StartSample(took=timedelta(minutes=number), seen=at(number)) for number in newest
    )


def test_a_decision_without_a_deadline_asks_for_no_history(env: RecoveryEnvironment) -> None:
    """Every read is paid for."""
    env.recover(env.ended(image=IMAGE))
    assert "starts.newest" not in env.calls
    assert env.sagemaker.created == [SECOND]


def test_a_job_without_an_image_asks_only_for_the_waits(env: RecoveryEnvironment) -> None:
    env.set_policy(deadline=timedelta(hours=30))
    env.recover(env.ended())
    with_image = RecoveryEnvironment()
    with_image.set_policy(deadline=timedelta(hours=30))
    with_image.recover(with_image.ended(image=IMAGE))
    assert with_image.calls.count("starts.newest") == 2 * env.calls.count("starts.newest") > 0


def test_a_waiting_job_with_a_deadline_is_judged_by_the_history_too(
    env: RecoveryEnvironment, contexts: list[PlanContext]
) -> None:
    wait = earlier(env, WAITS, 40)
    env.set_policy(deadline=timedelta(hours=30), give_up_waiting_after=timedelta(hours=1))
    env.set_ladder("spot:1 on-demand")
    job = env.submit(image=IMAGE)
    env.clock.pass_by(timedelta(hours=2))
    env.observe(NAME)
    env.recover(job)
    assert contexts[0].start_history.on_demand_waits == (wait,)
