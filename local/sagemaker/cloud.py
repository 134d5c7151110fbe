"""What the simulated SageMaker needs from its account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """An account and region; nothing in one is visible in another."""

    account: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of a caller."""

    operation: str
    headers: Mapping[str, str]
    query: Mapping[str, Any]
    request: Mapping[str, Any]


class Cloud(Protocol):
    """The rest of the account."""

    def scope(self) -> Scope:
        """The account and region of the current request."""

    def denial(self, call: Call, action: str, resource: str, context: Mapping[str, Any]) -> str | None:
        """Ask IAM whether the caller may do this; None if it may, otherwise AWS's message."""

    def trusts_sagemaker(self, scope: Scope, role_arn: str) -> bool:
        """Whether a role exists and lets SageMaker assume it."""

    def publish(self, scope: Scope, entry: Mapping[str, Any]) -> None:
        """Put an AWS service's event, an entry of PutEvents, on the default bus."""

    def log(self, scope: Scope, role_arn: str, *, stream: str, messages: Sequence[str]) -> None:
        """Write lines that a container printed to a log stream of training jobs, if the job's role allows it."""

    def s3(self, scope: Scope, role_arn: str) -> "S3Client":
        """An S3 client with a role's permissions. It blocks: never call it on the event loop."""
