"""How a person names a training job or its run: by the job's name, by its ARN, or by the run's id."""

import argparse
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from respot.alerting.text import one_line
from respot.jobs.aws_names import ACCOUNT, JOB_NAME, REGION, aws_partition
from respot.jobs.drill_names import drill_id
from respot.jobs.job import JobId
from respot.recovery.planning.run import run_id

_PARTS: Final = 6
"""arn:partition:service:region:account:resource (AWS General Reference, Amazon Resource Names)."""
_EXAMPLE: Final = "arn:aws:sagemaker:us-east-1:111122223333:training-job/my-job"
_RUN: Final = re.compile(r"([a-z0-9-]+)/([^/]+)/(\d{1,14})", re.ASCII)
"""The id of a run: its first job's region, name, and creation in epoch milliseconds; a later job's are read, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReference:
    """A training job as somebody named it.

    Attributes:
        name: its name.
        region: the region in the ARN; `None` if it was no ARN.
        account: the account in the ARN; `None` if it was no ARN.
        created: when the job was created, as the id of its run says; `None` if it was none.
    """

    name: str
    region: str | None = None
    account: str | None = None
    created: datetime | None = None

    @property
    def advice(self) -> str:
        """What to check if there is no such job.

        ARNs that SageMaker reports have their names in lower case (https://github.com/aws/sagemaker-experiments/pull/172).
        """
        if self.region is None:
            return "check its name, --region and --hub-region"
        return "SageMaker writes ARNs in lower case: if the job's name has capital letters, use its name and --region"


def job_reference(words: str) -> JobReference:
    """Read what stands on the command line.

    Raises:
        ArgumentTypeError: it names no training job.
    """
    words = words.strip()
    if words.lower().startswith("arn:"):
        return _of_arn(words)
    if not words:
        raise _unusable("it is empty")
    if not JOB_NAME.fullmatch(words) and drill_id(words) is None:
        raise _unusable("a training job's name has letters, digits, and hyphens between them, 63 at most")
    return JobReference(name=words)


def run_reference(words: str) -> JobReference:
    """Read what stands on the command line for a run: its id, or any of its jobs.

    Raises:
        ArgumentTypeError: it names neither.
    """
    parts = _RUN.fullmatch(words.strip())
    if parts is None:
        return job_reference(words)
    region, name, milliseconds = parts.groups()
    if not REGION.fullmatch(region) or not JOB_NAME.fullmatch(name):
        raise _unusable("this is no id of a run, which is REGION/JOB/NUMBER")
    created = datetime.fromtimestamp(0, tz=UTC) + timedelta(milliseconds=int(milliseconds))
    return JobReference(name=name, region=region, created=created)


def exact_reference(job: JobId) -> str:
    """What means this job alone for `run_reference`, also if its name is used again, or in another region.

    No other drill has a drill's name.
    """
    return job.name if job.is_drill else run_id(job)


def _of_arn(words: str) -> JobReference:
    parts = words.split(":", _PARTS - 1)
    if parts[0] != "arn":
        raise _unusable("ARNs begin with arn: in lower case")
    if len(parts) < _PARTS:
        raise _unusable(f"this ARN is incomplete: it has {len(parts)} of {_PARTS} parts between colons")
    _, partition, service, region, account, resource = parts
    kind, name = re.fullmatch(r"([^/:]*)[/:]?(.*)", resource, flags=re.DOTALL).groups()  # type: ignore[union-attr]  # it matches everything
    if (service, kind) != ("sagemaker", "training-job"):
        raise _unusable(f"this ARN is of another kind ({one_line(f'{service} {kind}')})")
    wrong = {
        "the region": not REGION.fullmatch(region),
        "the account's twelve digits": not ACCOUNT.fullmatch(account),
        "the job's name after training-job/": not (resource.startswith("training-job/") and JOB_NAME.fullmatch(name)),
    }
    if any(wrong.values()):
        raise _unusable(f"this ARN lacks {' and '.join(what for what, lacks in wrong.items() if lacks)}")
    if (own := aws_partition(region).name) != partition:
        raise _unusable(f"this ARN contradicts itself: ARNs in {region} begin with arn:{own}:")
    return JobReference(name=name, region=region, account=account)


def _unusable(why: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{why}; expected is the name of a training job, or its ARN like {_EXAMPLE}")
