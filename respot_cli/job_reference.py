"""How a person names a training job: by its name, or by its ARN."""

import argparse
import re
from dataclasses import dataclass
from typing import Final

_ARN: Final = re.compile(r"arn:[a-z-]+:sagemaker:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):training-job/(?P<name>.+)")
_RESOURCE: Final = re.compile(r"arn:[^:]*:(?P<service>[^:]+):[^:]*:[^:]*:(?P<type>[^:/]+)")
_EXAMPLE: Final = "arn:aws:sagemaker:us-east-1:111122223333:training-job/my-job"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReference:
    """A training job as somebody named it.

    Attributes:
        name: its name.
        region: the region in the ARN; `None` if it was no ARN.
        account: the account in the ARN; `None` if it was no ARN.
    """

    name: str
    region: str | None = None
    account: str | None = None

    @property
    def hint(self) -> str:
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
    if match := _ARN.fullmatch(words):
        return JobReference(name=match["name"], region=match["region"], account=match["account"])
    if words.startswith("arn:"):
        found = _RESOURCE.match(words)
        what = f"of another kind ({found['service']} {found['type']})" if found else "incomplete"
        message = f"this ARN is {what}; expected is the name of a training job, or its ARN like {_EXAMPLE}"
        raise argparse.ArgumentTypeError(message)
    if not words:
        message = f"it is empty; expected is the name of a training job, or its ARN like {_EXAMPLE}"
        raise argparse.ArgumentTypeError(message)
    return JobReference(name=words)
