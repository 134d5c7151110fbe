"""Keeps descriptions of jobs that have ended in the user's cache folder: they never change again.

Each is a line of JSON in a file of its account and region, written as soon as it is known. A line that was cut short,
or that another version wrote, is skipped, and its job is described again. Only what a scan needs is kept: no
hyperparameters, no environment variables and no data locations.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from respot.aws.calls import NONSENSE
from respot.jobs.description import JobDescription, moment
from respot.jobs.job import JobId
from respot.jobs.lifecycle import TERMINAL_STATUSES
from respot.jobs.merge import same_creation
from respot_cli.user_cache import make_private_folder

VERSION: Final = 1
_SETTLED_AFTER: Final = timedelta(hours=1)
"""Just after the end, Describe may lack a job's times."""
_MEMBERS: Final = (
    "TrainingJobName",
    "TrainingJobArn",
    "TuningJobArn",
    "LabelingJobArn",
    "AutoMLJobArn",
    "TrainingJobStatus",
    "SecondaryStatus",
    "FailureReason",
    "ResourceConfig",
    "RoleArn",
    "StoppingCondition",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "SecondaryStatusTransitions",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "TrainingTimeInSeconds",
    "BillableTimeInSeconds",
)
_PLAIN: Final = re.compile(r"[a-z0-9-]+")


@dataclass(slots=True, kw_only=True)
class KeptJobs:
    """The kept descriptions of one account's region.

    Attributes:
        folder: where files are kept; `None` keeps nothing.
        account: the account's twelve digits.
        region: the region.
    """

    folder: Path | None
    account: str
    region: str
    _known: dict[str, list[JobDescription]] | None = field(default=None, init=False)

    def find(self, job: JobId) -> JobDescription | None:
        """The kept description of a job; a list may round its time of creation."""
        if self._known is None:
            self._known = {}
            for each in self._read():
                self._known.setdefault(each.job.name, []).append(each)
        named = self._known.get(job.name, ())
        return next((each for each in named if same_creation(each.job.created, job.created)), None)

    def keep(self, description: JobDescription, *, now: datetime) -> None:
        """Keep a description, if it cannot change any more and the folder can be written to."""
        modified = moment(description.request_source.get("LastModifiedTime"))
        settled = modified is not None and now - modified >= _SETTLED_AFTER
        if self._file is None or description.status not in TERMINAL_STATUSES or not settled:
            return
        line = json.dumps({"version": VERSION, "job": kept_part(description.request_source)}, default=_as_text)
        with suppress(OSError):
            make_private_folder(self._file.parent)
            descriptor = os.open(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "rb+", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                cut = bool(size) and os.pread(descriptor, 1, size - 1) != b"\n"
                # One write: another scan may append at the same time.
                file.write(f"{chr(10) * cut}{line}\n".encode())

    @property
    def _file(self) -> Path | None:
        plain = _PLAIN.fullmatch(self.account) and _PLAIN.fullmatch(self.region)
        return self.folder / "scan" / self.account / f"{self.region}.jsonl" if self.folder and plain else None

    def _read(self) -> Iterator[JobDescription]:
        if self._file is None:
            return
        try:
            lines = self._file.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            with suppress(*NONSENSE):
                document = json.loads(line)
                created = moment(document["job"]["CreationTime"])
                if document["version"] == VERSION and created:
                    yield _description(document["job"], self.region, created)


def kept_part(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a scan needs of a description."""
    part = {name: document[name] for name in _MEMBERS if name in document}
    algorithm = document.get("AlgorithmSpecification")
    if isinstance(algorithm, Mapping):
        part["AlgorithmSpecification"] = {
            name: algorithm[name] for name in ("AlgorithmName", "TrainingImage") if name in algorithm
        }
    return part


def _description(document: Mapping[str, Any], region: str, created: datetime) -> JobDescription:
    return JobDescription(
        job=JobId(region=region, name=document["TrainingJobName"], created=created),
        status=document["TrainingJobStatus"],
        request_source=document,
    )


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
