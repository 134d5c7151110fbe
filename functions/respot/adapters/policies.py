"""The account's policy, in a parameter of Systems Manager."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from respot.domain.policy import AccountPolicy
from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from respot.policy_document import read_policy

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class ParameterPolicies:
    """The port `Policies`; nothing but the text is kept, so that an old policy cannot outlive it."""

    def __init__(self, read: Callable[[], str]) -> None:
        """`read` gives the parameter's text: a `CachedText` of `read_parameter`."""
        self._read = read

    def load(self) -> AccountPolicy:
        """See `Policies.load`."""
        return read_policy(self._read())


def read_parameter(client: "SSMClient", name: str) -> str:
    """The parameter's text.

    Raises:
        PolicyInvalidError: Systems Manager positively said that there is no such parameter.
        UpstreamUnavailableError: it could not be read.
    """
    try:
        return client.get_parameter(Name=name)["Parameter"]["Value"]
    except client.exceptions.ParameterNotFound as error:
        message = f"the policy's parameter {name} does not exist: deploy again"
        raise PolicyInvalidError(message) from error
    except (ClientError, BotoCoreError, KeyError) as error:
        message = f"the policy's parameter {name} could not be read: {error}"
        raise UpstreamUnavailableError(message) from error
