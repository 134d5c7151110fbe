"""The cases that each client is run through, and what each must show."""

import io
import json
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

from local import PROJECT, run_program
from local.demo.deployed import DeployedAccount
from local.demo.scenarios import RESUMED, differences, is_settled
from local.demo.verification import JobOutcome, observe_run, trained, unequal
from local.sagemaker.runner import LOG_GROUP

FATE: Final = RESUMED.lifecycle
"""What happens to jobs without a tag: the account is started with it."""

_SETTLED_SECONDS: Final = 60.0
_OUT_OF_TIME: Final = "Starting=0.1 Downloading=0.1 Training=0.7 Interrupted=0.1 Stopping=0.1 MaxWaitTimeExceeded"
_THREE: Final = f"{_OUT_OF_TIME} / {_OUT_OF_TIME} / Starting=0.1 Training=0.3"
_FAILED: Final = "Starting=0.1 Training=0.2 Failed="

EXAMPLES: Final = PROJECT / "examples"
_SCRIPTS: Final = Path(__file__).with_name("scripts")
"""They show what the examples do not."""
_SECONDS: Final = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client in an environment of its own, which talks to the local account and nothing else.

    `programs` is the directory of its environment's programs, `settings` a configuration file for the SageMaker SDKs.
    `found` is what differs from what is demanded of it, and is empty if nothing does.
    """

    name: str
    programs: Path
    at: DeployedAccount
    settings: Path
    found: list[str] = field(default_factory=list)

    def run(self, program: str, *arguments: str, code: int = 0) -> str:
        """Run a program with the variables that `make local` prints, and demand this exit code; gives its output."""
        variables = {
            **self.at.account.process_environment(),
            **self.at.ground.environment(),
            # The SDKs report their use to AWS otherwise, under the account's number.
            "SAGEMAKER_USER_CONFIG_OVERRIDE": str(self.settings),
        }
        ended = run_program([self.programs / program, *arguments], env=variables, timeout=_SECONDS)
        if ended.returncode != code:
            self.found.append(f"exit code {ended.returncode} instead of {code}: {ended.stdout[-600:]}")
        return ended.stdout

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - what the command printed
        """What a command of the AWS CLI answers."""
        return json.loads(self.run("aws", *arguments, "--output", "json"))

    def demand(self, what: str, wanted: object, got: object) -> None:
        """Demand that the two are equal."""
        self.found.extend(unequal(what, wanted, got))

    def demand_words(self, output: str, words: Sequence[str]) -> None:
        """Demand that an output has these words or lines."""
        self.found.extend(f"the output lacks {each!r}" for each in words if each not in output)

    def resumed(self, prefix: str) -> Sequence[JobOutcome]:
        """The attempts of a job with this prefix. Demand that it asked Respot to resume it, and met `FATE`."""
        names = self.at.job_names(prefix)
        if not names:
            self.found.append(f"SageMaker has no job {prefix}*")
            return ()
        expected = replace(RESUMED, name=names[0])
        settled = eventually(lambda: is_settled(expected, observe_run(self.at, expected.name)))
        run = observe_run(self.at, expected.name)
        if settled:
            checkpoints = trained(self.at, urlsplit(run[0].described["CheckpointConfig"]["S3Uri"]).path.lstrip("/"))
            self.found.extend(differences(self.at, expected, run))
            self.demand("jobs that trained", {*expected.names}, {each.job for each in checkpoints})
        else:
            text = f"the run was not settled within {_SETTLED_SECONDS:.0f} s: {len(run)} attempts"
            self.found.append(f"{expected.name}: {text}")
        return run

    def log(self, job: str) -> list[list[str]]:
        """What a job printed, one list for each of its log streams."""
        logs = self.at.client("logs")
        streams = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")["logStreams"]
        answers = [
            logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=each["logStreamName"], startFromHead=True)
            for each in streams
        ]
        return [[event["message"] for event in answer["events"]] for answer in answers]


def eventually(is_true: Callable[[], bool]) -> bool:
    """Whether it becomes true in time."""
    deadline = time.monotonic() + _SETTLED_SECONDS
    while time.monotonic() < deadline:
        if is_true():
            return True
        time.sleep(0.5)
    return is_true()


Case = Callable[[Client], str]
"""Runs a client, and gives what was seen, in short."""


def _example(
    script: str, prefix: str, *words: str, inspect: Callable[[Client, JobOutcome], None] = lambda *_: None
) -> Case:
    """An example whose job must be resumed, and which prints these words; its first job is inspected further."""

    def resumes(client: Client) -> str:
        output = client.run("python", str(EXAMPLES / script))
        run = client.resumed(prefix)
        client.demand_words(output, words)
        if run:
            inspect(client, run[0])
            # v2 prints the lines of all streams, since it asks for their list every time; v3 asks for it until there is
            # one, and never sees those of later starts.
            streams = client.log(run[0].name)
            for stream in {"sdk-v2": streams, "sdk-v3": streams[:1]}.get(client.name, []):
                client.demand_words(output, stream)
        return _history(run)

    return resumes


def _boto3_calls(client: Client) -> str:
    request = client.at.ground.request("", lifecycle="Starting=1 Training=3")
    del request["TrainingJobName"]
    name = f"paged-{uuid4().hex[:8]}"
    output = client.run("python", f"{_SCRIPTS}/boto3_client.py", name, json.dumps(request))
    wanted = {
        "listed": [f"{name}-{number}" for number in range(5)],
        "taken": "ResourceInUse",
        "missing": "An error occurred (ValidationException) when calling the DescribeTrainingJob operation: "
        "Requested resource not found.",
        "stopped": "Stopped",
        "failed": "AlgorithmError",
        "tags": ["local:lifecycle"],
    }
    client.demand("answers", wanted, json.loads(output))
    return "5 jobs in 3 pages, errors, waiters"


def _v2_source(client: Client, first: JobOutcome) -> None:
    """Demand that the source was uploaded as an archive, encrypted with a KMS key."""
    uri = urlsplit(json.loads(first.described["HyperParameters"]["sagemaker_submit_directory"]))
    answer = client.at.client("s3").get_object(Bucket=uri.netloc, Key=uri.path.lstrip("/"))
    with tarfile.open(fileobj=io.BytesIO(answer["Body"].read())) as archive:
        client.demand("files of the source", ["train.py"], archive.getnames())
    client.demand("encryption of the source", "aws:kms", answer.get("ServerSideEncryption"))
    key = str(answer.get("SSEKMSKeyId"))
    client.demand(f"whether {key} is a key of KMS", wanted=True, got="arn:aws:kms:us-east-1:" in key)


def _v3_source(client: Client, first: JobOutcome) -> None:
    inputs = first.described["InputDataConfig"]
    channels = {each["ChannelName"]: each["DataSource"]["S3DataSource"]["S3Uri"] for each in inputs}
    bucket, _, key = channels["code"].removeprefix("s3://").partition("/")
    objects = client.at.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]
    client.demand("files of the source", [f"{key.rstrip('/')}/train.py"], [each["Key"] for each in objects])


def _quiet(script: str, fate: str, *words: str, code: int = 0) -> Case:
    """A script's job that meets this fate; the script prints these words, and nothing that the job printed."""

    def runs(client: Client) -> str:
        prefix = f"quiet-{client.name}-{uuid4().hex[:6]}"
        output = client.run("python", f"{_SCRIPTS}/{script}", prefix, fate, code=code)
        client.demand_words(output, words)
        names = client.at.job_names(prefix)
        client.demand("jobs", 1, len(names))
        printed = [line for name in names for stream in client.log(name) for line in stream]
        client.demand("log lines in the output", [], [line for line in printed if line in output])
        return f"{words[0]}, not a line of the job's logs"

    return runs


