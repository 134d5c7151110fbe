"""`respot logs` shows the lines of all attempts as one stream, each once, whatever they contain."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final, cast
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, TokenRetrievalError
from hypothesis import given, settings
from hypothesis import strategies as st

from respot.errors import LedgerUnavailableError
from respot.jobs.job import JobId, Transition
from respot.recovery.planning.decision import Action
from respot.runs.run_state import RunAttempt
from respot_cli import found_runs
from respot_cli.errors import CommandError, ExitCode
from respot_cli.found_runs import EVERY, NamedRun, UnknownJobError
from respot_cli.logs import command
from respot_cli.logs.attempt_log import LATE, AttemptLog, in_order
from respot_cli.logs.lines import LogLine, to_json, to_text, visible
from respot_cli.logs.reading import GIVES_UP_AFTER, QUIET, Reading
from respot_cli.main import main, parser
from tests.support.builders import CREATED, REGION, at, job_id, state
from tests.support.clock import FakeClock
from tests.support.cloudwatch_logs import MemoryLogs, refusal
from tests.support.example_run import NEXT, NOW, ROOT, example
from tests.support.records import decision_record, outcome_of

ZERO: Final = round(CREATED.timestamp())
FIRST: Final = f"spot-job/algo-1-{ZERO + 300}"
SECOND: Final = f"spot-job-r2/algo-1-{ZERO + 700}"


def ms(seconds: float) -> int:
    """That long after the creation of the first job."""
    return round((ZERO + seconds) * 1000)


def log_of(logs: MemoryLogs, job: JobId | None = None, **others: Any) -> AttemptLog:  # noqa: ANN401
    known: dict[str, Any] = {"number": 1, "job": job or job_id()}
    return AttemptLog(cast("Any", logs), **(known | others))


def messages(log: AttemptLog, logs: MemoryLogs) -> list[str]:
    return [line.message for line in in_order([log], now=logs.clock())]


@pytest.fixture
def logs() -> MemoryLogs:
    return MemoryLogs(clock=FakeClock(at(3600)))


def clock_of(logs: MemoryLogs) -> FakeClock:
    assert isinstance(logs.clock, FakeClock)
    return logs.clock


# --- a line


TQDM: Final = (
    "#015  0%|          | 0/250 [00:00<?, ?it/s]"
    "#015 61%|██████    | 153/250 [00:10<00:06, 15.20it/s, epoch=2/250, avg_epoch_loss=21.7]"
    "#015100%|██████████| 250/250 [00:16<00:00, 15.24it/s, epoch=2/250, avg_epoch_loss=20.7]"
)
"""https://github.com/awslabs/gluonts/pull/810: how the log of a SageMaker job shows a progress bar."""
KERAS: Final = (
    f"#015    8192/11490434 [..............................] - ETA: 0s{'#010' * 56}"
    f"#01511493376/11490434 [==============================] - 0s 0us/step"
)
"""A download by Keras, in the log of a SageMaker job that AWS's examples show."""


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (TQDM, "100%|██████████| 250/250 [00:16<00:00, 15.24it/s, epoch=2/250, avg_epoch_loss=20.7]"),
        (KERAS, "11493376/11490434 [==============================] - 0s 0us/step"),
        ("\r 10%|#  |\r 20%|## |\r", " 20%|## |"),
        ("1/2 - loss: 0.5\x08\x08\x08\x08\x08\x08 2/2 - loss: 0.4", " 2/2 - loss: 0.4"),
        ("Windows\r\n", "Windows"),
        ("see #015, (#015) and #010 #010", "see #015, (#015) and #010 #010"),
        ("\x1b[31mred\x1b[0m and #033[1;34mblue#033[0m", "red and blue"),
        ("\x1b[2J\x1b]0;title\x07gone", r"\x1b[2J\x1b]0;title\x07gone"),
        ("a\nb\r\nc\n", r"a\nb\nc"),
        ("a\u2028b\x85c\x0bd\x9be", r"a\u2028b\x85c\x0bd\x9be"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("col\tumn  \xa0end", "col\tumn   end"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("Größe: 5 µm 日本", "Größe: 5 µm 日本"),
        ("", ""),
        ("\r\r", ""),
    ],
)
def test_a_message_is_one_line_that_a_terminal_may_have(message: str, shown: str) -> None:
    assert visible(message) == shown


