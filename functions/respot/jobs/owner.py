"""Recognises systems that created a job, by the marks they leave on it.

The list can never be complete (Airflow leaves no mark at all). Use it to refuse, never to permit.
"""

import re
from collections.abc import Mapping
from typing import Final

from respot.jobs.job import Owner, Parent

_BATCH_NAME: Final = re.compile(r"AWSBatch.*[0-9a-f]{32}")
_OWNER_BY_TAG: Final = (
    ("sagemaker:pipeline-execution-arn", Owner.PIPELINE),
    ("AWS_STEP_FUNCTIONS_EXECUTION_ARN", Owner.STEP_FUNCTIONS),
    ("MANAGED_BY_AWS", Owner.STEP_FUNCTIONS),
)
_ACK_TAG_PREFIX: Final = "services.k8s.aws/"


def find_parent(
    *,
    name: str,
    tags: Mapping[str, str],
    tuning_job_arn: str | None = None,
    automl_job_arn: str | None = None,
    labeling_job_arn: str | None = None,
) -> Parent | None:
    """The owner that a job's fields, tags or name show; `None` if nothing does."""
    for owner, arn in (
        (Owner.TUNING, tuning_job_arn),
        (Owner.AUTOML, automl_job_arn),
        (Owner.LABELING, labeling_job_arn),
    ):
        if arn:
            return Parent(owner=owner, identifier=arn)
    for tag, owner in _OWNER_BY_TAG:
        if tag in tags:
            return Parent(owner=owner, identifier=tags[tag])
    for tag, value in tags.items():
        if tag.startswith(_ACK_TAG_PREFIX):
            return Parent(owner=Owner.ACK, identifier=value)
    if _BATCH_NAME.fullmatch(name):
        return Parent(owner=Owner.BATCH, identifier=name)
    return None
