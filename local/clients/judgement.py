"""Whether a client's job was interrupted, recorded and resumed, by SageMaker, the ledger and the checkpoints."""

import io
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from local.demo.deployed import DeployedAccount
from local.demo.scenarios import RESUMED, differences, is_settled
from local.demo.verification import JobOutcome, observe_run, trained, unequal
from local.sagemaker.runner import LOG_GROUP

FATE: Final = RESUMED.lifecycle
"""What happens to jobs without a tag: the account is started with it."""

_SECONDS: Final = 60.0


def holds(what: str, text: str, parts: Sequence[str]) -> list[str]:
    """The parts that a text should have, and has not."""
    return [f"{what} lacks {part!r}" for part in parts if part not in text]


def resumed(at: DeployedAccount, prefix: str) -> tuple[list[str], Sequence[JobOutcome]]:
    """Judge a job with this prefix that asked Respot to resume it and met `FATE`: differences, and its attempts."""
    names = at.job_names(prefix)
    if not names:
        return [f"SageMaker has no job {prefix}*"], ()
    expected = replace(RESUMED, name=names[0])
    run: Sequence[JobOutcome] = ()

    def settled() -> bool:
        nonlocal run
        run = observe_run(at, expected.name)
        return is_settled(expected, run)

    if not eventually(settled):
        return [f"{expected.name}: the run was not settled within {_SECONDS:.0f} s: {len(run)} attempts"], run
    checkpoints = trained(at, urlsplit(run[0].described["CheckpointConfig"]["S3Uri"]).path.lstrip("/"))
    trainers = unequal("jobs that trained", {*expected.names}, {each.job for each in checkpoints})
    return differences(at, expected, run) + trainers, run


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
        *unequal("encryption of the source", "aws:kms", answer.get("ServerSideEncryption")),
        *holds("key of the source", str(answer.get("SSEKMSKeyId")), ["arn:aws:kms:us-east-1:"]),
        *unequal("files of the source", ["train.py"], names),
    ]


def eventually(is_true: Callable[[], bool]) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        if is_true():
            return True
        time.sleep(0.5)
    return is_true()
