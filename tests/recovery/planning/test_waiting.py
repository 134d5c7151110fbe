"""Since when a job waits, and whose stop it was."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from respot.recovery.planning.waiting import (
    StopIntent,
    StoppedBy,
    is_waiting,
    may_withdraw,
    stop_of,
    stopped_by,
    unknown_message,
    waiting_since,
)
from tests.support.builders import at, history, job_id, state


@pytest.mark.parametrize(
    ("script", "since"),
    [
        pytest.param("Starting=0", 0, id="from the creation on"),
        pytest.param("Starting=0 Pending=10 LaunchingMLInstances=20", 0, id="through several statuses"),
        pytest.param("Starting=0 Training=100 Interrupted=200", 200, id="from an interruption on"),
        pytest.param("Starting=0 Training=100 Interrupted=200 Starting=210 Restarting=250", 200, id="the last spell"),
        pytest.param("Starting=0 Downloading=100", None, id="instances are there"),
        pytest.param("Starting=0 Stopping=100", None, id="stopping"),
        pytest.param("Starting=0 Reticulating=100", None, id="a status that nobody knows is no waiting"),
        pytest.param("Starting=0 Reticulating=100 Starting=200", 200, id="and breaks a spell"),
        pytest.param("", None, id="nothing is known"),
    ],
)
def test_a_spell_of_waiting_is_unbroken(script: str, since: float | None) -> None:
    assert waiting_since(history(script)) == (None if since is None else at(since))


NO_CAPACITY = "Insufficient capacity error from EC2 while launching instances, retrying!"
FOR_CAPACITY = "Training job waiting for capacity"
PREPARING = "Preparing the instances for training"


@pytest.mark.parametrize(
    ("status", "message", "waits", "known"),
    [
        ("Starting", NO_CAPACITY, True, True),
        ("Starting", "Starting the training job", True, True),
        ("Pending", FOR_CAPACITY, True, True),
        ("Interrupted", NO_CAPACITY, True, True),
        ("Pending", None, True, True),
        ("Interrupted", None, True, True),
        ("Starting", None, False, True),
        ("Restarting", None, False, True),
        ("Starting", PREPARING, False, True),
        ("Starting", "Launched instance was unhealthy, replacing it!", False, True),
        ("Starting", "Reticulating splines", False, False),
        ("Interrupted", "Spot instances interrupted", True, True),
        ("Interrupted", PREPARING, False, True),
        ("Starting", "Insufficient capacity error from EC2 resolved, instances launched", False, False),
        ("Pending", "Training job waiting for capacity of your training plan", False, False),
        ("Training", NO_CAPACITY, False, True),
        ("Training", "Reticulating splines", False, True),
        ("Reticulating", NO_CAPACITY, False, True),
    ],
)
def test_only_known_words_say_that_a_job_waits(status: str, message: str | None, *, waits: bool, known: bool) -> None:
    """The words are those of public logs; two of these are the local account's own, which no real job has shown.

    Of an interrupted job the instances were taken away: its name says so, and no public log shows its words.
    """
    job = state(secondary_status=status, status_message=message, last_modified=at(7200))
    assert is_waiting(job, history(f"{status}=0"), now=at(7200)) is waits
    assert unknown_message(job) == (None if known else message)


@pytest.mark.parametrize("status", ["Stopping", "Stopped", "Reticulating"])
def test_a_job_that_is_not_in_progress_does_not_wait(status: str) -> None:
    known = state(status=status, secondary_status="Starting", status_message=NO_CAPACITY)
    assert not is_waiting(known, history("Starting=0"), now=at(7200))
    assert unknown_message(replace(known, status_message="Reticulating splines")) is None


@pytest.mark.parametrize(
    ("known", "minutes", "waits"),
    [
        ({}, 30, False),
        ({}, 30.1, True),
        ({"training_started": at(250)}, 90, False),
        ({"training_time": timedelta(0)}, 90, False),
        ({"secondary_status": "Downloading"}, 90, False),
    ],
    ids=str,
)
def test_a_job_preparing_for_over_half_an_hour_is_waiting(
    known: dict[str, Any], minutes: float, *, waits: bool
) -> None:
    """Since its last change: LastModifiedTime moves with the message, in every public log."""
    plain: dict[str, Any] = {"secondary_status": "Starting", "status_message": PREPARING, "last_modified": at(7200)}
    job = state(**(plain | known))
    assert is_waiting(job, history("Starting=0"), now=at(7200) + timedelta(minutes=minutes)) is waits


@pytest.mark.parametrize(
    ("script", "known", "waits"),
    [
        ("Starting=0 Training=300 Interrupted=7000 Starting=7100", {"training_started": at(300)}, True),
        ("Starting=0 Training=300 Interrupted=7000 Starting=7100", {"training_time": timedelta(hours=1)}, True),
        ("Interrupted=7000 Starting=7100", {"training_time": timedelta(hours=1)}, True),
        ("Starting=0 Training=300 Interrupted=7000 Starting=7100", {"training_started": at(7150)}, False),
        ("Starting=7100", {"training_started": at(7150)}, False),
        ("Starting=7100", {"training_time": timedelta(hours=1)}, False),
        ("", {"training_started": at(300)}, False),
    ],
)
def test_instances_of_an_earlier_wait_are_no_sign_of_instances_now(
    script: str, known: dict[str, Any], *, waits: bool
) -> None:
    """TrainingStartTime and TrainingTimeInSeconds remain after an interruption."""
    job = state(secondary_status="Starting", status_message=PREPARING, last_modified=at(7200), **known)
    assert is_waiting(job, history(script), now=at(7200) + timedelta(hours=1)) is waits
    assert not is_waiting(job, history(script), now=at(7200) + timedelta(minutes=30))


def intent(since: float = 0, decided: float = 7200) -> StopIntent:
    return StopIntent(job=job_id(), waiting_since=at(since), decided_at=at(decided), reason="waited too long")


@pytest.mark.parametrize(
    ("script", "stop_intent", "who"),
    [
        ("Starting=0 Stopping=7201 Stopped=7202", intent(), StoppedBy.RESPOT),
        ("Starting=0 Stopped=7202", intent(), StoppedBy.RESPOT),
        ("Starting=0 Stopping=7560 Stopped=9000", intent(), StoppedBy.RESPOT),
        ("Starting=0 Stopping=6840 Stopped=9000", intent(), StoppedBy.RESPOT),
        ("Starting=0 Stopping=7560.001 Stopped=9000", intent(), StoppedBy.USER),
        ("Starting=0 Stopping=6839.999 Stopped=9000", intent(), StoppedBy.USER),
        ("Starting=0 Stopping=7201 Stopped=7202", None, StoppedBy.USER),
        ("Starting=0 Stopping=7201 Stopped=7202", replace(intent(), withdrawn="waits no longer"), StoppedBy.USER),
        ("Starting=0 Stopping=7201 Stopped=7202", replace(intent(), refused_at=at(7200)), StoppedBy.UNCLEAR),
        ("Starting=0 Stopping=7560.001 Stopped=9000", replace(intent(), refused_at=at(7200)), StoppedBy.USER),
        ("Starting=0 Downloading=7201 Stopping=7202 Stopped=7203", intent(), StoppedBy.UNCLEAR),
        ("Starting=0 Reticulating=7201 Stopping=7202 Stopped=7203", intent(), StoppedBy.UNCLEAR),
        ("Starting=0 Downloading=7201 Training=7300 Stopping=90000 Stopped=90001", intent(), StoppedBy.USER),
        ("Starting=0 Training=100 Interrupted=200 Stopping=7201 Stopped=7202", intent(200), StoppedBy.RESPOT),
        ("Starting=0 Training=100 Interrupted=7100 Stopping=7300 Stopped=7301", intent(0, 7201), StoppedBy.UNCLEAR),
        ("Starting=0 Stopping=7201 MaxWaitTimeExceeded=7202", intent(), StoppedBy.USER),
        ("Starting=0 Stopping=7201", intent(), StoppedBy.USER),
        ("Starting=0 Stopping=7201 Stopped=7202 Deleting=99999", intent(), StoppedBy.RESPOT),
    ],
)
def test_a_stop_is_respots_if_its_intent_and_its_wait_match(
    script: str, stop_intent: StopIntent | None, who: StoppedBy
) -> None:
    assert stopped_by(stop_intent, history(script)) is who


def test_the_moment_of_a_stop_is_known_once_the_job_has_ended_as_stopped() -> None:
    lives = ("Starting=0 Stopping=10 Stopped=20", "Starting=0 Stopped=20", "Starting=0 Stopping=10", "")
    assert [stop_of(history(life)) for life in lives] == [at(10), at(20), None, None]


@pytest.mark.parametrize(
    ("before", "may"),
    [
        pytest.param(None, True, id="there was none"),
        pytest.param(replace(intent(decided=7199), withdrawn="x"), True, id="it was withdrawn"),
        pytest.param(intent(decided=6839.999), True, id="its stop would have shown"),
        pytest.param(intent(decided=6840), False, id="its stop may be on its way"),
        pytest.param(intent(decided=7300), False, id="it is newer and stands"),
    ],
)
def test_a_note_is_withdrawn_unless_another_one_may_explain_respots_stop(
    before: StopIntent | None, *, may: bool
) -> None:
    assert may_withdraw(intent(), before) is may
