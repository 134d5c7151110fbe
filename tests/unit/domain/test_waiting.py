"""Since when a job waits, and whose stop it was."""

from dataclasses import replace
from typing import Any

import pytest

from respot.domain.waiting import GivingUp, StoppedBy, is_waiting, may_withdraw, stop_of, stopped_by, waiting_since
from tests.support.builders import at, facts, history, job_id


@pytest.mark.parametrize(
    ("script", "since"),
    [
        pytest.param("Starting=0", 0, id="from the creation on"),
        pytest.param("Starting=0 Pending=10 LaunchingMLInstances=20", 0, id="through several statuses"),
        pytest.param("Starting=0 Training=100 Interrupted=200", 200, id="from an interruption on"),
        pytest.param("Starting=0 Training=100 Interrupted=200 Starting=210 Restarting=250", 200, id="the last spell"),
        pytest.param("Starting=0 Downloading=100", None, id="instances are there"),
        pytest.param("Starting=0 Stopping=100", None, id="stopping"),
        pytest.param("Starting=0 Stopped=100", None, id="stopped"),
        pytest.param("Starting=0 Reticulating=100", None, id="a status that nobody knows is no waiting"),
        pytest.param("Starting=0 Reticulating=100 Starting=200", 200, id="and breaks a spell"),
        pytest.param("", None, id="nothing is known"),
    ],
)
def test_a_spell_of_waiting_is_unbroken(script: str, since: float | None) -> None:
    assert waiting_since(history(script)) == (None if since is None else at(since))


@pytest.mark.parametrize(
    ("told", "waits"),
    [
        ({"secondary_status": "Starting"}, True),
        ({"secondary_status": "Interrupted"}, True),
        ({"secondary_status": "Pending", "status_message": "Waiting for compute capacity"}, True),
        ({"secondary_status": "Starting", "status_message": "Insufficient capacity error from EC2"}, True),
        ({"secondary_status": "Starting", "status_message": "Preparing the instances for training"}, False),
        ({"secondary_status": "Starting", "status": "Stopping"}, False),
        ({"secondary_status": "Starting", "status": "Reticulating"}, False),
        ({"secondary_status": "Training"}, False),
        ({"secondary_status": "Reticulating"}, False),
    ],
    ids=str,
)
def test_a_job_waits_while_nobody_stops_it_and_no_instances_are_prepared(told: dict[str, Any], *, waits: bool) -> None:
    assert is_waiting(replace(facts(), **told)) is waits


def note(since: float = 0, decided: float = 7200) -> GivingUp:
    return GivingUp(job=job_id(), waiting_since=at(since), decided_at=at(decided), reason="waited too long")


@pytest.mark.parametrize(
    ("script", "giving_up", "who"),
    [
        ("Starting=0 Stopping=7201 Stopped=7202", note(), StoppedBy.RESPOT),
        ("Starting=0 Pending=60 Stopping=7201 Stopped=7202", note(), StoppedBy.RESPOT),
        ("Starting=0 Stopped=7202", note(), StoppedBy.RESPOT),
        ("Starting=0 Stopping=7500 Stopped=9000", note(), StoppedBy.RESPOT),
        ("Starting=0 Stopping=6900 Stopped=9000", note(), StoppedBy.RESPOT),
        ("Starting=0 Stopping=7500.001 Stopped=9000", note(), StoppedBy.USER),
        ("Starting=0 Stopping=6899.999 Stopped=9000", note(), StoppedBy.USER),
        ("Starting=0 Stopping=7201 Stopped=7202", None, StoppedBy.USER),
        ("Starting=0 Stopping=7201 Stopped=7202", replace(note(), withdrawn="waits no longer"), StoppedBy.USER),
        ("Starting=0 Downloading=7201 Stopping=7202 Stopped=7203", note(), StoppedBy.UNCLEAR),
        ("Starting=0 Reticulating=7201 Stopping=7202 Stopped=7203", note(), StoppedBy.UNCLEAR),
        ("Starting=0 Downloading=7201 Training=7300 Stopping=90000 Stopped=90001", note(), StoppedBy.USER),
        ("Starting=0 Training=100 Interrupted=200 Stopping=7201 Stopped=7202", note(200), StoppedBy.RESPOT),
        ("Starting=0 Training=100 Interrupted=7100 Stopping=7300 Stopped=7301", note(0, 7201), StoppedBy.UNCLEAR),
        ("Starting=0 Stopping=7201 MaxWaitTimeExceeded=7202", note(), StoppedBy.USER),
        ("Starting=0 Stopping=7201 Completed=7202", note(), StoppedBy.USER),
        ("Starting=0 Stopping=7201", note(), StoppedBy.USER),
        ("Starting=0 Stopping=7201 Stopped=7202 Deleting=99999", note(), StoppedBy.RESPOT),
    ],
)
def test_a_stop_is_respots_if_it_came_with_the_note_and_in_its_spell_of_waiting(
    script: str, giving_up: GivingUp | None, who: StoppedBy
) -> None:
    assert stopped_by(giving_up, history(script)) is who


@pytest.mark.parametrize(
    ("script", "seconds"),
    [
        ("Starting=0 Stopping=10 Stopped=20", 10),
        ("Starting=0 Stopped=20", 20),
        ("Starting=0 Stopping=10 MaxWaitTimeExceeded=20", None),
        ("Starting=0 Stopping=10", None),
        ("", None),
    ],
)
def test_the_moment_of_a_stop_is_known_once_the_job_has_ended_as_stopped(script: str, seconds: float | None) -> None:
    assert stop_of(history(script)) == (None if seconds is None else at(seconds))


@pytest.mark.parametrize(
    ("before", "may"),
    [
        pytest.param(None, True, id="there was none"),
        pytest.param(replace(note(decided=7199), withdrawn="x"), True, id="it was withdrawn"),
        pytest.param(note(decided=6899.999), True, id="its stop would have shown"),
        pytest.param(note(decided=6900), False, id="its stop may be on its way"),
        pytest.param(note(decided=7200), False, id="it came in the same moment"),
        pytest.param(note(decided=7300), False, id="it is newer and stands"),
    ],
)
def test_a_note_is_withdrawn_unless_another_one_may_tell_of_respots_stop(before: GivingUp | None, *, may: bool) -> None:
    assert may_withdraw(note(), before) is may
