"""Composes `resubmit`."""

import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Final

from respot.adapters.another_type import left_out
from respot.adapters.cached_text import CachedText
from respot.adapters.checkpoints import S3Checkpoints
from respot.adapters.cloning import attempt_request
from respot.adapters.kill_switch import ParameterKillSwitch, read_kill_switch
from respot.adapters.policies import ParameterPolicies, read_parameter
from respot.adapters.training_jobs import SageMakerTrainingJobs
from respot.bootstrap.clients import client, now, required, settings
from respot.bootstrap.ledger import ledger, runs
from respot.bootstrap.redelivery import redelivery
from respot.domain.job import JobId
from respot.domain.lineage import Lineage
from respot.domain.placement import Placement
from respot.observability import logger
from respot.patience import WaitTimeout
from respot.ports import Cloned
from respot.recovery import Recovery
from respot.recovery_consumer import RecoveryConsumer
from respot.recovery_situation import Situations
from respot.settings import KILL_SWITCH_PARAMETER, POLICY_PARAMETER

LONGEST_DELAY: Final = timedelta(minutes=30)
"""Between two attempts to create the same job."""
POLICY_KEPT_FOR: Final = timedelta(seconds=60)
KILL_SWITCH_KEPT_FOR: Final = timedelta(seconds=5)
"""Read for each creation and each stop. When it goes off again, thousands of jobs may be checked within minutes, and
Systems Manager answers 40 reads a second for the whole account."""


@cache
def recovery_consumer() -> RecoveryConsumer:
    """What `resubmit` hands its messages to."""
    parameter = required(settings().policy_parameter, POLICY_PARAMETER)
    text = CachedText(lambda: read_parameter(client("ssm"), parameter), kept_for=POLICY_KEPT_FOR, clock=now)
    switch = required(settings().kill_switch_parameter, KILL_SWITCH_PARAMETER)
    position = CachedText(lambda: read_kill_switch(client("ssm"), switch), kept_for=KILL_SWITCH_KEPT_FOR, clock=now)
    kill_switch = ParameterKillSwitch(position.read, parameter=switch)
    jobs = SageMakerTrainingJobs(lambda region: client("sagemaker", region))
    situations = Situations(
        jobs=jobs,
        ledger=ledger(),
        runs=runs(),
        checkpoints=S3Checkpoints(lambda region: client("s3", region), monotonic=time.monotonic),
        policies=ParameterPolicies(text.read),
        kill_switch=kill_switch,
    )
    recovery = Recovery(
        jobs=jobs,
        ledger=ledger(),
        runs=runs(),
        situations=situations,
        kill_switch=kill_switch,
        patience=WaitTimeout(
            jobs=jobs,
            runs=runs(),
            situations=situations,
            kill_switch=kill_switch,
            clone=_clone,
            clock=now,
            note=_note,
        ),
        clone=_clone,
        clock=now,
    )
    return RecoveryConsumer(recovery=recovery, redelivery=redelivery(longest=LONGEST_DELAY))


def _note(job: JobId, words: str) -> None:
    logger().info("job that has not ended", job=str(job), reason=words)


def _clone(
    document: Mapping[str, Any], name: str, tags: Mapping[str, str], lineage: Lineage, placement: Placement
) -> Cloned:
    request = attempt_request(
        document,
        name=name,
        tags=tags,
        lineage=lineage,
        placement=placement,
        service_model=client("sagemaker").meta.service_model,
    )
    return Cloned(request=request, warnings=tuple(left_out(document, request)))
