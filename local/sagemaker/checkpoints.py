"""The numbered checkpoints that a simulated job keeps in S3."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STEPS: Final = 50
SECONDS: Final = 0.4
# A checkpoint needs a moment to be written: none is begun this close to the end of a phase.
SECONDS_TO_WRITE: Final = 0.1
# As the Hugging Face Trainer names them; it writes trainer_state.json last.
_FILES: Final = ("model.safetensors", "optimizer.pt")
_STATE: Final = "trainer_state.json"
_KEY: Final = re.compile(r"checkpoint-(?P<step>\d+)/(?P<file>[^/]+)")


class CheckpointError(Exception):
    """A checkpoint could not be read or written; the message is the job's FailureReason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come, and which job trained which steps (first step excluded, last included)."""

    step: int = 0
    history: tuple[dict[str, Any], ...] = ()

    def after(self, job: str) -> "Progress":
        """Train on to the next checkpoint."""
        entry = {"trained_by": job, "from_step": self.step, "to_step": self.step + STEPS}
        return Progress(step=self.step + STEPS, history=(*self.history, entry))


def times(training_seconds: float, speed: float = 1.0) -> tuple[float, ...]:
    """When, in seconds since Training began, a phase of that length writes its checkpoints."""
    interval = SECONDS / speed
    last = training_seconds - SECONDS_TO_WRITE / speed
    # Multiplying instead of adding up keeps 3 x 0.4 from being more than 1.2.
    return tuple(interval * k for k in range(1, int(last / interval + 1e-6) + 1))


def restore(s3: "S3Client", uri: str) -> Progress:
    """Find the highest complete checkpoint under an S3 URI, which SageMaker takes as a key prefix as it stands."""
    steps: dict[int, dict[str, str]] = defaultdict(dict)
    with _place(uri) as (bucket, prefix):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", []):
                if match := _KEY.search(item["Key"], len(prefix)):
                    steps[int(match["step"])][match["file"]] = item["Key"]
        step = max((step for step, files in steps.items() if {*_FILES, _STATE} <= files.keys()), default=0)
        if not step:
            return Progress()
        text = s3.get_object(Bucket=bucket, Key=steps[step][_STATE])["Body"].read()
    try:
        return Progress(step=step, history=tuple(json.loads(text).get("log_history", ())))
    except ValueError:
        # Not written by this simulation: its step is known, its history is not.
        return Progress(step=step)


def write(s3: "S3Client", uri: str, job: str, progress: Progress) -> Progress:
    """Write one checkpoint; the file named after the job remains visible if another job trains the same steps."""
    state = {"global_step": progress.step, "log_history": list(progress.history)}
    files = {
        **{name: f"{name} at step {progress.step}\n" for name in _FILES},
        f"trained-by-{job}.json": json.dumps(progress.history[-1], indent=2),
        _STATE: json.dumps(state, indent=2),
    }
    with _place(uri) as (bucket, prefix):
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        for name, body in files.items():
            s3.put_object(Bucket=bucket, Key=f"{folder}checkpoint-{progress.step}/{name}", Body=body.encode())
    return progress


@contextmanager
def _place(uri: str) -> Iterator[tuple[str, str]]:
    """Bucket and key prefix; where they cannot be used, the job fails with that."""
    parts = urlsplit(uri)
    try:
        yield parts.netloc, parts.path.lstrip("/")
    except (ClientError, BotoCoreError) as error:
        raise CheckpointError(f"ClientError: Checkpoints in {uri} cannot be read or written: {error}") from error
