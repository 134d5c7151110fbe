"""What the price is calculated from is what is deployed."""

from local.bench import price
from tests.infra.synthesis import Synthesized


def test_the_functions_have_the_memory_that_the_price_assumes(full: Synthesized) -> None:
    memory = {function["MemorySize"] for function in full.of_type("Lambda::Function").values()}
    assert memory == {price.MEMORY_GIGABYTES * 1024}


def test_the_alarms_are_counted(full: Synthesized) -> None:
    assert len(full.of_type("CloudWatch::Alarm")) == price.ALARMS


def test_the_queues_that_lambda_reads_are_counted(full: Synthesized) -> None:
    mappings = full.of_type("Lambda::EventSourceMapping").values()
    assert sum("StartingPosition" not in mapping for mapping in mappings) == price.POLLED_QUEUES


def test_the_schedule_is_the_one_that_the_price_assumes(plain: Synthesized) -> None:
    (schedule,) = plain.of_type("Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == f"rate({price.SWEEP_INTERVAL.total_seconds() / 60:.0f} minutes)"
