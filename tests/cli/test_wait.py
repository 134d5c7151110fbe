"""`respot wait` follows a run through its attempts."""

from datetime import timedelta
from typing import Final

import pytest

from respot.errors import LedgerUnavailableError
from respot.recovery.planning.decision import Action
from respot.runs.run_state import RunAttempt, situation_of
from respot_cli.found_runs import EVERY
from respot_cli.main import parser
from respot_cli.wait.command import follow, to_document
from tests.runs.test_run_state import attempt
from tests.support.builders import CREATED
from tests.support.clock import FakeClock
from tests.support.records import decision_record, outcome_of

ENDED: Final = attempt("MaxWaitTimeExceeded", "Stopped", decision_record(Action.RESUBMIT))
RESUBMITTED: Final = attempt("MaxWaitTimeExceeded", "Stopped", decision_record(Action.RESUBMIT), outcome_of())
SECOND: Final = attempt("Training", number=2)
COMPLETED: Final = attempt("Completed", "Completed", number=2)


class Life:
    """What the ledger shows, one look after the other; the last one remains."""

    def __init__(self, *looks: tuple[RunAttempt, ...] | LedgerUnavailableError) -> None:
        self.looks, self.clock, self.said = [*looks], FakeClock(CREATED), list[str]()

    def follow(self, timeout: timedelta | None = None) -> tuple[RunAttempt, ...]:
        return follow(
            self.look,
            timeout=timeout,
            now=self.clock,
            sleep=lambda seconds: self.clock.pass_by(timedelta(seconds=seconds)),
            report=self.said.append,
        )

    def look(self) -> tuple[RunAttempt, ...]:
        seen = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(seen, LedgerUnavailableError):
            raise seen
        return seen


def test_it_follows_a_run_to_its_end_and_not_to_its_first_jobs() -> None:
    life = Life(
        (attempt("Starting"),), (ENDED,), (RESUBMITTED, SECOND), (RESUBMITTED, SECOND), (RESUBMITTED, COMPLETED)
    )
    assert life.follow() == (RESUBMITTED, COMPLETED)
    assert life.clock() == CREATED + 4 * EVERY
    words = [line.partition(" UTC: ")[2].partition(":")[0] for line in life.said]
    assert words == ["waiting", "recovering", "running", "completed"]


def test_a_run_that_expires_meanwhile_is_not_waited_for() -> None:
    life = Life((SECOND,), ())
    assert life.follow() == ()


def test_a_ledger_that_does_not_answer_for_a_while_ends_no_wait() -> None:
    life = Life((SECOND,), *[LedgerUnavailableError("no answer")] * 100, (COMPLETED,))
    assert life.follow() == (COMPLETED,)
    assert [line.count("trying again") for line in life.said] == [0, 1, 0]


@pytest.mark.parametrize("before", [0, 1])
def test_one_that_never_answers_ends_it(before: int) -> None:
    life = Life(*[(SECOND,)] * before, LedgerUnavailableError("no answer"))
    with pytest.raises(LedgerUnavailableError):
        life.follow()
    assert life.clock() == CREATED + before * timedelta(minutes=10)


@pytest.mark.parametrize("seconds", [0, 7, 60])
def test_it_waits_no_longer_than_its_timeout(seconds: int) -> None:
    life = Life((SECOND,))
    assert life.follow(timedelta(seconds=seconds)) == (SECOND,)
    assert life.clock() == CREATED + timedelta(seconds=seconds)


def test_the_document_names_each_attempt_and_the_model() -> None:
    attempts = (RESUBMITTED, COMPLETED)
    document = to_document(attempts, situation_of(attempts), "s3://bucket/model.tar.gz")
    assert (document["state"], document["model"]) == ("completed", "s3://bucket/model.tar.gz")
    assert [(each["attempt"], each["job"]) for each in document["attempts"]] == [(1, "spot-job"), (2, "spot-job-r2")]


@pytest.mark.parametrize("words", ["", "8", "soon", "99999999999999 d"])
def test_a_timeout_that_is_no_span_is_wrong_usage(words: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(["wait", "spot-job", "--timeout", words])
