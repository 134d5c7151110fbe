"""The cases that each client is run through, and what each must show."""

import io
import json
import subprocess
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

from local import PROJECT
from local.demo.deployed import DeployedAccount
from local.demo.scenarios import RESUMED, differences, is_settled
from local.demo.verification import JobOutcome, observe_run, trained, unequal
from local.sagemaker.runner import LOG_GROUP

FATE: Final = RESUMED.lifecycle
"""What happens to jobs without a tag: the account is started with it."""

_SETTLED_SECONDS: Final = 60.0


EXAMPLES: Final = PROJECT / "examples"
_SCRIPTS: Final = Path(__file__).with_name("scripts")
_SECONDS: Final = 240.0


class Seen(NamedTuple):
    """What was seen in a case; `differences` is empty if all of it was as demanded."""

    text: str
    differences: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client in an environment of its own, which talks to the local account and nothing else.

    `programs` is the directory of its environment's programs, `settings` a configuration file for the SageMaker SDKs.
    """

    name: str
    programs: Path
    at: DeployedAccount
    settings: Path

    def run(self, program: str, *arguments: str, code: int = 0) -> tuple[str, list[str]]:
        """Run a program with the variables that `make local` prints; gives its output, and whether its code differs."""
        variables = {
            **self.at.account.process_environment(),
            **self.at.ground.environment(),
            # The SDKs report their use to AWS otherwise, under the account's number.
            "SAGEMAKER_USER_CONFIG_OVERRIDE": str(self.settings),
        }
        ended = subprocess.run(
            [self.programs / program, *arguments],
            env=variables,
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=_SECONDS,
        )
        output, ended_as = ended.stdout.decode(errors="replace"), ended.returncode
        wrong = [f"exit code {ended_as} instead of {code}: {output[-600:]}"] if ended_as != code else []
        return output, wrong

    def script(self, name: str, *arguments: str, code: int = 0) -> tuple[str, list[str]]:
        """Run one of the scripts that show what the examples do not."""
        return self.run("python", str(_SCRIPTS / name), *arguments, code=code)

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - what the command printed
        """What a command of the AWS CLI answers."""
        output, _ = self.run("aws", *arguments, "--output", "json")
        try:
            return json.loads(output)
        except ValueError:
            return output


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
        return [f"{expected.name}: the run was not settled within {_SETTLED_SECONDS:.0f} s: {len(run)} attempts"], run
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
    deadline = time.monotonic() + _SETTLED_SECONDS
    while time.monotonic() < deadline:
        if is_true():
            return True
        time.sleep(0.5)
    return is_true()


Inspection = Callable[[Client, JobOutcome], list[str]]


def _example(script: str, prefix: str, *words: str, inspect: Inspection = lambda *_: []) -> Callable[[Client], Seen]:
    """An example whose job must be resumed, and which prints these words; its first job is inspected further."""

    def resumes(client: Client) -> Seen:
        output, found = client.run("python", str(EXAMPLES / script))
        differences, run = resumed(client.at, prefix)
        found += differences + holds("the output", output, words)
        if run:
            found += inspect(client, run[0])
            # v2 prints the lines of all streams, since it asks for their list every time; v3 asks for it until there is
            # one, and never sees those of later starts.
            streams = lines(client.at, run[0].name)
            printed = {"sdk-v2": streams, "sdk-v3": streams[:1]}.get(client.name, [])
            found += holds("the output", output, [line for stream in printed for line in stream])
        return Seen(_history(run), found)

    return resumes


def _boto3_calls(client: Client) -> Seen:
    name, ground = f"paged-{uuid4().hex[:8]}", client.at.ground
    request = ground.request("", lifecycle="Starting=1 Training=3")
    del request["TrainingJobName"]
    output, found = client.script("boto3_client.py", name, json.dumps(request))
    if found:
        return Seen("", found)
    wanted = {
        "listed": [f"{name}-{number}" for number in range(5)],
        "taken": "ResourceInUse",
        "missing": "An error occurred (ValidationException) when calling the DescribeTrainingJob operation: "
        "Requested resource not found.",
        "stopped": "Stopped",
        "failed": "AlgorithmError",
        "tags": ["local:lifecycle"],
    }
    return Seen("5 jobs in 3 pages, errors, waiters", unequal("answers", wanted, json.loads(output)))


def _v2_source(client: Client, first: JobOutcome) -> list[str]:
    return archive_differences(client.at, json.loads(first.described["HyperParameters"]["sagemaker_submit_directory"]))


def _v3_source(client: Client, first: JobOutcome) -> list[str]:
    inputs = first.described["InputDataConfig"]
    channels = {each["ChannelName"]: each["DataSource"]["S3DataSource"]["S3Uri"] for each in inputs}
    bucket, _, key = channels["code"].removeprefix("s3://").partition("/")
    objects = client.at.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]
    return unequal("files of the source", [f"{key.rstrip('/')}/train.py"], [each["Key"] for each in objects])


def _completes(script: str) -> Callable[[Client], Seen]:
    def completes(client: Client) -> Seen:
        prefix = f"quiet-{client.name}-{uuid4().hex[:6]}"
        output, found = client.script(script, prefix, "interrupted-once")
        found += holds("the output", output, ["Completed s3://", "/output/model.tar.gz"])
        names = client.at.job_names(prefix)
        found += unequal("jobs", 1, len(names))
        printed = [line for name in names for stream in lines(client.at, name) for line in stream]
        found += [f"the output has the log line {line!r}" for line in printed if line in output]
        return Seen("interrupted, completed, not a line of its logs", found)

    return completes


def _fails(script: str, reason: str, *words: str) -> Callable[[Client], Seen]:
    def fails(client: Client) -> Seen:
        prefix = f"failing-{client.name}-{uuid4().hex[:6]}"
        output, found = client.script(script, prefix, f"Starting=0.1 Training=0.2 Failed={reason}", code=1)
        return Seen(words[0], found + holds("the output", output, words))

    return fails


def _cli_job(client: Client) -> Seen:
    at, name = client.at, f"cli-job-{int(time.time())}"
    request = at.ground.request(name, tags={"respot:resume": "on"})
    source = f"s3://{at.ground.bucket}/{name}/source/"
    chosen = ("--training-job-name", name)
    _, found = client.run("aws", "s3", "cp", str(EXAMPLES / "source"), source, "--recursive", "--sse", "aws:kms")
    _, wrong = client.run("aws", "sagemaker", "create-training-job", "--cli-input-json", json.dumps(request))
    differences, run = resumed(at, name)
    # Its waiter asks every two minutes, the first time at once.
    _, waited = client.run("aws", "sagemaker", "wait", "training-job-completed-or-stopped", *chosen)
    found += wrong + differences + waited
    query = "SecondaryStatusTransitions[].Status"
    described = client.json("sagemaker", "describe-training-job", *chosen, "--query", query)
    found += unequal(
        "history", [transition.status for transition in run[0].record.transitions] if run else [], described
    )
    listing = ("list-training-jobs", "--name-contains", name, "--page-size", "1", "--sort-by", "Name")
    query = "TrainingJobSummaries[].TrainingJobName"
    listed = client.json("sagemaker", *listing, "--sort-order", "Ascending", "--query", query)
    found += unequal("list", [name, f"{name}-r2"], listed)
    group = ("--log-group-name", LOG_GROUP, "--log-stream-name-prefix", f"{name}/")
    printed = client.json("logs", "filter-log-events", *group, "--query", "events[].message")
    found += unequal("log", [line for stream in lines(at, name) for line in stream], printed)
    return Seen(_history(run), found)


def _cli_errors(client: Client) -> Seen:
    at, name = client.at, f"cli-ended-{uuid4().hex[:8]}"
    at.ground.create(name, lifecycle="Starting=0.1 Training=0.1")
    sagemaker = at.client("sagemaker")
    eventually(lambda: sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Completed")
    output, found = client.run("aws", "sagemaker", "stop-training-job", "--training-job-name", name, code=255)
    found += holds("the output", output, ["ValidationException"])
    # Without the option it asks AWS itself: it has an address of its own for SQS, above the environment's.
    queue = ("--endpoint-url", at.account.endpoint, "--queue-url", at.outputs["RecoveryDlqUrl"])
    names = ("--attribute-names", "ApproximateNumberOfMessages")
    attributes = client.json("sqs", "get-queue-attributes", *queue, *names)
    found += unequal("queue", {"Attributes": {"ApproximateNumberOfMessages": "0"}}, attributes)
    return Seen("an ended job is not stopped; SQS with --endpoint-url", found)


def _history(run: Sequence[JobOutcome]) -> str:
    return " / ".join(
        f"{sum(transition.status == 'Interrupted' for transition in each.record.transitions)} interruptions, "
        f"{each.described['SecondaryStatus']}"
        for each in run
    )


CASES: Final[Mapping[str, Mapping[str, Callable[[Client], Seen]]]] = {
    "boto3": {
        "examples/boto3_job.py": _example("boto3_job.py", "boto3-job-", "MaxWaitTimeExceeded"),
        "pages, errors, waiters": _boto3_calls,
    },
    "cli": {"source, job, wait, list, logs": _cli_job, "errors, SQS": _cli_errors},
    "sdk-v2": {
        "examples/sagemaker_v2.py": _example(
            *("sagemaker_v2.py", "sdk-v2-job-", "MaxWaitTimeExceeded", "Managed Spot Training savings"),
            inspect=_v2_source,
        ),
        "wait without logs": _completes("sdk_v2.py"),
        "its script fails": _fails("sdk_v2.py", "AlgorithmError", "UnexpectedStatusException", "ExitCode 1"),
        "no capacity": _fails("sdk_v2.py", "CapacityError", "exceptions.CapacityError"),
    },
    "sdk-v3": {
        "examples/sagemaker_v3.py": _example("sagemaker_v3.py", "sdk-v3-job-", "Stopped", inspect=_v3_source),
        "wait without logs": _completes("sdk_v3.py"),
        "its script fails": _fails("sdk_v3.py", "AlgorithmError", "FailedStatusError", "ExitCode 1"),
    },
}