@given(st.text())
def test_no_message_controls_the_terminal(message: str) -> None:
    line = LogLine(milliseconds=ms(0), attempt=1, job="spot-job", stream=f"spot-job/{message}", message=message)
    for text in (to_text(line, with_host=True), to_json(line)):
        assert text.replace("\t", "").isprintable()


@given(st.text())
def test_json_has_the_message_as_it_is_in_ascii(message: str) -> None:
    line = LogLine(milliseconds=ms(1.5), attempt=2, job="spot-job-r2", stream=SECOND, message=message)
    text = to_json(line)
    assert text.isascii()
    assert json.loads(text) == {
        "time": "2026-09-16T09:00:01.500Z",
        "attempt": 2,
        "job": "spot-job-r2",
        "stream": SECOND,
        "message": message,
    }


def test_a_line_has_its_time_attempt_and_host() -> None:
    line = LogLine(milliseconds=ms(1.5), attempt=2, job="spot-job-r2", stream=SECOND, message="epoch 3\n")
    assert to_text(line, with_host=False) == "2026-09-16 09:00:01Z #2  epoch 3"
    assert to_text(line, with_host=True) == "2026-09-16 09:00:01Z #2 algo-1  epoch 3"


# --- the log of one attempt


def test_another_jobs_log_is_not_read_although_its_name_begins_alike(logs: MemoryLogs) -> None:
    for stream in (FIRST, SECOND, "spot-job-2/algo-1-1", "spot-job2/algo-1-1", "a/spot-job/algo-1-1"):
        logs.put(stream, ms(800), stream)
    assert messages(log_of(logs), logs) == [FIRST]
    assert logs.calls[0]["logStreamNamePrefix"] == "spot-job/"


def test_another_job_of_the_same_name_is_not_read(logs: MemoryLogs) -> None:
    logs.put(f"spot-job/algo-1-{ZERO - 500}", ms(-400), "an older job's")
    logs.put(f"spot-job/algo-1-{ZERO - 500}", ms(10), "an older job's, by a clock that is ahead")
    logs.put(FIRST, ms(400), "this job's")
    logs.put("spot-job/algo-1", ms(410), "this job's, of a stream without a time")
    logs.put(f"spot-job/algo-1-{ZERO + 2100}", ms(2000), "a newer job's")
    read = messages(log_of(logs, until=at(2000)), logs)
    assert read == ["this job's", "this job's, of a stream without a time"]


def test_lines_before_since_are_not_read(logs: MemoryLogs) -> None:
    for seconds in (-300, 300, 400, 500):
        logs.put(FIRST, ms(seconds), str(seconds))
    assert messages(log_of(logs, since=at(400)), logs) == ["400", "500"]
    assert messages(log_of(logs, since=at(-99999)), logs) == ["300", "400", "500"]


def test_nothing_was_logged_in_this_account_yet(aws: None) -> None:  # noqa: ARG001 - the answer is moto's
    client = boto3.client("logs")
    log = AttemptLog(client, number=1, job=job_id())
    assert list(in_order([log], now=at(0))) == []


@pytest.mark.parametrize("page", [1, 2, 3, 7])
def test_all_pages_are_read_in_the_order_of_time(logs: MemoryLogs, page: int) -> None:
    """A page may be empty although more follow (API reference of FilterLogEvents)."""
    logs.page = page
    for host in (1, 2):
        logs.put(f"spot-job/algo-{host}-{ZERO + 300}", ms(400), f"{host}a", f"{host}b")
        logs.put(f"spot-job/algo-{host}-{ZERO + 300}", ms(400 + host), f"{host}c")
    log = log_of(logs)
    assert messages(log, logs) == ["1a", "1b", "2a", "2b", "1c", "2c"]
    assert messages(log, logs) == []


def test_a_page_is_asked_for_when_the_one_before_has_been_taken(logs: MemoryLogs) -> None:
    logs.page = 2
    logs.put(FIRST, ms(400), *map(str, range(1000)))
    lines = in_order([log_of(logs)], now=at(3600))
    assert [next(lines).message for _ in range(2)] == ["0", "1"]
    assert len(logs.calls) == 1


