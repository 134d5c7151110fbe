"""The stacks, deployed into an account with the official CDK CLI."""

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra import cdk

_TAIL: Final = 40

Outputs = dict[str, dict[str, str]]


class DeploymentError(Exception):
    """The CDK CLI failed; the message ends with what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdk:
    """The CDK CLI and Node.js from this virtual environment, talking to the account of `environment`."""

    environment: Mapping[str, str]

    def bootstrap(self, account: str, regions: Sequence[str]) -> None:
        """Prepare regions for deployments, as every AWS account needs it once."""
        # Not in the project's directory: there the CLI would synthesize the stacks first.
        with tempfile.TemporaryDirectory(prefix="respot-bootstrap-") as elsewhere:
            self._run(Path(elsewhere), "bootstrap", *(f"aws://{account}/{region}" for region in regions))

    def synthesize(self, project: Path, assembly: Path, *, context: Mapping[str, str] | None = None) -> None:
        """Synthesize the app that the project's cdk.json names into a cloud assembly."""
        values = [argument for name, value in (context or {}).items() for argument in ("--context", f"{name}={value}")]
        self._run(project, "synth", "--quiet", "--output", str(assembly.resolve()), *values)

    def deploy(self, assembly: Path, *, stacks: Sequence[str] = ()) -> Outputs:
        """Deploy a cloud assembly as it is, all of its stacks or those named; gives the outputs by stack and name."""
        with tempfile.TemporaryDirectory(prefix="respot-deploy-") as directory:
            outputs = Path(directory) / "outputs.json"
            self._run(
                Path(directory),
                "deploy",
                *(stacks or ["--all"]),
                *("--app", str(assembly.resolve()), "--require-approval", "never"),
                *("--concurrency", "4", "--outputs-file", str(outputs)),
            )
            deployed: Outputs = json.loads(outputs.read_text())
        return deployed

    def _run(self, directory: Path, command: str, *arguments: str) -> None:
        result = subprocess.run(  # noqa: S603 - the CLI we installed
            cdk.command(command, *arguments, "--no-notices", "--ci", "--progress", "events"),
            cwd=directory,
            env=cdk.environment(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            tail = "\n".join(result.stdout.splitlines()[-_TAIL:])
            raise DeploymentError(f"cdk {command} ended with exit code {result.returncode}\n{tail}")
