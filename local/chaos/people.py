"""What other people of the account do during a round, to its jobs and to Respot's queues."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from local.demo.deployed import DeployedAccount
from respot.jobs.formatting import iso
from respot.recording.drill import DETAIL_TYPE, SOURCE
from respot.recovery.planning.attempt import Lineage

DRILLS: Final = 300
"""Of each kind, good and malformed."""
_BATCH: Final = 10
_FORGED: Final = Lineage(run="somebody-elses", attempt=1, parent="nobody").to_tags()


@dataclass(slots=True)
class People:
    """They change lineage `tags`, or `flood` Respot with drills: begin, go on at each poll, and make it good."""

    at: DeployedAccount
    prefix: str
    do: str
    _taken: dict[str, dict[str, str]] = field(default_factory=dict)

    def begin(self) -> None:
        """Send the drills."""
        if self.do == "flood":
            for entries in _drills():
                self.at.client("events").put_events(Entries=entries)

    def go_on(self) -> None:
        """Take the lineage tags of each job that is new; a job that has none gets those of another run."""
        for name in self.at.job_names(self.prefix) if self.do == "tags" else ():
            sagemaker = self.at.client("sagemaker")
            arn = sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobArn"]
            if arn not in self._taken:
                tags = {each["Key"]: each["Value"] for each in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
                self._taken[arn] = {key: tags[key] for key in _FORGED if key in tags}
                if self._taken[arn]:
                    sagemaker.delete_tags(ResourceArn=arn, TagKeys=[*_FORGED])
                else:
                    sagemaker.add_tags(ResourceArn=arn, Tags=_tags(_FORGED))

    def make_good(self) -> int:
        """Give the tags back, and remove the drills; how many tags were changed, or malformed drills refused."""
        sagemaker, sqs, hit = self.at.client("sagemaker"), self.at.client("sqs"), 0
        for arn, tags in self._taken.items():
            sagemaker.delete_tags(ResourceArn=arn, TagKeys=[*_FORGED])
            sagemaker.add_tags(ResourceArn=arn, Tags=_tags(tags)) if tags else None
            hit += 1
        self._taken.clear()
        if self.do == "flood":
            hit += self.at.queue_depth(self.at.outputs["DrillsDlqUrl"])
            for output in ("DrillsQueueUrl", "DrillsDlqUrl"):
                sqs.purge_queue(QueueUrl=self.at.outputs[output])
        return hit


def _tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _drills() -> Iterator[list[dict[str, Any]]]:
    kinds = ["interrupted", "nothing"] * DRILLS  # the second one is malformed
    for first in range(0, len(kinds), _BATCH):
        yield [
            {
                "Source": SOURCE,
                "DetailType": DETAIL_TYPE,
                "Detail": json.dumps({"id": secrets.token_hex(6), "kind": kind, "sent_at": iso(datetime.now(UTC))}),
            }
            for kind in kinds[first : first + _BATCH]
        ]