def test_a_later_attempt_is_asked_for_when_the_lines_before_it_have_been_taken(logs: MemoryLogs) -> None:
    logs.put(FIRST, ms(400), "first")
    logs.put(SECOND, ms(800), "second")
    logs.put(FIRST, ms(900), "first, late")
    second = log_of(logs, job_id("spot-job-r2", created=at(700)), number=2)
    lines = in_order([log_of(logs), second], now=at(3600))
    assert next(lines).message == "first"
    assert len(logs.calls) == 1
    assert [(line.attempt, line.message) for line in lines] == [(2, "second"), (1, "first, late")]


def test_a_line_that_comes_late_is_read_at_the_next_reading(logs: MemoryLogs) -> None:
    clock, log = clock_of(logs), log_of(logs)
    logs.put(FIRST, ms(3590), "in time")
    logs.put(FIRST, ms(3500), "late", ingested=ms(3601))
    logs.put(FIRST, ms(3590), "late, at the same time", ingested=ms(3601))
    assert messages(log, logs) == ["in time"]
    clock.pass_by(EVERY)
    assert messages(log, logs) == ["late", "late, at the same time"]


def test_a_host_whose_clock_is_ahead_hides_no_line_of_others(logs: MemoryLogs) -> None:
    clock, log = clock_of(logs), log_of(logs)
    logs.put(f"spot-job/algo-2-{ZERO}", ms(3600 + 3000), "ahead", ingested=ms(3590))
    assert messages(log, logs) == ["ahead"]
    clock.pass_by(EVERY)
    logs.put(FIRST, ms(3601), "right")
    assert messages(log, logs) == ["right"]


def test_a_reading_that_failed_is_resumed_without_loss_or_repetition(logs: MemoryLogs) -> None:
    logs.page, log = 2, log_of(logs)
    logs.put(FIRST, ms(400), *map(str, range(5)))
    logs.refuse = lambda call: refusal("ThrottlingException") if call == 3 else None
    lines = in_order([log], now=logs.clock())
    assert [next(lines).message for _ in range(2)] == ["0", "1"]
    with pytest.raises(ClientError, match="ThrottlingException"):
        next(lines)
    assert messages(log, logs) == ["2", "3", "4"]


def test_a_line_that_was_not_taken_is_given_again(logs: MemoryLogs) -> None:
    """A merge has a line of each log in hand when another log cannot be read."""
    first, second = log_of(logs), log_of(logs, job_id("spot-job-r2", created=at(700)), number=2)
    logs.put(FIRST, ms(900), "of the first")
    logs.put(SECOND, ms(800), "of the second")
    logs.refuse = lambda call: refusal("ThrottlingException") if call == 2 else None
    with pytest.raises(ClientError, match="ThrottlingException"):
        list(in_order([first, second], now=logs.clock()))
    assert [line.message for line in in_order([first, second], now=logs.clock())] == ["of the second", "of the first"]