def _followed(client: Client) -> str:
    """A run of three jobs, the last one on demand, which the SDK's user follows to its end."""
    name = f"followed-{uuid4().hex[:6]}"
    output = client.run("python", f"{_SCRIPTS}/sdk_v2_run.py", name, _THREE)
    last = f"{name}-r3"
    client.demand_words(output, [f"completed 3 {last} s3://", f"{last}/output/model.tar.gz"])
    markets = [client.at.client("sagemaker").describe_training_job(TrainingJobName=each) for each in (name, last)]
    client.demand("spot", [True, False], [each.get("EnableManagedSpotTraining", False) for each in markets])
    return f"3 jobs, {last} completed"


def _cli_job(client: Client) -> str:
    ground, name = client.at.ground, f"cli-job-{int(time.time())}"
    request = ground.request(name, tags={"respot:resume": "on"})
    source = f"s3://{ground.bucket}/{name}/source/"
    chosen = ("--training-job-name", name)
    client.run("aws", "s3", "cp", str(EXAMPLES / "source"), source, "--recursive", "--sse", "aws:kms")
    client.run("aws", "sagemaker", "create-training-job", "--cli-input-json", json.dumps(request))
    run = client.resumed(name)
    # Its waiter asks every two minutes, the first time at once.
    client.run("aws", "sagemaker", "wait", "training-job-completed-or-stopped", *chosen)
    query = "SecondaryStatusTransitions[].Status"
    described = client.json("sagemaker", "describe-training-job", *chosen, "--query", query)
    history = [transition.status for transition in run[0].record.transitions] if run else []
    client.demand("history", history, described)
    listing = ("list-training-jobs", "--name-contains", name, "--page-size", "1", "--sort-by", "Name")
    query = "TrainingJobSummaries[].TrainingJobName"
    listed = client.json("sagemaker", *listing, "--sort-order", "Ascending", "--query", query)
    client.demand("list", [name, f"{name}-r2"], listed)
    group = ("--log-group-name", LOG_GROUP, "--log-stream-name-prefix", f"{name}/")
    printed = client.json("logs", "filter-log-events", *group, "--query", "events[].message")
    client.demand("log", [line for stream in client.log(name) for line in stream], printed)
    return _history(run)


