"""The SageMaker API as callers see it: AWS JSON 1.1 in and out.

A job's tags say what happens to it: `local:lifecycle` (`lifecycle`), `local:speed`, `local:delivery`
(`faults`), `local:time-scale` (`lifecycle`), `local:refuse` (`faults`). The first and the last may have one
value for each attempt of a run.
"""

import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar

from local.sagemaker import answers, lifecycle, validation
from local.sagemaker.cloud import Call, Cloud, Scope
from local.sagemaker.faults import DeliveryFaults, Refusals
from local.sagemaker.job import TERMINAL, Job
from local.sagemaker.jobs import Jobs
from local.sagemaker.lifecycle import Lifecycle
from local.sagemaker.runner import Runner, utc_now
from local.sagemaker.validation import SageMakerError

logger = logging.getLogger("sagemaker")

LIFECYCLE_TAG: Final = "local:lifecycle"
SPEED_TAG: Final = "local:speed"
DELIVERY_TAG: Final = "local:delivery"
TIME_SCALE_TAG: Final = "local:time-scale"
REFUSE_TAG: Final = "local:refuse"
# Not echoed: a child of a tuning job has no tag that says so.
TUNING_JOB_TAG: Final = "local:tuning-job-arn"

_T = TypeVar("_T")


@dataclass
class SageMaker:
    """CreateTrainingJob and its siblings, for every account and region.

    The defaults are for jobs without a tag of their own.
    """

    cloud: Cloud
    default_delivery: DeliveryFaults
    default_lifecycle: str = lifecycle.UNINTERRUPTED
    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        self._jobs = Jobs()
        self._asked: Counter[tuple[Scope, str]] = Counter()
        self._runner = Runner(self.cloud, self._jobs, self.clock)

    async def handle(
        self, _method: str, _path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer one HTTP request."""
        try:
            status, answer = 200, self._answer(headers, body, query)
        except SageMakerError as error:
            status, answer = 400, {"__type": error.code, "message": str(error)}
        return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()

    def _answer(self, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]) -> Mapping[str, Any]:
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        if (handler := self._OPERATIONS.get(operation)) is None:
            message = f"The local SageMaker has no {operation or 'operation without a name'}"
            raise SageMakerError(message, code="UnknownOperationException")
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            request = None
        if not isinstance(request, dict):
            raise SageMakerError("The request is not a JSON object")
        validation.check_shape(operation, request)
        call = Call(operation=operation, headers=headers, query=query, request=request)
        return handler(self, call, self.cloud.scope())

    # Each operation asks IAM first: a caller without permission does not learn whether a job exists.

    def _create(self, call: Call, scope: Scope) -> Mapping[str, Any]:
        request = call.request
        arn = _arn(scope, request["TrainingJobName"])
        types = validation.instance_types(request)  # a serverless job has none, and then the key is absent
        self._authorize(call, "CreateTrainingJob", arn, {"sagemaker:InstanceTypes": types} if types else {})
        if request.get("Tags"):
            # The key distinguishes tags of a new job from a call of AddTags, which has none.
            self._authorize(call, "AddTags", arn, {"sagemaker:TaggingAction": "CreateTrainingJob"})
        validation.check_training_job(request)
        validation.check_tags(request.get("Tags", []))
        for plan in _training_plans(request.get("ResourceConfig", {})):
            # The service authorization reference lists training-plan among the resource types of CreateTrainingJob.
            self._authorize(call, "CreateTrainingJob", plan)
        role_arn = request["RoleArn"]
        self._check(call, "iam:PassRole", role_arn, {"iam:PassedToService": "sagemaker.amazonaws.com"})
        if not self.cloud.trusts_sagemaker(scope, role_arn):
            raise SageMakerError(
                f"Could not assume role {role_arn}. Please ensure that the role exists and allows principal "
                "'sagemaker.amazonaws.com' to assume the role."
            )
        job = self._planned(request, arn)
        if self._jobs.find(scope, job.name) is None:
            refused = _of_attempt(job.tags, REFUSE_TAG, "", Refusals.parse)
            self._asked[scope, job.name.lower()] += 1
            refused.check(request, earlier=self._asked[scope, job.name.lower()] - 1)
        self._jobs.add(scope, job)
        self._runner.start(scope, job)
        logger.info("created %s", job.arn)
        return {"TrainingJobArn": job.arn}

    def _planned(self, request: Mapping[str, Any], arn: str) -> Job:
        tags = _tags(request)
        tuning_job_arn = tags.pop(TUNING_JOB_TAG, None)
        speed = _factor(tags, SPEED_TAG, "such as 2 (twice as fast) or 0.5")
        own = tags.get(DELIVERY_TAG)
        faults = self.default_delivery if own is None else _parsed(DELIVERY_TAG, own, DeliveryFaults.parse)
        fate = _of_attempt(tags, LIFECYCLE_TAG, self.default_lifecycle, lifecycle.parse)
        if fate.needs_spot and not request.get("EnableManagedSpotTraining"):
            # On-demand jobs are never interrupted: one that is resubmitted with the same tags completes.
            fate = lifecycle.parse(lifecycle.UNINTERRUPTED)
        fate, filled = fate.faster(speed), answers.with_defaults(request)
        return Job(
            arn=arn,
            request=filled,
            tags=tags,
            created=self.clock(),
            lifecycle=_limited(fate, filled, tags) if TIME_SCALE_TAG in tags else fate,
            tuning_job_arn=tuning_job_arn,
            speed=speed,
            delivery=faults,
        )

    def _describe(self, call: Call, scope: Scope) -> Mapping[str, Any]:
        return answers.describe(self._existing(call, scope), self.clock())

    def _list(self, call: Call, scope: Scope) -> Mapping[str, Any]:
        self._authorize(call, call.operation, "*")
        return self._jobs.page(scope, call.request, self.clock())

    def _stop(self, call: Call, scope: Scope) -> Mapping[str, Any]:
        # Seen on AWS in 2019: github.com/awslabs/benchmark-ai/issues/928. The API reference does not say so.
        job, now = self._existing_in(call, scope, ended=False)
        if not any(each["Status"] == "Stopping" for each in job.at(now)["SecondaryStatusTransitions"]):
            job = job.stopped(now)
            self._jobs.replace(scope, job)
            self._runner.changed(scope, job)
        return {}

    def _delete(self, call: Call, scope: Scope) -> Mapping[str, Any]:
        job, now = self._existing_in(call, scope, ended=True)
        self._runner.send(scope, job, len(job.lifecycle.moments), answers.deletion(job, now))
        self._jobs.remove(scope, job.name)
        return {}

    def _existing_in(self, call: Call, scope: Scope, *, ended: bool) -> tuple[Job, datetime]:
        job, now = self._existing(call, scope), self.clock()
        status = job.at(now)["TrainingJobStatus"]
        if (status in TERMINAL) != ended:
            raise SageMakerError(f"The request was rejected because the training job is in status {status}.")
        return job, now

    def _list_tags(self, call: Call, scope: Scope) -> Mapping[str, Any]:
        return {"Tags": _tag_list(self._existing(call, scope).tags)}

    def _add_tags(self, call: Call, scope: Scope) -> Mapping[str, Any]:
        job = self._existing(call, scope)
        validation.check_tags(call.request["Tags"])
        tags = {**job.tags, **_tags(call.request)}
        validation.check_tags(_tag_list(tags))
        self._jobs.replace(scope, replace(job, tags=tags))
        return {"Tags": _tag_list(tags)}

    def _delete_tags(self, call: Call, scope: Scope) -> Mapping[str, Any]:
        job = self._existing(call, scope)
        tags = {key: value for key, value in job.tags.items() if key not in call.request["TagKeys"]}
        self._jobs.replace(scope, replace(job, tags=tags))
        return {}

    def _existing(self, call: Call, scope: Scope) -> Job:
        """The job that a request names, or with the ARN that it names."""
        arn = call.request.get("ResourceArn") or _arn(scope, call.request["TrainingJobName"])
        job = self._jobs.find(scope, arn.rpartition("/")[2])
        owned = {f"aws:ResourceTag/{key}": value for key, value in job.tags.items()} if job else {}
        self._authorize(call, call.operation, arn, owned)
        if job is None or job.arn != arn:
            raise SageMakerError("Requested resource not found.")
        return job

    def _authorize(
        self, call: Call, action: str, resource: str, context: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        tags = _tags(call.request)
        keys = {"aws:TagKeys": list(tags)} if tags else {}
        requested = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
        self._check(call, f"sagemaker:{action}", resource, {**requested, **keys, **context})

    def _check(self, call: Call, action: str, resource: str, context: Mapping[str, Any]) -> None:
        if denial := self.cloud.denial(call, action, resource, context):
            raise SageMakerError(denial, code="AccessDeniedException")

    _OPERATIONS: ClassVar[Mapping[str, Callable[["SageMaker", Call, Scope], Mapping[str, Any]]]] = {
        "CreateTrainingJob": _create,
        "DescribeTrainingJob": _describe,
        "ListTrainingJobs": _list,
        "StopTrainingJob": _stop,
        "DeleteTrainingJob": _delete,
        "ListTags": _list_tags,
        "AddTags": _add_tags,
        "DeleteTags": _delete_tags,
    }


def _arn(scope: Scope, name: str) -> str:
    return f"arn:aws:sagemaker:{scope.region}:{scope.account}:training-job/{name.lower()}"


def _tags(request: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}


def _training_plans(resources: Mapping[str, Any]) -> list[str]:
    preferred = [arn for each in resources.get("InstancePreferences", []) for arn in each.get("TrainingPlanArns", [])]
    return [*([resources["TrainingPlanArn"]] if "TrainingPlanArn" in resources else []), *preferred]


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _factor(tags: Mapping[str, str], tag: str, examples: str) -> float:
    text = tags.get(tag, "1")
    try:
        factor = float(text)
    except ValueError:
        factor = 0
    if not 0 < factor < float("inf"):
        raise SageMakerError(f"Tag {tag}: '{text}' is not a factor {examples}")
    return factor


def _of_attempt(tags: Mapping[str, str], tag: str, default: str, read: Callable[[str], _T]) -> _T:
    number = lifecycle.attempt_of(tags)
    return _parsed(tag, tags.get(tag, default), lambda text: lifecycle.value_for(number, text, read))


def _parsed(tag: str, text: str, read: Callable[[str], _T]) -> _T:
    try:
        return read(text)
    except ValueError as error:  # which all parsers raise
        raise SageMakerError(f"Tag {tag}: {error}") from error


def _limited(fate: Lifecycle, request: Mapping[str, Any], tags: Mapping[str, str]) -> Lifecycle:
    scale = _factor(tags, TIME_SCALE_TAG, "such as 600 (one real second counts ten simulated minutes)")
    stopping = request["StoppingCondition"]
    # For CPU-only types MaxPendingTimeInSeconds has no effect, says the service model.
    accelerated = any(each.startswith(("ml.p", "ml.g", "ml.trn")) for each in validation.instance_types(request))
    return lifecycle.limited(
        fate,
        max_runtime=stopping["MaxRuntimeInSeconds"] / scale,
        max_wait=stopping.get("MaxWaitTimeInSeconds", inf) / scale,
        max_pending=stopping.get("MaxPendingTimeInSeconds", inf) / scale if accelerated else inf,
    )