def test_what_is_remembered_does_not_grow_with_the_log(logs: MemoryLogs) -> None:
    clock, log = clock_of(logs), log_of(logs)
    for minute in range(60):
        logs.put(FIRST, ms(60 * minute), *map(str, range(10)))
    clock.moment = at(3600)
    assert len(messages(log, logs)) == 600
    assert log.remembered <= 10 * (LATE // timedelta(minutes=1) + 1)
    logs.calls.clear()
    assert messages(log, logs) == []
    assert logs.calls[0]["startTime"] == ms(59 * 60) - LATE // timedelta(milliseconds=1)


# --- following


def attempt(number: int, status: str, seconds: float, decision: bool = False) -> RunAttempt:  # noqa: FBT001, FBT002
    """An attempt that has had this status for so long; `decision`: to resubmit it, with success."""
    name = "spot-job" if number == 1 else f"spot-job-r{number}"
    primary = {"Completed": "Completed", "Failed": "Failed", "MaxWaitTimeExceeded": "Stopped"}.get(status, "InProgress")
    job = job_id(name, created=at(700 * (number - 1)))
    return RunAttempt(
        number=number,
        state=state(job, status=primary, secondary_status=status, last_modified=at(seconds)),
        name=name,
        decision=decision_record(Action.RESUBMIT, job=job) if decision else None,
        outcome=outcome_of(job=job) if decision else None,
    )


RUNS: Final = attempt(1, "Training", 300)
LEFT: Final = attempt(1, "MaxWaitTimeExceeded", 600, decision=True)
GONE: Final = attempt(1, "Failed", 600)
NAMELESS: Final = RunAttempt(number=2, state=None, name="spot-job-r2", decision=None, outcome=None)


@dataclass(slots=True, kw_only=True)
class Life:
    """A run as the ledger shows it: from each of these seconds on, these attempts."""

    looks: dict[float, tuple[RunAttempt, ...]]
    clock: FakeClock = field(default_factory=lambda: FakeClock(at(590)))
    attempt: int | None = None
    page: int = 10_000
    said: list[str] = field(default_factory=list)
    lines: list[tuple[int, str]] = field(default_factory=list)
    logs: MemoryLogs = field(init=False)

    def __post_init__(self) -> None:
        self.logs = MemoryLogs(clock=self.clock, page=self.page)

    def load(self) -> tuple[RunAttempt, ...]:
        return next(shown for since, shown in reversed(self.looks.items()) if self.clock() >= at(since))

    def reading(self) -> Reading:
        return Reading(
            load=self.load,
            open_log=lambda state, number: log_of(self.logs, state.job, number=number),
            write=lambda line, _: self.lines.append((line.attempt, line.message)),
            report=self.said.append,
            attempt=self.attempt,
        )

    def follow(self) -> tuple[RunAttempt, ...]:
        return self.reading().follow(
            now=self.clock, sleep=lambda seconds: self.clock.pass_by(timedelta(seconds=seconds))
        )


def test_it_follows_a_run_through_its_attempts_to_the_end() -> None:
    second, done = attempt(2, "Training", 800), attempt(2, "Completed", 900)
    life = Life(looks={0: (RUNS,), 600: (LEFT,), 690: (LEFT, NAMELESS), 710: (LEFT, second), 901: (LEFT, done)})
    life.logs.put(FIRST, ms(400), "one")
    life.logs.put(FIRST, ms(599), "two, late", ingested=ms(640))
    life.logs.put(SECOND, ms(800), "three")
    life.logs.put(SECOND, ms(899), "four, late", ingested=ms(909))
    assert life.follow() == (LEFT, done)
    assert life.lines == [(1, "one"), (1, "two, late"), (2, "three"), (2, "four, late")]
    words = [line.partition(" UTC: ")[2].partition(":")[0] for line in life.said]
    assert words == ["running", "recovering", "recovering", "running", "completed"]
    assert at(909) + QUIET <= life.clock() <= at(909) + QUIET + 2 * EVERY


@pytest.mark.parametrize("log_goes_on", [False, True])
def test_it_ends_soon_after_the_end_even_if_somebody_still_logs(log_goes_on: bool) -> None:  # noqa: FBT001
    life = Life(looks={0: (RUNS,), 600: (attempt(1, "Completed", 600),)})
    for seconds in range(600, 3600) if log_goes_on else ():
        life.logs.put(FIRST, ms(seconds), "more")
    life.follow()
    assert life.clock() <= at(600) + (LATE if log_goes_on else QUIET) + 2 * EVERY


def test_a_run_that_ended_long_ago_is_read_once() -> None:
    done = attempt(1, "Completed", 300)
    life = Life(looks={0: (done,)})
    life.logs.put(FIRST, ms(290), "all")
    assert life.follow() == (done,)
    assert (life.lines, life.clock(), len(life.logs.calls)) == ([(1, "all")], at(590), 1)


@pytest.mark.parametrize("ahead", [-200, 200])
def test_a_wrong_clock_of_this_computer_costs_no_line(ahead: int) -> None:
    """SageMaker's time of the end says nothing about how long ago that was."""
    end = 600 - ahead
    life = Life(looks={0: (RUNS,), 600: (attempt(1, "Completed", end),)})
    life.logs.put(FIRST, ms(400), "in time")
    life.logs.put(FIRST, ms(end - 1), "the last one", ingested=ms(608))
    life.follow()
    assert [message for _, message in life.lines] == ["in time", "the last one"]
    assert life.clock() <= at(608) + QUIET + 2 * EVERY


def test_an_attempt_is_not_read_any_more_when_its_log_is_complete() -> None:
    second, done = attempt(2, "Training", 800), attempt(2, "Completed", 1500)
    life = Life(looks={0: (RUNS,), 600: (LEFT, second), 1501: (LEFT, done)})
    life.follow()
    read = [call["logStreamNamePrefix"] for call in life.logs.calls]
    assert read.count("spot-job/") <= (LATE / EVERY) + 4 < read.count("spot-job-r2/")


def test_one_attempt_alone_is_followed_to_its_own_end() -> None:
    second = attempt(2, "Training", 800)
    life = Life(looks={0: (RUNS,), 600: (LEFT,), 710: (LEFT, second)}, attempt=1)
    life.logs.put(FIRST, ms(400), "one")
    life.logs.put(SECOND, ms(500), "two")
    assert life.follow() == (LEFT,)
    assert life.lines == [(1, "one")]
    assert life.clock() < at(700)


def test_an_attempt_that_is_yet_to_come_is_waited_for() -> None:
    life = Life(looks={0: (RUNS,), 600: (LEFT,), 710: (LEFT, attempt(2, "Completed", 800))}, attempt=2)
    life.logs.put(FIRST, ms(400), "one")
    life.logs.put(SECOND, ms(720), "two")
    life.follow()
    assert life.lines == [(2, "two")]


def test_a_run_may_end_without_the_attempt_that_was_asked_for() -> None:
    life = Life(looks={0: (RUNS,), 600: (attempt(1, "Completed", 600),)}, attempt=2)
    life.follow()
    assert life.lines == []
    assert life.clock() <= at(605)


def test_a_run_that_has_expired_from_the_ledger_ends_it() -> None:
    assert Life(looks={0: (RUNS,), 600: ()}).follow() == ()


def outage(*, since: float, until: float, error: Exception, life: Life) -> None:
    life.logs.refuse = lambda _: error if at(since) <= life.clock() < at(until) else None


THROTTLED: Final = refusal("ThrottlingException", "Rate exceeded")
ASLEEP: Final = EndpointConnectionError(endpoint_url="https://logs.us-east-1.amazonaws.com/")


@pytest.mark.parametrize("error", [THROTTLED, ASLEEP, refusal("ServiceUnavailableException", status=503)])
def test_an_outage_is_said_once_and_costs_no_line(error: Exception) -> None:
    life = Life(looks={0: (RUNS,), 1200: (attempt(1, "Completed", 1200),)})
    for seconds in range(400, 1200, 10):
        life.logs.put(FIRST, ms(seconds), str(seconds))
    outage(since=600, until=600 + GIVES_UP_AFTER.total_seconds() - 10, error=error, life=life)
    life.follow()
    assert [message for _, message in life.lines] == [str(seconds) for seconds in range(400, 1200, 10)]
    assert [place for place, line in enumerate(life.said) if "trying again every 5 s" in line] == [1]


def test_the_ledgers_outage_is_survived_too() -> None:
    life = Life(looks={0: (RUNS,), 650: (attempt(1, "Completed", 650),)})
    reading, load = life.reading(), life.load
    unavailable = LedgerUnavailableError("Query: throttled")
    unavailable.__cause__ = THROTTLED

    def failing() -> tuple[RunAttempt, ...]:
        if at(600) <= life.clock() < at(620):
            raise unavailable
        return load()

    reading.load = failing
    reading.follow(now=life.clock, sleep=lambda seconds: life.clock.pass_by(timedelta(seconds=seconds)))
    assert life.clock() > at(650)


@pytest.mark.parametrize(
    ("error", "within"),
    [
        (THROTTLED, GIVES_UP_AFTER + EVERY),
        (refusal("AccessDeniedException"), timedelta()),
        (refusal("ExpiredTokenException"), timedelta()),
        (NoCredentialsError(), timedelta()),
        (TokenRetrievalError(provider="sso", error_msg="expired"), timedelta()),
    ],
)
def test_it_gives_up_on_a_definite_no_at_once_and_on_silence_after_a_while(error: Exception, within: timedelta) -> None:
    life = Life(looks={0: (RUNS,)}, clock=FakeClock(at(600)))
    outage(since=0, until=99999, error=error, life=life)
    with pytest.raises(type(error)):
        life.follow()
    assert at(600) + within - EVERY <= life.clock() <= at(600) + within


@settings(max_examples=200, deadline=None)
@given(
    events=st.lists(
        st.tuples(
            st.integers(1, 2),
            st.integers(310, 1990),
            st.integers(0, round(LATE.total_seconds()) - 6),
            st.integers(1, 3),
        ),
        max_size=60,
    ),
    page=st.integers(1, 9),
    ends=st.integers(700, 1900),
    failing=st.sets(st.integers(1, 300), max_size=60),
    began=st.integers(310, 2600),
)
def test_each_line_is_written_once_however_late_it_comes(
    events: Sequence[tuple[int, int, int, int]], page: int, ends: int, failing: set[int], began: int
) -> None:
    """Two attempts with up to three hosts, lines that come late by less than two minutes, small pages, lost calls."""
    left, done = attempt(1, "MaxWaitTimeExceeded", ends, decision=True), attempt(2, "Completed", 2000)
    life = Life(
        looks={0: (RUNS,), ends: (left, attempt(2, "Training", ends)), 2000: (left, done)},
        clock=FakeClock(at(began)),
        page=page,
    )
    expected = []
    for place, (number, seconds, late, host) in enumerate(events):
        # A log ends with its job, and the last lines come soon.
        last = min(seconds, ends if number == 1 else 1990)
        if number == 2 and last < 700:
            continue
        job = "spot-job" if number == 1 else "spot-job-r2"
        soon = min(late, 4) if last > 1990 - LATE.total_seconds() else late
        life.logs.put(f"{job}/algo-{host}-{ZERO + 700}", ms(last), str(place), ingested=ms(last + soon))
        expected.append((number, str(place)))
    life.logs.refuse = lambda call: THROTTLED if call in failing else None
    life.follow()
    assert sorted(life.lines) == sorted(expected)


# --- the command


@pytest.fixture
def example_logs(monkeypatch: pytest.MonkeyPatch) -> MemoryLogs:
    """The logs of the documentation's run, whose second attempt is training."""
    ledger, runs = example()
    logs = MemoryLogs(clock=FakeClock(NOW))
    absent = refusal("ValidationException", "Requested resource not found.")
    sagemaker = SimpleNamespace(describe_training_job=Mock(side_effect=absent))
    clients = {"logs": logs, "sagemaker": sagemaker}
    session = SimpleNamespace(client=lambda service, region_name, config: clients[service])  # noqa: ARG005 - as boto3 is called
    named = NamedRun(
        deployment=cast("Any", SimpleNamespace(session=session, regions=(REGION,))),
        ledger=cast("Any", ledger),
        runs=cast("Any", runs),
        job=job_id(ROOT),
        reference=ROOT,
    )
    monkeypatch.setattr(found_runs, "_finder", lambda *_: lambda _: named)
    monkeypatch.setattr(command, "_now", logs.clock)
    return logs


def fill(logs: MemoryLogs) -> None:
    logs.put(f"{ROOT}/algo-1-{ZERO + 390}", ms(400), "Training from the beginning\n")
    logs.put(f"{NEXT}/algo-1-{ZERO + 22330}", ms(22340), "Resuming from checkpoint-3000", "\r 1%|\r 2%|")
    logs.put(f"{NEXT}/algo-2-{ZERO + 22330}", ms(22341), "\x1b]0;owned\x07")


def test_the_lines_go_to_stdout_and_all_else_to_stderr(
    example_logs: MemoryLogs, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(example_logs)
    assert main(["logs", ROOT]) == ExitCode.DONE
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "2026-09-16 09:06:40Z #1  Training from the beginning",
        "2026-09-16 15:12:20Z #2  Resuming from checkpoint-3000",
        "2026-09-16 15:12:20Z #2   2%|",
        r"2026-09-16 15:12:21Z #2 algo-2  \x1b]0;owned\x07",
    ]
    assert err.splitlines()[:2] == [
        "Next",
        f"  respot logs {ROOT} --follow  the lines to come, until the run has ended",
    ]


def test_json_is_one_object_a_line_and_nothing_else(
    example_logs: MemoryLogs, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(example_logs)
    assert main(["logs", ROOT, "--json", "--attempt", "2", "--since", "2026-09-16T15:12:21Z"]) == ExitCode.DONE
    (line,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (line["attempt"], line["job"], line["message"]) == (2, NEXT, "\x1b]0;owned\x07")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), f"respot: nothing was logged yet: {NEXT} is in Training on spot ml.g5.2xlarge"),
        (("--since", "1 h"), "respot: no line was logged since then"),
    ],
)
def test_no_lines_are_explained(
    example_logs: MemoryLogs, capsys: pytest.CaptureFixture[str], words: Sequence[str], said: str
) -> None:
    assert main(["logs", ROOT, *words]) == ExitCode.DONE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == said
    assert len(example_logs.calls) == 2


