"""The account's policy, cached. Not in `stores`: compiling its schema takes longer than the rest of a cold start."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from respot.aws.cached_text import CachedText
from respot.aws.ssm import ParameterPolicies, read_policy_text
from respot.bootstrap.clients import now

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

POLICY_KEPT_FOR: Final = timedelta(seconds=60)


def policies(client: "Callable[[], SSMClient]", parameter: str) -> ParameterPolicies:
    """The policy in this parameter; the client is made by the first read."""
    return ParameterPolicies(
        CachedText(lambda: read_policy_text(client(), parameter), kept_for=POLICY_KEPT_FOR, clock=now).read
    )