def _cli_errors(client: Client) -> str:
    at, name = client.at, f"cli-ended-{uuid4().hex[:8]}"
    at.ground.create(name, lifecycle="Starting=0.1 Training=0.1")
    describe = at.client("sagemaker").describe_training_job
    eventually(lambda: describe(TrainingJobName=name)["TrainingJobStatus"] == "Completed")
    output = client.run("aws", "sagemaker", "stop-training-job", "--training-job-name", name, code=255)
    client.demand_words(output, ["ValidationException"])
    # Without the option it asks AWS itself: it has an address of its own for SQS, above the environment's.
    queue = ("--endpoint-url", at.account.endpoint, "--queue-url", at.outputs["RecoveryDlqUrl"])
    names = ("--attribute-names", "ApproximateNumberOfMessages")
    attributes = client.json("sqs", "get-queue-attributes", *queue, *names)
    client.demand("queue", {"Attributes": {"ApproximateNumberOfMessages": "0"}}, attributes)
    return "an ended job is not stopped; SQS with --endpoint-url"


def _history(run: Sequence[JobOutcome]) -> str:
    return " / ".join(
        f"{sum(transition.status == 'Interrupted' for transition in each.record.transitions)} interruptions, "
        f"{each.described['SecondaryStatus']}"
        for each in run
    )


CASES: Final[Mapping[str, Mapping[str, Case]]] = {
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
        "wait without logs": _quiet("sdk_v2.py", "interrupted-once", "Completed s3://", "/output/model.tar.gz"),
        "its script fails": _quiet(
            "sdk_v2.py", f"{_FAILED}AlgorithmError", "UnexpectedStatusException", "ExitCode 1", code=1
        ),
        "a run of three jobs": _followed,
        "no capacity": _quiet("sdk_v2.py", f"{_FAILED}CapacityError", "exceptions.CapacityError", code=1),
    },
    "sdk-v3": {
        "examples/sagemaker_v3.py": _example("sagemaker_v3.py", "sdk-v3-job-", "Stopped", inspect=_v3_source),
        "wait without logs": _quiet("sdk_v3.py", "interrupted-once", "Completed s3://", "/output/model.tar.gz"),
        "its script fails": _quiet("sdk_v3.py", f"{_FAILED}AlgorithmError", "FailedStatusError", "ExitCode 1", code=1),
    },
}
