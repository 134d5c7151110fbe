"""What `make chaos` calls lost, doubled and wrong, and when a round counts."""

from collections import Counter
from dataclasses import replace
from typing import cast

import pytest

from local.chaos import runner
from local.chaos.faults import UNDISTURBED, Fault
from local.chaos.proxy import Proxy
from local.chaos.runner import Round
from local.chaos.subjects import SMALL, Judgement, Subjects
from local.demo.deployed import DeployedAccount

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


class LateSubjects:
    """Subjects of a round to which something happened after it was judged."""

    def __init__(self, *, lost: str = "") -> None:
        self.lost = lost
        self.undisturbed: list[object] = []

    def judge(self, undisturbed: object) -> Judgement:
        self.undisturbed.append(undisturbed)
        return Judgement(lost=[self.lost] if self.lost else [], fates={"job": ["Completed"]})


def test_harm_that_is_done_after_its_round_is_found_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(runner.Chaos, "_await_quiet", lambda _, seconds: waited.append(seconds))
    calm, late = LateSubjects(), LateSubjects(lost="an alert")
    rounds = [
        Round(fault=fault, counts=FELT, heal_seconds=1.0, judgement=Judgement(), subjects=cast("Subjects", subjects))
        for fault, subjects in ((UNDISTURBED, calm), (THROTTLE, late))
    ]
    chaos = runner.Chaos(at=cast("DeployedAccount", None), between=cast("Proxy", None), cast=SMALL)
    judged = chaos.judge_again(rounds)
    assert [each.faults for each in judged] == [[], ["lost: an alert"]]
    assert waited == [runner.ROUND_SECONDS]
    assert (calm.undisturbed, late.undisturbed) == ([None], [{"job": ["Completed"]}])
