"""Respot in a local account, without one of its permissions.

All is as deployed, but a minute passes in a second: sweeps, first retries, visibility timeouts and the alarms' periods
are shortened alike. What the functions log and emit is judged by the alarms that stand in the account.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from local.demo.deployed import DeployedAccount, deployed_account
from local.demo.verification import receive_alerts
from local.permissions.expected import ALERT, LOG
from local.proof.alarms import Sample, fires
from respot.jobs.formatting import iso
from respot.recording.drill import DETAIL_TYPE, SOURCE
from respot.settings import ALERT_LEASE_SECONDS, FIRST_RETRY_SECONDS

SPEED: Final = 60
"""A minute passes in a second."""
LATEST: Final = timedelta(minutes=45)
"""From the first refused call to the alarm. By the alarms' own arithmetic it is 30 minutes, which tests/infra checks on
an exact clock. Here each second that a busy machine loses is a minute, and a sweep that is late costs five."""
_INTERVAL: Final = 300 / SPEED
_PHASE: Final = 0.6 * _INTERVAL
"""When in an alarm's period a sweep begins: not at its edge."""
_NAMED_SECONDS: Final = 90.0
"""In which a function must have tried what it may not: cold starts on a busy machine are in it."""
_INACTIVE: Final = timedelta(minutes=15)
"""SQS takes up to that long to measure a queue that was not used."""
_CACHED: Final = ("dynamodb:DescribeTable", "ssm:GetParameter", "secretsmanager:GetSecretValue")
"""What a process reads once, or once in minutes: it is used again by a new process."""
_POLICY: Final = {"version": 1, "defaults": {"back_off": {"capacity": {"first": "0 s", "longest": "0 s"}}}}
_WAITS: Final = "Starting=3600"
_RESUMED: Final = "Starting=0.1 Stopping=0.1 MaxWaitTimeExceeded / Starting=0.1 Downloading=0.1 Training=0.2"
_RESUME: Final = {"respot:resume": "on"}
_GIVEN_UP: Final = {**_RESUME, "respot:ladder": "spot:3 on-demand:1", "respot:give-up-waiting-after": "2 s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of one removal: whether something named the permission, and how long after that the alarm fired."""

    function: str
    action: str
    expected: str
    is_named: bool
    after: timedelta | None

    @property
    def is_loud(self) -> bool:
        """Whether what was expected happened."""
        return self.is_named and self.after is not None


@dataclass(slots=True)
class Stage:
    """The account, its alarms, and what the functions have logged since a moment."""

    at: DeployedAccount
    functions: Mapping[str, Mapping[str, Any]]
    alarms: Mapping[str, Mapping[str, Any]]
    crashes: list[Sample] = field(default_factory=list)
    waiting: dict[str, list[Sample]] = field(default_factory=dict)
    still: threading.Lock = field(default_factory=threading.Lock)
    """Held while a sweep runs: a sweep that is killed keeps its lease for minutes."""

    def remove(self, function: str, action: str) -> Callable[[], None]:
        """Take a permission from a function's role, in every statement; gives what restores it."""
        iam, role = self.at.client("iam"), self.functions[function]["Role"].rpartition("/")[2]
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        before = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        kept = [
            {**each, "Action": [one for one in _list(each["Action"]) if one != action]} for each in before["Statement"]
        ]
        after = {**before, "Statement": [each for each in kept if each["Action"]]}

        def put(document: object) -> None:
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

        put(after)
        return lambda: put(before)

    def restart(self, function: str, **variables: str) -> None:
        """Give a function new processes."""
        functions, name = self.at.client("lambda"), self.functions[function]["FunctionName"]
        present = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        changed = {**present, "PROOF_ROUND": secrets.token_hex(4), **variables}
        with self.still:
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": changed})

    def lines(self, function: str, since: datetime) -> list[tuple[datetime, str]]:
        """What a function has logged, by the proof's clock."""
        group, start = self.functions[function]["LoggingConfig"]["LogGroup"], int(since.timestamp() / SPEED * 1000)
        pages = self.at.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=group, startTime=start)
        return [(_moment(each["timestamp"] / 1000), each["message"]) for page in found for each in page["events"]]

    def samples(self, alarm: Mapping[str, Any], since: datetime) -> list[Sample]:
        """What CloudWatch has of an alarm's metric."""
        metric, of = alarm["MetricName"], alarm["Dimensions"][0]["Value"]
        mine = [
            name
            for name, each in self.functions.items()
            if of in (each["FunctionName"], each["LoggingConfig"]["LogGroup"])
        ]
        if metric == "Errors":
            return [each for each in self.crashes if each.at >= since]
        if metric == "ApproximateNumberOfMessagesVisible":
            return self.waiting.get(of, [])
        if metric == "IncomingLogEvents":
            return [Sample(at, 1) for name in mine for at, _ in self.lines(name, since)]
        logged = [
            (at, json.loads(line))
            for name in mine or self.functions
            for at, line in self.lines(name, since)
            if line.startswith("{")
        ]
        if metric == "IteratorAge":  # of an item that is delivered again and again: the time since it failed first
            failed = [
                (at, line.get("item") or line["job"])
                for at, line in sorted(logged, key=lambda each: each[0])
                if line.get("message") in ("alert_failed", "enqueue_failed") and line.get("item", "job#")[0] != "{"
            ]
            first = {item: at for at, item in reversed(failed)}
            return [Sample(at, (at - first[item]) / timedelta(milliseconds=1)) for at, item in failed]
        return [
            Sample(at, value * (SPEED if metric.endswith("Age") else 1))
            for at, line in logged
            for value in line.get(metric, ())
        ]

    def dead_letters(self) -> None:
        """Measure the dead-letter queues as SQS does."""
        for output, url in self.at.outputs.items():
            seen = self.waiting.setdefault(url.rpartition("/")[2], [])
            if output.endswith("DlqUrl") and (depth := self.at.queue_depth(url)):
                # Without a value until the queue counts as active.
                seen.append(Sample(max(_now(), seen[0].at if seen else _now() + _INACTIVE), depth))

    def purge(self) -> None:
        """Forget what failed, and wait until nothing comes back: the next removal begins with empty queues."""
        for output, url in self.at.outputs.items():
            if output.endswith(("QueueUrl", "DlqUrl")):
                self.at.client("sqs").purge_queue(QueueUrl=url)
        self.waiting.clear()
        # What a function holds comes back, as old as it is, and would be taken for this removal's.
        urls = [url for output, url in self.at.outputs.items() if output.endswith("QueueUrl")]
        _until(lambda: not any(self.at.queue_depth(url) for url in urls), _NAMED_SECONDS)

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """Sweep every five minutes, as the schedule does."""
        done = threading.Event()

        def sweep() -> None:
            while not done.wait(_INTERVAL - (time.time() - _PHASE) % _INTERVAL):
                with self.still:
                    try:
                        self.at.sweep()
                    except RuntimeError:  # the function's error
                        self.crashes.append(Sample(_now(), 1))

        thread = threading.Thread(target=sweep, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def use(self, function: str, action: str) -> None:
        """Have Respot do what needs the permission."""
        name = f"p-{secrets.token_hex(5)}"
        if (function, action) == ("Slack", "dynamodb:PutItem"):
            drill = {"id": secrets.token_hex(6), "kind": "interrupted", "sent_at": iso(datetime.now(UTC))}
            entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps(drill)}
            self.at.client("events").put_events(Entries=[entry])
        elif function in ("Record", "Recover") and action.startswith("sqs:"):
            url = self.at.outputs["ObservationsQueueUrl" if function == "Record" else "RecoveryQueueUrl"]
            self.at.client("sqs").send_message(QueueUrl=url, MessageBody="nonsense")
        elif (function, action) in {("Slack", "sqs:ChangeMessageVisibility"), ("Slack", "sqs:SendMessage")}:
            self.at.slack.refuse(*((5, 503) if action == "sqs:ChangeMessageVisibility" else (10_000, 400)))
            self.at.ground.create(name, lifecycle=_RESUMED)
        elif action == "sagemaker:StopTrainingJob":
            self.at.ground.create(name, lifecycle=f"{_WAITS} / {_WAITS}", tags=_GIVEN_UP)
        elif function != "Sweep":
            for number in range(4):  # enough for a digest
                self.at.ground.create(f"{name}-{number}", lifecycle=_RESUMED, tags=_RESUME)

    def play(self, function: str, action: str, expected: str) -> Found:
        """Remove one permission, use it, and wait for what is expected; then give it back."""
        alarm = {} if expected in (ALERT, LOG) else self.alarms[expected]
        history = _now() - timedelta(hours=1) if alarm.get("TreatMissingData") == "breaching" else None
        # An alarm on silence fires until it has seen something.
        calm = history is None or _until(lambda: not self._fires(alarm, history), _NAMED_SECONDS)
        receive_alerts(self.at)  # those of before
        give_back, since = self.remove(function, action), _now()
        named, after = list[datetime](), None

        def is_named() -> bool:
            named.extend(self._named(function, action, expected, since))
            return bool(named)

        try:
            if action in _CACHED:
                self.restart(function)
            self.use(function, action)
            if _until(is_named, _NAMED_SECONDS):
                first = min(named)
                seconds = (first + LATEST - _now()).total_seconds() / SPEED
                if not alarm:
                    after = timedelta()
                elif calm and _until(lambda: self._fires(alarm, history or since), seconds):
                    after = _now() - first
        finally:
            give_back()
            self.at.slack.accept()
            self.purge()
        return Found(function=function, action=action, expected=expected, is_named=bool(named), after=after)

    def _named(self, function: str, action: str, expected: str, since: datetime) -> list[datetime]:
        """When the function's log, or an alert, named the permission."""
        alerts = [(_now(), json.dumps(each)) for each in receive_alerts(self.at)] if expected == ALERT else None
        texts = self.lines(function, since) if alerts is None else alerts
        return [at for at, text in texts if action.lower() in text.lower()]

    def _fires(self, alarm: Mapping[str, Any], since: datetime) -> bool:
        self.dead_letters()
        return fires(alarm, self.samples(alarm, since), now=_now())


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (true := holds()) and time.monotonic() < deadline:
        time.sleep(0.3)
    return true


