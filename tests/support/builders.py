"""Builders: each fills what a test is not about: the test shows what it is about."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from respot.alerting.alert import Alert
from respot.alerting.digest.digest import CapacityPool, Digest, DigestEntry, DigestWindow
from respot.alerting.kinds import KIND_BY_STATUS, AlertKind
from respot.jobs.job import JobId, JobSnapshot, JobState, Market, Transition
from respot.jobs.lifecycle import figures, is_terminal
from respot.jobs.ports import Clock
from respot.queueing import QueueMessage, RetrySchedule
from respot.recording.drill import Drill
from tests.support.memory import MemoryDelayQueue

REGION: Final = "us-east-1"
ACCOUNT: Final = "111122223333"
NAME: Final = "spot-job"
CREATED: Final = datetime.fromisoformat("2026-09-16T09:00:00Z")
EVENTS: Final = Path(__file__).parent / "events"

PRIMARY: Final = {
    "Completed": "Completed",
    "Failed": "Failed",
    "Stopping": "Stopping",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "Stopped",
    "MaxWaitTimeExceeded": "Stopped",
    "MaxPendingTimeExceeded": "Stopped",
}
"""SecondaryStatus to TrainingJobStatus; InProgress where none is named."""

WAITS: Final = {
    "Starting": "Insufficient capacity error from EC2 while launching instances, retrying!",
    "Pending": "Training job waiting for capacity",
}
"""StatusMessage of jobs that wait for capacity, from public logs."""


def at(seconds: float) -> datetime:
    """A moment that many seconds after the job's creation."""
    return CREATED + timedelta(seconds=seconds)


def arn_of(name: str = NAME, region: str = REGION) -> str:
    return f"arn:aws:sagemaker:{region}:{ACCOUNT}:training-job/{name}"


def job_id(name: str = NAME, *, created: datetime = CREATED, region: str = REGION) -> JobId:
    return JobId(region=region, name=name, created=created)


def transition(status: str, seconds: float = 0, *, provisional: bool = False) -> Transition:
    return Transition(status=status, started=at(seconds), provisional=provisional)


def history(script: str) -> tuple[Transition, ...]:
    """Transitions from words: `history("Starting=0 Downloading=250 Training=390.111")`, seconds after the creation."""
    transitions = (word.split("=") for word in script.split())
    return tuple(transition(status, float(seconds)) for status, seconds in transitions)


def state(job: JobId | None = None, **others: Any) -> JobState:  # noqa: ANN401
    """A spot job in training; name what the test is about."""
    job = job or job_id()
    plain = JobState(
        job=job,
        arn=arn_of(job.name, job.region),
        status="InProgress",
        secondary_status="Training",
        last_modified=at(390),
        market=Market.SPOT,
        instance_type="ml.g5.2xlarge",
        instance_count=1,
        max_runtime=timedelta(hours=4),
        max_wait=timedelta(hours=6),
        checkpoint_uri=f"s3://ml-bucket/checkpoints/{job.name}/",
        described=True,
    )
    return replace(plain, **others)


def snapshot(script: str = "Starting=0 Downloading=250 Training=390", **others: Any) -> JobSnapshot:  # noqa: ANN401
    """What Describe answers while the job is in the script's last transition."""
    transitions = history(script)
    last = transitions[-1]
    known: dict[str, Any] = {
        "status": PRIMARY.get(last.status, "InProgress"),
        "secondary_status": last.status,
        "last_modified": last.started,
        "status_message": WAITS.get(last.status),
    }
    return JobSnapshot(state=state(**(known | others)), history=transitions)


def a_drill(status: str = "Interrupted", **others: Any) -> Drill:  # noqa: ANN401
    plain = Drill(id="0123456789ab", status=status, region=REGION, account=ACCOUNT, sent_at=CREATED)
    return replace(plain, **others)


def reported(status: str, seconds: float, **others: Any) -> JobSnapshot:  # noqa: ANN401
    """What an event with its own transition reports."""
    seen = snapshot(f"{status}={seconds}", **({"market": None, "checkpoint_uri": None, "described": None} | others))
    return replace(seen, history=tuple(replace(transition, provisional=True) for transition in seen.history))


def alert_on(status: str = "Interrupted", seconds: float = 3720, *, earlier: int = 0, **others: Any) -> Alert:  # noqa: ANN401
    """An alert on a job that had trained for 3330 s."""
    primary = PRIMARY.get(status, "InProgress")
    each = replace(transition(status, seconds), ended_as=primary if is_terminal(primary) else None)
    known: dict[str, Any] = {
        "status": primary,
        "secondary_status": status,
        "last_modified": each.started,
        "training_started": at(250),
    }
    life = (*history("Starting=0 Downloading=250 Training=390"), each)
    return Alert(
        kind=KIND_BY_STATUS.get(status, AlertKind.ENDED),
        transition=each,
        state=state(**(known | others)),
        figures=figures(life),
        transitions=life,
        earlier_interruptions=earlier,
    )


def window_of(
    kind: AlertKind = AlertKind.INTERRUPTED,
    seconds: float = 3720,
    *,
    instance_type: str | None = "ml.g5.2xlarge",
    region: str = REGION,
    opener: str = "",
) -> DigestWindow:
    """A window of three minutes."""
    pool = CapacityPool(kind=kind, region=region, instance_type=instance_type)
    return DigestWindow(pool=pool, opened=at(seconds), closes=at(seconds + 180), opener=opener)


