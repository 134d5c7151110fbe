"""What other people of the account do during a round, to its jobs and to Respot's queues."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from local.demo.deployed import DeployedAccount
from respot.aws.dynamodb.keys import partition_of
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, at_milliseconds
from respot.recording.drill import DETAIL_TYPE, SOURCE
from respot.recovery.planning.attempt import Lineage
from respot.schema import KIND, PK, SK, ItemKind

DRILLS: Final = 300
"""Of each kind, good and malformed."""
_BATCH: Final = 10
_DEAD: Final = {"flood": ("DrillsQueueUrl", "DrillsDlqUrl"), "newer": ("AlertsDlqUrl",)}
"""The queues that these fill."""
_FORGED: Final = Lineage(run="somebody-elses", attempt=1, parent="nobody").to_tags()


@dataclass(slots=True)
class People:
    """They begin, go on at each poll, and make it good in the end.

    `do` says what: change lineage "tags", "flood" Respot with drills, or leave a decision of a "newer" version behind.
    """

    at: DeployedAccount
    prefix: str
    do: str
    _taken: dict[str, dict[str, str]] = field(default_factory=dict)
    _left: dict[str, Any] = field(default_factory=dict)

    def begin(self) -> None:
        """Send the drills, or write a decision that this version cannot read."""
        if self.do == "flood":
            for entries in _drills():
                self.at.client("events").put_events(Entries=entries)
        elif self.do == "newer":
            ledger, table = self.at.client("dynamodb"), self.at.outputs["LedgerTableName"]
            decided = next(
                each for each in ledger.scan(TableName=table)["Items"] if each[KIND]["S"] == ItemKind.DECISION
            )
            nobody = JobId(region=self.at.account.region, name="nobodys", created=at_milliseconds(datetime.now(UTC)))
            item = {**decided, PK: {"S": partition_of(nobody)}, "action": {"S": "migrate"}}
            ledger.put_item(TableName=table, Item=item)
            self._left = {"TableName": table, "Key": {name: item[name] for name in (PK, SK)}}

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
        """Undo it; how many tags were changed, or dead letters were made of drills or the decision."""
        sagemaker, sqs, hit = self.at.client("sagemaker"), self.at.client("sqs"), len(self._taken)
        for arn, tags in self._taken.items():
            sagemaker.delete_tags(ResourceArn=arn, TagKeys=[*_FORGED])
            if tags:
                sagemaker.add_tags(ResourceArn=arn, Tags=_tags(tags))
        self._taken.clear()
        if self._left:
            self.at.client("dynamodb").delete_item(**self._left)
        for output in _DEAD.get(self.do, ()):
            hit += self.at.queue_depth(self.at.outputs[output]) if output.endswith("DlqUrl") else 0
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
