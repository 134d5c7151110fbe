"""What `make chaos` calls lost, doubled and wrong, and when a round counts."""

from dataclasses import replace

import pytest

from local.chaos import table
from local.chaos.between import Counts
from local.chaos.faults import UNDISTURBED, Fault
from local.chaos.judgement import Judgement
from local.chaos.runner import Round
from local.chaos.waiting import Message, Reader, Waiting, Watch, subject

SILENT = Counts(calls=10, hit=0, retries=0, killed=0)
FELT = replace(SILENT, hit=3, killed=1)
THROTTLE = Fault(name="throttle", title="throttling", rules=({"service": "sns"},))
SLACK = Fault(name="slack", title="outage of Slack", slack=503)
DEATHS = Fault(name="deaths", title="functions killed", deaths=0.1)


def test_what_is_missing_is_lost_and_what_is_there_again_is_doubled() -> None:
    found = Judgement()
    found.compare("job, alert", ["interrupted", "failed"], ["interrupted", "interrupted", "advice"])
    assert found.lost == ["job, alert: failed"]
    assert found.doubled == ["job, alert: interrupted", "job, alert: advice"]
    assert not found.is_good


def test_each_job_of_a_kind_must_have_the_fate_of_the_undisturbed_one() -> None:
    calm, found = Judgement(), Judgement()
    calm.note_fate("never-launched", ["Starting", "Stopped"], None)
    assert calm.is_good
    found.note_fate("never-launched", ["Starting", "Stopped"], calm.fates)
    assert found.is_good
    found.note_fate("never-launched", ["Starting"], calm.fates)
    assert len(found.wrong) == 1


@pytest.mark.parametrize("fault", [THROTTLE, SLACK, DEATHS], ids=["calls", "slack", "deaths"])
def test_a_fault_that_hit_nothing_proves_nothing(fault: Fault) -> None:
    healed = Round(fault=fault, counts=SILENT, heal_seconds=1.0, judgement=Judgement())
    assert not healed.is_good
    assert replace(healed, counts=FELT).is_good


def test_what_did_not_heal_is_not_good() -> None:
    assert not Round(fault=THROTTLE, counts=FELT, heal_seconds=None, judgement=Judgement()).is_good
    assert not Round(fault=THROTTLE, counts=FELT, heal_seconds=1.0, judgement=Judgement(lost=["x"])).is_good


def test_a_round_that_was_not_played_is_no_failure() -> None:
    assert Round(fault=THROTTLE, skipped="needs a sweep").is_good


# --- what is waited for

QUEUE = "Respot-RecoveryQueueA02E2701-EF53F0BF910"
HIDDEN = Message(
    queue=QUEUE, id="m", body='{"region": "us-east-1", "name": "night", "created": "x"}', received=7, visible_at=164.0
)


def watched(*seen: tuple[float, Waiting]) -> Watch:
    watch = Watch()
    for now, waiting in seen:
        watch.see(waiting, now=now)
    return watch


def test_the_longest_wait_names_queue_job_and_next_delivery() -> None:
    wait = watched((100, Waiting(messages=[HIDDEN])), (160, Waiting(messages=[HIDDEN]))).longest()
    assert str(wait) == "60 s in RecoveryQueue: night after delivery 7, next delivery after 64 s"


def test_a_message_that_is_delivered_again_waits_for_something_else() -> None:
    again = replace(HIDDEN, received=8, visible_at=200.0)
    watch = watched(
        (100, Waiting(messages=[HIDDEN])), (130, Waiting(messages=[again])), (140, Waiting(messages=[again]))
    )
    assert (wait := watch.longest()) is not None
    assert (wait.after, wait.since, wait.seconds) == ("delivery 8", 130, 10)


def test_what_was_over_before_a_round_began_to_heal_is_not_what_held_it_up() -> None:
    other = replace(HIDDEN, id="other", visible_at=145.0)
    seen = [(100, [HIDDEN]), (160, [HIDDEN, other]), (170, [other])]
    watch = watched(*((now, Waiting(messages=messages)) for now, messages in seen))
    assert (wait := watch.longest(after=165)) is not None
    assert (wait.next_at, wait.seconds) == (145.0, 10)
    assert watch.longest(after=171) is None


def test_a_reader_of_the_stream_waits_until_it_has_caught_up() -> None:
    def alert(behind: int) -> Waiting:
        return Waiting(readers=[Reader(function="Respot-AlertFunction0CAE8467-DB24", behind=behind, result="FAILED")])

    watch = watched((100, alert(30)), (110, alert(12)), (120, alert(0)), (130, alert(2)))
    assert str(watch.longest()) == "10 s in AlertFunction: 12 records of the stream after FAILED"


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"detail": {"TrainingJobName": "an-event"}}', "an-event"),
        ('{"Message": "{\\"job\\": {\\"name\\": \\"an-alert\\"}}"}', "an-alert"),
        ('{"version": "respot.alert/1", "job": {"name": "raw"}}', "raw"),
        ("a heartbeat", "a heartbeat"),
        ('["a", "list"]', '["a", "list"]'),
        ('{"something": "else"}', '{"something": "else"}'),
    ],
)
def test_a_message_is_named_by_its_job_or_by_how_it_begins(body: str, name: str) -> None:
    assert subject(body) == name


# --- the figures for `make proof`


def test_the_figures_are_of_the_rounds_with_a_fault() -> None:
    calm = Round(fault=UNDISTURBED, counts=SILENT, heal_seconds=0.5, judgement=Judgement())
    rounds = [
        calm,
        *(
            Round(fault=THROTTLE, counts=FELT, heal_seconds=seconds, judgement=Judgement())
            for seconds in (3.0, 9.0, 5.0)
        ),
        Round(fault=SLACK, counts=SILENT, heal_seconds=None, judgement=Judgement(lost=["x"], doubled=["y", "z"])),
        Round(fault=DEATHS, skipped="needs a sweep"),
    ]
    assert table.to_figures(rounds) == {
        "rounds": 5,
        "not healed": 1,
        "lost": 1,
        "doubled": 2,
        "wrong": 0,
        "not hit": 1,
        "healed, median": 5.0,
        "healed, slowest": 9.0,
    }
    assert table.to_figures([])["healed, slowest"] == 0
