"""A job that the SageMaker Python SDK asked for, and its next attempt.

The SDK itself is not installed: `sdk_request.json` says how its request was recorded.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from local.demo.deployed import DeployedAccount
from local.demo.verification_runs import observe_run
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("deployed-account")

RECORDED: Final = Path(__file__).parent.parent / "support" / "sdk_request.json"
LIFECYCLE: Final = (
    "Starting=0.1 Downloading=0.1 Training=0.7 Interrupted=0.1 Stopping=0.1 MaxWaitTimeExceeded "
    "/ Starting=0.1 Training=0.1"
)
OUTCOMES: Final = re.compile(
    r"\w+(Time|TimeInSeconds|Status|Transitions)|TrainingJobArn|FailureReason|ModelArtifacts|ResponseMetadata"
)


def asked_for(described: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody asked for, without what became of it."""
    return {name: value for name, value in described.items() if not OUTCOMES.fullmatch(name)}


@pytest.mark.parametrize("ladder", [None, "spot:1 on-demand:1"], ids=["next on spot", "next on demand"])
def test_the_next_attempt_of_an_estimators_job_differs_only_by_what_was_decided(
    deployed: DeployedAccount, ladder: str | None
) -> None:
    request = json.loads(RECORDED.read_text())["request"]
    name = f"{request['TrainingJobName']}-{'on-demand' if ladder else 'spot'}"
    request["TrainingJobName"] = name
    request["HyperParameters"]["sagemaker_job_name"] = json.dumps(name)
    request["CheckpointConfig"]["S3Uri"] += f"{name}/"
    request["Tags"] += [{"Key": "local:lifecycle", "Value": LIFECYCLE}]
    request["Tags"] += [{"Key": "respot:ladder", "Value": ladder}] if ladder else []
    deployed.client("sagemaker").create_training_job(**request)
    assert eventually(lambda: len(observe_run(deployed, name)) == 2)
    first, second = observe_run(deployed, name)

    expected = asked_for(first.described)
    expected["TrainingJobName"] = f"{name}-r2"
    expected["HyperParameters"] = {**expected["HyperParameters"], "sagemaker_job_name": f'"{name}-r2"'}
    if ladder:
        expected["EnableManagedSpotTraining"] = False
        expected["StoppingCondition"] = {"MaxRuntimeInSeconds": 14400}
    assert asked_for(second.described) == expected

    assert first.decision
    lineage = {"respot:run": first.decision.run, "respot:attempt": "2", "respot:parent": name}
    assert second.tags == {**first.tags, **lineage}
    # The recorded request itself is what the first job has, and all of this holds for what the SDK said, too.
    shown = asked_for(first.described)
    assert shown["HyperParameters"] == request["HyperParameters"]
    assert shown["RetryStrategy"] == {"MaximumRetryAttempts": 2}
    assert shown["AlgorithmSpecification"].items() >= request["AlgorithmSpecification"].items()
