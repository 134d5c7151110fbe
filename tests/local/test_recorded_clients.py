"""What the SageMaker SDKs, the AWS CLI and boto3 ask SageMaker, asked again: the simulated one answers as it did."""

import asyncio
import json
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest

from local.sagemaker.faults import DeliveryFaults
from local.sagemaker.runner import utc_now
from local.sagemaker.service import SageMaker
from tests.local import jobs
from tests.local.test_service import RememberingCloud, ask
from tests.support.recorded_requests import CLIENTS, members, operation, requests_of


def asked_of_sagemaker(client: str) -> list[dict[str, Any]]:
    return [request for request in requests_of(client) if operation(request).startswith("SageMaker.")]


class Replay:
    """A simulated SageMaker that is asked what was recorded."""

    def __init__(self, requests: list[dict[str, Any]]) -> None:
        self._ahead = timedelta()
        self._service = SageMaker(RememberingCloud(), default_delivery=DeliveryFaults.parse(""), clock=self._now)
        self._requests = requests
        self._read = utc_now()
        self._token: str | None = None

    def _now(self) -> datetime:
        """Later with each reading: no two jobs are created in one millisecond and listed by their names."""
        self._read += timedelta(milliseconds=10)
        return self._read + self._ahead

    async def differences(self) -> list[str]:
        await self._prepare()
        found = []
        for request in self._requests:
            name, body = operation(request).partition(".")[2], deepcopy(request["body"])
            if "NextToken" in body:
                body["NextToken"] = self._token
            # Only the end of a job shows every member.
            self._ahead = timedelta(hours=1) if name.startswith(("Describe", "List")) else timedelta()
            status, answer = await ask(self._service, name, body)
            self._token = answer.get("NextToken")
            if status != request["status"]:
                found.append(f"{name}: {status} {answer}")
            if lost := set(request["members"]) - members(json.dumps(answer)):
                found.append(f"{name}: no {', '.join(sorted(lost))}")
        return found

    async def _prepare(self) -> None:
        """Create the jobs that are asked about; their own creations are not all kept, being all alike."""
        bodies = [request["body"] for request in self._requests if request["status"] == 200]
        created = [body for body in bodies if "RoleArn" in body]
        asked = {body.get("TrainingJobName") or body.get("ResourceArn", "").rpartition("/")[2] for body in bodies}
        names = asked - {body["TrainingJobName"] for body in created} - {""}
        # Others fill the first page of lists, in either order.
        others = [jobs.request(TrainingJobName=f"{letter}-{number}") for letter in "az" for number in range(10)]
        for request in [*others, *({**created[0], "TrainingJobName": name} for name in sorted(names))]:
            assert (await ask(self._service, "CreateTrainingJob", request))[0] == 200


@pytest.mark.parametrize("client", CLIENTS)
def test_a_clients_requests_are_answered_as_when_they_were_recorded(client: str) -> None:
    async def replayed() -> list[str]:
        return await Replay(asked_of_sagemaker(client)).differences()

    assert asyncio.run(replayed()) == []


def test_each_client_has_its_recording() -> None:
    assert CLIENTS == ["boto3", "cli", "sdk-v2", "sdk-v3"]


@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_asked_for_a_spot_job_that_respot_resumes(client: str) -> None:
    created = [request["body"] for request in asked_of_sagemaker(client) if "RoleArn" in request["body"]]
    resumed = [body for body in created if {"Key": "respot:resume", "Value": "on"} in body.get("Tags", [])]
    assert resumed
    assert all(body["EnableManagedSpotTraining"] and body["CheckpointConfig"]["S3Uri"] for body in resumed)
