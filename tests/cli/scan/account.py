"""An AWS account with training jobs, as botocore's clients see it, and the command that scans it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from respot_cli.main import main
from respot_cli.prices import options
from respot_cli.scan import command
from respot_cli.scan.pace import Pace
from tests.cli.prices.price_lists import FakePriceList, denied
from tests.support.builders import ACCOUNT, CREATED, PRIMARY, REGION
from tests.support.clock import FakeClock

NOW: Final = CREATED + timedelta(days=10)
MINUTES: Final = 60


def job(
    name: str,
    *statuses: tuple[str, int],
    created: datetime = CREATED,
    region: str = REGION,
    spot: bool = True,
    checkpoints: bool = True,
    billed: float = 0.3,
    **others: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """A description of a job that was in these statuses for so many seconds, the last one its end."""
    moment, transitions, trained = created, [], 0
    for status, seconds in statuses:
        end = moment + timedelta(seconds=seconds)
        transitions.append({"Status": status, "StartTime": moment, "EndTime": end, "StatusMessage": ""})
        trained += seconds if status in {"Downloading", "Training", "Uploading"} else 0
        moment = end
    last = statuses[-1][0]
    document = {
        "TrainingJobName": name,
        "TrainingJobArn": f"arn:aws:sagemaker:{region}:{ACCOUNT}:training-job/{name}",
        "TrainingJobStatus": PRIMARY.get(last, "InProgress"),
        "SecondaryStatus": last,
        "SecondaryStatusTransitions": transitions,
        "CreationTime": created,
        "LastModifiedTime": moment,
        "EnableManagedSpotTraining": spot,
        "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400, **({"MaxWaitTimeInSeconds": 172800} if spot else {})},
        "HyperParameters": {"password": "hunter2"},
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Training",
        "AlgorithmSpecification": {"TrainingImage": "an-image", "TrainingInputMode": "File"},
        **({"CheckpointConfig": {"S3Uri": f"s3://ml-bucket/checkpoints/{name}/"}} if checkpoints else {}),
    }
    if trained:
        document |= {
            "TrainingStartTime": created,
            "TrainingEndTime": moment,
            "TrainingTimeInSeconds": trained,
            "BillableTimeInSeconds": round(trained * (billed if spot else 1)),
        }
    return {name: value for name, value in (document | others).items() if value is not None}


@dataclass(slots=True)
class Account:
    """The account, and the command.

    Attributes:
        monkeypatch: to stand between the command and AWS.
        capsys: what the command writes.
        jobs: the descriptions, by region.
        clock: of the command; its pauses move it.
        calls: each as service and operation.
        at: when each call was made, in seconds of the clock.
        refused: regions and operations that AWS refuses, such as `us-east-1 ListTrainingJobs`.
        throttled: how many of the next calls are throttled.
        forgotten: how many of the next tokens are refused.
        dies_after: calls after which Ctrl-C is pressed.
    """

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    jobs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    calls: list[str] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    throttled: int = 0
    forgotten: int = 0
    dies_after: int | None = None
    prices: FakePriceList = field(default_factory=FakePriceList)

    def add(self, documents: Iterable[Mapping[str, Any]], region: str = REGION) -> None:
        self.jobs.setdefault(region, []).extend(map(dict, documents))

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """The exit code, and what the command wrote to stdout and stderr."""
        self.capsys.readouterr()
        with self.monkeypatch.context() as patched:
            patched.setattr(BaseClient, "_make_api_call", self._called())
            patched.setattr(command, "_now", self.clock)
            patched.setattr(
                command, "_pace", lambda every: Pace(every=every, monotonic=self._seconds, sleep=self._sleep)
            )
            patched.setattr(options, "_now", self.clock)
            code = main(["scan", *arguments])
        written = self.capsys.readouterr()
        return code, written.out, written.err

    def document(self, *arguments: str) -> dict[str, Any]:
        """Its JSON."""
        _, out, _ = self.run(*arguments, "--json")
        return cast("dict[str, Any]", json.loads(out))

    def times_of(self, operation: str) -> list[float]:
        return [at for at, call in zip(self.at, self.calls, strict=True) if call.endswith(f".{operation}")]

    def _seconds(self) -> float:
        return (self.clock() - NOW).total_seconds()

    def _sleep(self, seconds: float) -> None:
        self.clock.pass_by(timedelta(seconds=seconds))

    def _called(self) -> Any:  # noqa: ANN401 - a method of botocore's
        def call(client: BaseClient, operation: str, parameters: Mapping[str, Any]) -> object:
            if self.dies_after is not None and len(self.calls) >= self.dies_after:
                raise KeyboardInterrupt
            self.calls.append(f"{client.meta.service_model.service_id}.{operation}")
            self.at.append(self._seconds())
            if self.throttled:
                self.throttled -= 1
                raise _error("ThrottlingException", "Rate exceeded", operation)
            if f"{client.meta.region_name} {operation}" in self.refused:
                raise _error("AccessDeniedException", f"not authorized to perform: {operation}", operation)
            return self._answer(operation, parameters, client.meta.region_name)

        return call

    def _answer(self, operation: str, parameters: Mapping[str, Any], region: str) -> object:
        jobs = sorted(self.jobs.get(region, ()), key=lambda each: each["CreationTime"], reverse=True)
        match operation:
            case "ListTrainingJobs":
                if "NextToken" in parameters and self.forgotten:
                    self.forgotten -= 1
                    raise _error("ValidationException", "Invalid NextToken", operation)
                begin, size = int(parameters.get("NextToken", "0")), parameters["MaxResults"]
                names = ("TrainingJobName", "TrainingJobArn", "CreationTime", "LastModifiedTime", "TrainingJobStatus")
                page = [{name: each[name] for name in names} for each in jobs[begin : begin + size]]
                more = {"NextToken": str(begin + size)} if begin + size < len(jobs) else {}
                return {"TrainingJobSummaries": page, **more}
            case "DescribeTrainingJob":
                found = [each for each in jobs if each["TrainingJobName"] == parameters["TrainingJobName"]]
                if not found:
                    raise _error("ValidationException", "Requested resource not found.", operation)
                return found[0]
            case "GetProducts":
                return self.prices.get_products(**parameters)
        raise AssertionError(operation)


def _error(code: str, message: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


__all__ = ["NOW", "Account", "denied", "job"]