def _moment(seconds: float) -> datetime:
    """A moment of this machine by the proof's clock, in a far future."""
    return datetime.fromtimestamp(seconds * SPEED, UTC)


def _now() -> datetime:
    return _moment(time.time())


def _list(value: str | Sequence[str]) -> list[str]:
    return [value] if isinstance(value, str) else [*value]


@contextmanager
def stage() -> Iterator[Stage]:
    """Respot, deployed, warm, and sixty times as fast."""
    with deployed_account(context={"respot:digest_seconds": "3"}) as at:
        sqs = at.client("sqs")
        for output, url in at.outputs.items():
            if output.endswith("QueueUrl"):
                held = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
                held["VisibilityTimeout"] = str(int(held["VisibilityTimeout"]) // SPEED)
                sqs.set_queue_attributes(QueueUrl=url, Attributes=held)
        at.client("ssm").put_parameter(
            Name=at.outputs["PolicyParameterName"], Value=json.dumps(_POLICY), Type="String", Overwrite=True
        )
        functions = {
            "".join(word.title() for word in each["Handler"].split(".")[-2].split("_")): each
            for each in at.client("lambda").list_functions()["Functions"]
            if each["Handler"].startswith("respot.handlers.")
        }
        found = at.client("cloudwatch").describe_alarms()["MetricAlarms"]
        # Respot-AlarmsSweepAge22194F31-BB6247: CloudFormation adds eight digits to the name in the template.
        alarms = {each["AlarmName"].split("-")[1].removeprefix("Alarms")[:-8]: each for each in found}
        made = Stage(at=at, functions=functions, alarms=alarms)
        # 30 s, 5 s and 5 s, as deployed; a second is the least that SQS hides a message for.
        made.restart("Slack", **{FIRST_RETRY_SECONDS: "0.5"})
        made.restart("Record", **{FIRST_RETRY_SECONDS: "0.1"})
        made.restart("Recover", **{FIRST_RETRY_SECONDS: "1"})
        made.restart("Alert", **{ALERT_LEASE_SECONDS: "5"})
        at.ground.create("waits", lifecycle=_WAITS)
        with made.sweeping():
            for _ in range(2):  # everything has run once, also a job's second attempt
                made.use("Record", "")
                time.sleep(4 * _INTERVAL)
            yield made
