"""A training script that resumes from the newest checkpoint in /opt/ml/checkpoints, which SageMaker keeps in S3."""

from pathlib import Path

checkpoints = Path("/opt/ml/checkpoints")
steps = [int(each.name.removeprefix("checkpoint-")) for each in checkpoints.glob("checkpoint-*")]
for step in range(max(steps, default=0) + 50, 501, 50):
    (checkpoints / f"checkpoint-{step}").mkdir(parents=True)
    print(f"Saved checkpoint-{step}", flush=True)
