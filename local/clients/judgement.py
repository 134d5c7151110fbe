"""Whether a client's job was interrupted, recorded and resumed: what SageMaker, the ledger and the checkpoints say."""

import io
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from local.deployed import DeployedAccount
from local.sagemaker.container import LOG_GROUP
from local.verification import (
    AttemptOutcome,
    observe_run,
    run_differences,
    trained,
    training_differences,
)

FATE: Final = "interrupted-twice-max-wait / uninterrupted"
"""What happens to jobs without a tag: the account is started with it."""

_ENDS: Final = ["MaxWaitTimeExceeded", "Completed"]
_SECONDS: Final = 60.0


@dataclass(slots=True)
class Seen:
    """What was seen in a case; `differences` is empty if all of it was as demanded."""

    text: str
    differences: list[str]


def demand(what: str, wanted: object, got: object) -> list[str]:
    """The difference between what is demanded and what was found."""
    return [] if wanted == got else [f"{what}: {wanted!r} was demanded, {got!r} was found"]


def holds(what: str, text: str, parts: Sequence[str]) -> list[str]:
    """The parts that a text should have, and has not."""
    return [f"{what} lacks {part!r}" for part in parts if part not in text]


def jobs(at: DeployedAccount, prefix: str) -> list[str]:
    """SageMaker's list of jobs whose names begin so."""
    pages = at.client("sagemaker").get_paginator("list_training_jobs").paginate(NameContains=prefix)
    names = (job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"])
    return sorted(name for name in names if name.startswith(prefix))


def resumed(at: DeployedAccount, prefix: str) -> tuple[list[str], Sequence[AttemptOutcome]]:
    """Judge a job with this prefix that asked Respot to resume it and met `FATE`: differences, and its attempts."""
    names = jobs(at, prefix)
    if not names:
        return [f"SageMaker has no job {prefix}*"], ()
    root = names[0]
    run: Sequence[AttemptOutcome] = ()

    def settled() -> bool:
        nonlocal run
        run = observe_run(at, root)
        return len(run) == len(_ENDS) and all(each.is_settled for each in run)

    if not eventually(settled):
        return [f"{root}: the run was not settled within {_SECONDS:.0f} s: {len(run)} attempts"], run
    uri = urlsplit(run[0].described["CheckpointConfig"]["S3Uri"])
    checkpoints = trained(at, uri.path.lstrip("/"))
    return [
        *demand("SageMaker's list", [root, f"{root}-r2"], jobs(at, prefix)),
        *demand("ends", _ENDS, [each.described["SecondaryStatus"] for each in run]),
        *run_differences(run),
        *training_differences(checkpoints),
        *demand("jobs that trained", {root, f"{root}-r2"}, {each.job for each in checkpoints}),
    ], run


def lines(at: DeployedAccount, job: str) -> list[list[str]]:
    """What a job printed, one list for each of its log streams."""
    logs = at.client("logs")
    streams = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")["logStreams"]
    names = [stream["logStreamName"] for stream in streams]
    answers = [logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=each, startFromHead=True) for each in names]
    return [[event["message"] for event in answer["events"]] for answer in answers]


def archive_differences(at: DeployedAccount, uri: str) -> list[str]:
    """Whether a source archive was uploaded, encrypted with a KMS key, with the script in it."""
    parts = urlsplit(uri)
    answer = at.client("s3").get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))
    with tarfile.open(fileobj=io.BytesIO(answer["Body"].read())) as archive:
        names = archive.getnames()
    return [
        *demand("encryption of the source", "aws:kms", answer.get("ServerSideEncryption")),
        *holds("key of the source", str(answer.get("SSEKMSKeyId")), ["arn:aws:kms:us-east-1:"]),
        *demand("files of the source", ["train.py"], names),
    ]


def eventually(is_so: Callable[[], bool], *, seconds: float = _SECONDS) -> bool:
    """Whether it becomes so within that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.5)
    return is_so()
