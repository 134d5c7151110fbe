"""What `make chaos` calls lost, doubled and wrong, and when a round counts."""

from collections import Counter
from dataclasses import replace

import pytest

from local.chaos import runner
from local.chaos.faults import UNDISTURBED, Fault
from local.chaos.runner import Round
from local.chaos.subjects import Judgement

SILENT = Counter(calls=10)
FELT = Counter(calls=10, hit=3, killed=1)
THROTTLE = Fault(name="throttle", title="throttling", rules=({"service": "sns"},))
SLACK = Fault(name="slack", title="outage of Slack", slack=503)
DEATHS = Fault(name="deaths", title="functions killed", deaths=0.1)
PEOPLE = Fault(name="tags", title="tags changed", people="tags")


def test_what_is_missing_is_lost_and_what_is_there_again_is_doubled() -> None:
    found = Judgement()
    found.compare("job, alert", ["interrupted", "failed"], ["interrupted", "interrupted", "advice"])
    assert found.lost == ["job, alert: failed"]
    assert found.doubled == ["job, alert: interrupted", "job, alert: advice"]


def test_each_job_of_a_kind_must_have_the_fate_of_the_undisturbed_one() -> None:
    calm, found = Judgement(), Judgement()
    calm.note_fate("never-launched", ["Starting", "Stopped"], None)
    assert calm.wrong == []
    found.note_fate("never-launched", ["Starting", "Stopped"], calm.fates)
    assert found.wrong == []
    found.note_fate("never-launched", ["Starting"], calm.fates)
    assert len(found.wrong) == 1


@pytest.mark.parametrize("fault", [THROTTLE, SLACK, DEATHS, PEOPLE], ids=["calls", "slack", "deaths", "people"])
def test_a_fault_that_hit_nothing_proves_nothing(fault: Fault) -> None:
    healed = Round(fault=fault, counts=SILENT, heal_seconds=1.0, judgement=Judgement())
    assert healed.faults == ["the fault hit nothing"]
    assert replace(healed, counts=FELT).faults == []


def test_what_did_not_heal_is_not_good() -> None:
    assert Round(fault=THROTTLE, counts=FELT, heal_seconds=None, judgement=Judgement()).faults == ["not healed"]
    lost = Round(fault=THROTTLE, counts=FELT, heal_seconds=1.0, judgement=Judgement(lost=["x"]))
    assert lost.faults == ["lost: x"]


def test_the_figures_are_of_the_rounds_with_a_fault() -> None:
    calm = Round(fault=UNDISTURBED, counts=SILENT, heal_seconds=0.5, judgement=Judgement())
    rounds = [
        calm,
        *(
            Round(fault=THROTTLE, counts=FELT, heal_seconds=seconds, judgement=Judgement())
            for seconds in (3.0, 9.0, 5.0)
        ),
        Round(fault=SLACK, counts=SILENT, heal_seconds=None, judgement=Judgement(lost=["x"], doubled=["y", "z"])),
    ]
    assert runner.to_figures(rounds) == {
        "rounds": 5,
        "not healed": 1,
        "lost": 1,
        "doubled": 2,
        "wrong": 0,
        "not hit": 1,
        "healed, median": 5.0,
        "healed, slowest": 9.0,
    }
    assert runner.to_figures([])["healed, slowest"] == 0
