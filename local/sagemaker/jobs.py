"""The jobs of all accounts and regions."""

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any, Final

from local.sagemaker import answers
from local.sagemaker.cloud import Scope
from local.sagemaker.job import Job
from local.sagemaker.validation import SageMakerError

_PAGE: Final = 10


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs by scope and name. SageMaker writes names in lower case in ARNs: names that differ only in case clash."""

    _jobs: dict[tuple[Scope, str], Job] = field(default_factory=dict)

    def add(self, scope: Scope, job: Job) -> None:
        """Add a job whose name is free."""
        key = (scope, job.name.lower())
        if key in self._jobs:
            raise SageMakerError(
                "Training job names must be unique within an AWS account and region, "
                f"and a training job with this name already exists ({self._jobs[key].arn})",
                code="ResourceInUse",
            )
        self._jobs[key] = job

    def replace(self, scope: Scope, job: Job) -> None:
        """Store a job with another lifecycle or other tags."""
        self._jobs[scope, job.name.lower()] = job

    def find(self, scope: Scope, name: str) -> Job | None:
        """The job of that name; None if there is none."""
        return self._jobs.get((scope, name.lower()))

    def remove(self, scope: Scope, name: str) -> None:
        """Forget a job."""
        del self._jobs[scope, name.lower()]

    def page(self, scope: Scope, request: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """Answer ListTrainingJobs: first a page is taken, then its filters are applied, as SageMaker documents."""
        jobs = [job for (owner, _), job in self._jobs.items() if owner == scope]
        order = _ORDERS[request.get("SortBy", "CreationTime")]
        descending = request.get("SortOrder", "Descending") == "Descending"
        keyed = sorted(((order(job, now), job) for job in jobs), key=lambda pair: pair[0], reverse=descending)
        if "NextToken" in request:
            cursor = _cursor(request["NextToken"])
            keyed = [(key, job) for key, job in keyed if (key < cursor if descending else key > cursor)]
        page = keyed[: request.get("MaxResults", _PAGE)]
        shown = [answers.summary(job, now) for _, job in page]
        answer: dict[str, Any] = {"TrainingJobSummaries": [summary for summary in shown if _wanted(summary, request)]}
        if len(keyed) > len(page):
            answer["NextToken"] = base64.urlsafe_b64encode(json.dumps(page[-1][0]).encode()).decode()
        return answer


_ORDERS: Final[Mapping[str, Callable[[Job, datetime], list[Any]]]] = {
    "CreationTime": lambda job, _: [job.created.timestamp(), job.name],
    "Name": lambda job, _: [job.name],
    "Status": lambda job, now: [job.at(now)["TrainingJobStatus"], job.created.timestamp(), job.name],
}


def _wanted(summary: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    return (
        request.get("NameContains", "").lower() in summary["TrainingJobName"].lower()
        and request.get("StatusEquals") in (None, summary["TrainingJobStatus"])
        and all(
            request.get(f"{time}After", -inf) < summary[time] < request.get(f"{time}Before", inf)
            for time in ("CreationTime", "LastModifiedTime")
        )
        # Warm pools and training plans are not simulated: no job has any.
        and "WarmPoolStatusEquals" not in request
        and "TrainingPlanArnEquals" not in request
    )


def _cursor(token: str) -> list[Any]:
    with suppress(ValueError):
        key = json.loads(base64.urlsafe_b64decode(token))
        if isinstance(key, list):
            return key
    raise SageMakerError("Invalid NextToken")