def member_of(number: int, seconds: float, *, said: str = "") -> DigestEntry:
    """An alert of the job with this number."""
    job = job_id(f"job-{number}")
    return DigestEntry(
        job=job,
        arn=arn_of(job.name),
        started=at(seconds),
        alert=f"alert-{number}-{seconds}",
        headline=f"{job.name} was interrupted (1st time)",
        description=said,
    )


def digest_of(count: int = 3, *, again: int = 0, said: Sequence[str] = (), **window: Any) -> Digest:  # noqa: ANN401
    """A digest of these jobs, interrupted a second apart, some of them `again`; they say `said`, in turns."""
    opened = window_of(**window)
    numbers = [*range(1, count + 1), *range(1, again + 1)]
    return Digest(
        window=opened,
        entries=tuple(
            member_of(number, 3720 + position, said=said[(position - 1) % len(said)] if said else "")
            for position, number in enumerate(numbers, start=1)
        ),
    )


def alert_of(kind: AlertKind, **others: Any) -> Alert:  # noqa: ANN401
    """An alert of any kind that is about a job: of what Respot did, with a summary."""
    by_status = {of: status for status, of in KIND_BY_STATUS.items()} | {AlertKind.ENDED: "MaxPendingTimeExceeded"}
    if kind in by_status:
        return replace(alert_on(by_status[kind]), **others)
    known: dict[str, Any] = {"advice": ("an advice",)} if kind is AlertKind.ADVICE else {"summary": "a summary"}
    return replace(alert_on("MaxWaitTimeExceeded"), kind=kind, **(known | others))


def event(status: str = "Training", seconds: float = 390, *, job: JobId | None = None, **detail: Any) -> dict[str, Any]:  # noqa: ANN401
    """A training job event; `detail` adds or replaces members of its detail."""
    job = job or job_id()
    known: dict[str, Any] = {
        "TrainingJobName": job.name,
        "TrainingJobArn": arn_of(job.name, job.region),
        "TrainingJobStatus": PRIMARY.get(status, "InProgress"),
        "SecondaryStatus": status,
        "CreationTime": milliseconds(job.created),
        "LastModifiedTime": milliseconds(at(seconds)),
        "SecondaryStatusTransitions": [
            {"Status": status, "StartTime": milliseconds(at(seconds)), "StatusMessage": f"words on {status}"}
        ],
        "Tags": {},
    }
    return {
        "version": "0",
        "id": f"event-{job.name}-{status}-{seconds}",
        "detail-type": "SageMaker Training Job State Change",
        "source": "aws.sagemaker",
        "account": ACCOUNT,
        "time": f"{at(seconds):%Y-%m-%dT%H:%M:%SZ}",
        "region": job.region,
        "resources": [arn_of(job.name, job.region)],
        "detail": known | detail,
    }


def message(event: object, identifier: str = "message") -> QueueMessage:
    """The SQS message that carries an event."""
    body = event if isinstance(event, str) else json.dumps(event)
    return QueueMessage(id=identifier, receipt_handle=f"receipt-{identifier}", body=body, receive_count=1, sent=CREATED)


def messages(*events: object) -> tuple[QueueMessage, ...]:
    """Messages m1, m2 …"""
    return tuple(message(event, f"m{number}") for number, event in enumerate(events, start=1))


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def payload(name: str) -> dict[str, Any]:
    """One of the recorded events or Describe answers in tests/support/events."""
    read: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    return read


def payload_names(pattern: str) -> list[str]:
    return sorted(path.stem for path in EVENTS.glob(f"{pattern}.json"))


def description(transitions: Iterable[Transition], **others: Any) -> dict[str, Any]:  # noqa: ANN401
    """What boto3's describe_training_job returns of a spot job with these transitions."""
    listed = tuple(transitions)
    last = listed[-1]
    status = PRIMARY.get(last.status, "InProgress")
    ends = [transition.started for transition in listed[1:]]
    entries: list[dict[str, Any]] = [
        {"Status": transition.status, "StartTime": transition.started, "StatusMessage": f"words on {transition.status}"}
        for transition in listed
    ]
    for entry, end in zip(entries, ends, strict=False):
        entry["EndTime"] = end
    if is_terminal(status):
        entries[-1]["EndTime"] = last.started
    launched = next((transition.started for transition in listed if transition.status == "Downloading"), None)
    known: dict[str, Any] = {
        "TrainingJobName": NAME,
        "TrainingJobArn": arn_of(),
        "ModelArtifacts": {"S3ModelArtifacts": "s3://ml-bucket/output/model.tar.gz"},
        "TrainingJobStatus": status,
        "SecondaryStatus": last.status,
        "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100},
        "StoppingCondition": {"MaxRuntimeInSeconds": 14400, "MaxWaitTimeInSeconds": 21600},
        "CreationTime": CREATED,
        "LastModifiedTime": last.started,
        "SecondaryStatusTransitions": entries,
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": f"s3://ml-bucket/checkpoints/{NAME}/", "LocalPath": "/opt/ml/checkpoints"},
    }
    if launched:
        known["TrainingStartTime"] = launched
    return {name: value for name, value in (known | others).items() if value is not None}


def retry_schedule(
    queue: MemoryDelayQueue | None = None, *, first: float = 5, longest: float = 900, clock: Clock | None = None
) -> RetrySchedule:
    """Delays in seconds, on a queue that remembers them; without a clock every message is very old."""
    return RetrySchedule(
        queue=queue or MemoryDelayQueue(),
        first=timedelta(seconds=first),
        longest=timedelta(seconds=longest),
        clock=clock or (lambda: datetime.max.replace(tzinfo=UTC)),
    )