def test_an_attempt_that_is_not_there_is_said_to_be(
    example_logs: MemoryLogs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logs", ROOT, "--attempt", "3"]) == ExitCode.NOT_FOUND
    assert "the run has no attempt 3: its last one is 2" in capsys.readouterr().err
    assert example_logs.calls == []


DENIED: Final = (
    "User: arn:aws:sts::111122223333:assumed-role/reader/me is not authorized to perform: logs:FilterLogEvents on "
    "resource: arn:aws:logs:us-east-1:111122223333:log-group:/aws/sagemaker/TrainingJobs:log-stream:"
)


@pytest.mark.parametrize("words", [DENIED, ""])
@pytest.mark.parametrize("follow", [(), ("--follow",)])
def test_a_missing_permission_is_named(
    example_logs: MemoryLogs, capsys: pytest.CaptureFixture[str], words: str, follow: Sequence[str]
) -> None:
    example_logs.refuse = lambda _: refusal("AccessDeniedException", words)
    assert main(["logs", ROOT, *follow]) == ExitCode.AWS_UNAVAILABLE
    said = capsys.readouterr().err.splitlines()[-1]
    assert "logs:FilterLogEvents" in said
    assert said.endswith("ask your administrator for this permission")


def test_a_second_job_of_that_name_ends_what_is_read_of_the_first(example_logs: MemoryLogs) -> None:
    named = cast("Any", SimpleNamespace(ledger=SimpleNamespace(find=lambda *_: (job_id(created=at(900)), job_id()))))
    named.deployment = SimpleNamespace(session=SimpleNamespace(client=lambda *_, **__: example_logs))
    example_logs.put(FIRST, ms(400), "mine")
    example_logs.put(f"spot-job/algo-1-{ZERO + 950}", ms(960), "another's")
    log = command.opener(named, None)(state(), 1)
    assert messages(log, example_logs) == ["mine"]


@pytest.mark.parametrize(
    ("end", "code", "next_command"),
    [("Completed", 0, f"respot wait {ROOT} --output model"), ("Failed", 1, f"respot why {ROOT}")],
)
def test_following_exits_with_0_only_if_the_run_completed(  # noqa: PLR0917 - what it needs
    example_logs: MemoryLogs,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    end: str,
    code: int,
    next_command: str,
) -> None:
    job = job_id(ROOT)
    last = RunAttempt(
        number=1,
        state=state(job, status=end, secondary_status=end, last_modified=at(1)),
        name=ROOT,
        decision=decision_record(Action.REFUSE, job=job, notify=True),
        outcome=None,
    )
    monkeypatch.setattr(NamedRun, "attempts", lambda _: (last,))
    assert main(["logs", ROOT, "--follow"]) == code
    assert next_command in capsys.readouterr().err
    assert main(["logs", ROOT]) == 0
    assert len(example_logs.calls) == 2


@pytest.mark.parametrize(("end", "code"), [("Completed", 0), ("Failed", 1)])
def test_an_attempt_that_was_deleted_keeps_its_end(
    example_logs: MemoryLogs, monkeypatch: pytest.MonkeyPatch, end: str, code: int
) -> None:
    assert example_logs.calls == []
    gone = state(job_id(ROOT), status="Deleting", secondary_status="Deleting", last_modified=at(1))
    ended = Transition(status=end, started=at(0), provisional=False, ended_as=end)
    first = RunAttempt(number=1, state=gone, name=ROOT, decision=None, outcome=None, transitions=(ended,))
    monkeypatch.setattr(NamedRun, "attempts", lambda _: (first, attempt(2, "Training", 800)))
    assert main(["logs", ROOT, "--follow", "--attempt", "1"]) == code


def test_what_the_ledger_lacks_is_said(
    example_logs: MemoryLogs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = RunAttempt(number=1, state=None, name=ROOT, decision=None, outcome=None)
    monkeypatch.setattr(NamedRun, "attempts", lambda _: (lost, attempt(2, "Training", 800)))
    assert main(["logs", ROOT]) == ExitCode.INCOMPLETE
    assert f"the log of attempt 1 is not shown: the ledger does not know {ROOT}" in capsys.readouterr().err
    assert len(example_logs.calls) == 1


def test_ctrl_c_ends_it_with_130(example_logs: MemoryLogs, capsys: pytest.CaptureFixture[str]) -> None:
    fill(example_logs)
    example_logs.refuse = lambda call: cast("Any", KeyboardInterrupt()) if call == 2 else None
    assert main(["logs", ROOT, "--follow"]) == ExitCode.INTERRUPTED
    out, err = capsys.readouterr()
    assert out.splitlines() == ["2026-09-16 09:06:40Z #1  Training from the beginning"]
    assert err.endswith("respot: interrupted\n")


@pytest.mark.parametrize(("appears", "code"), [(9, ExitCode.DONE), (11, ExitCode.NOT_FOUND)])
def test_following_waits_for_a_job_that_was_just_created(
    example_logs: MemoryLogs,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    appears: int,
    code: ExitCode,
) -> None:
    clock, named = clock_of(example_logs), found_runs.find_run(Mock())

    def find(*_: object) -> NamedRun:
        if clock() < NOW + timedelta(minutes=appears):
            message = f"the ledger has no job {ROOT}"
            raise UnknownJobError(message)
        return named

    done = attempt(1, "Completed", 600)
    monkeypatch.setattr(found_runs, "_finder", lambda *_: find)
    monkeypatch.setattr(NamedRun, "attempts", lambda _: (done,))
    monkeypatch.setattr("time.sleep", lambda seconds: clock.pass_by(timedelta(seconds=seconds)))
    monkeypatch.setattr("time.monotonic", lambda: clock().timestamp())
    assert main(["logs", ROOT, "--follow"]) == code
    assert capsys.readouterr().err.startswith(f"respot: the ledger has no job {ROOT}; waiting for it\n")
    clock.moment = NOW
    assert main(["logs", ROOT]) == ExitCode.NOT_FOUND
    assert clock() == NOW


@pytest.mark.parametrize(
    "words",
    [
        ("--attempt", "0"),
        ("--attempt", "-1"),
        ("--attempt", "x"),
        ("--since", "soon"),
        ("--since", "9999999999999 d"),
        ("--since", "999999 d"),
    ],
)
def test_wrong_usage_is_refused(words: Sequence[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(["logs", "spot-job", *words])


@pytest.mark.parametrize(
    ("words", "moment"),
    [("30 min", at(1800)), ("2026-09-16T09:10", at(600)), ("2026-09-16T11:10+02:00", at(600))],
)
def test_since_is_a_span_or_a_time(monkeypatch: pytest.MonkeyPatch, words: str, moment: object) -> None:
    monkeypatch.setattr(command, "_now", lambda: at(3600))
    assert parser().parse_args(["logs", "spot-job", "--since", words]).since == moment


def test_a_run_that_expires_meanwhile_is_not_there(
    example_logs: MemoryLogs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(NamedRun, "attempts", lambda _: ())
    assert main(["logs", ROOT]) == ExitCode.NOT_FOUND
    assert "ledger_retention_days" in capsys.readouterr().err
    assert example_logs.calls == []


def test_a_ledger_that_cannot_be_read_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object) -> NamedRun:
        message = "Query: no"
        raise LedgerUnavailableError(message) from refusal("AccessDeniedException")

    monkeypatch.setattr(found_runs, "find_run", unavailable)
    with pytest.raises(CommandError, match="the ledger could not be read: Query: no; ask your administrator"):
        command.run(parser().parse_args(["logs", "spot-job"]))
