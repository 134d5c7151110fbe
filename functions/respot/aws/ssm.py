"""Parameters in Systems Manager: the account policy and the kill switch."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from respot.aws.error_codes import Answer, answer_of
from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from respot.recovery.policy.document import read_policy
from respot.recovery.policy.policy import AccountPolicy

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class ParameterPolicies:
    """The port `Policies`. Only the text is cached, so that an old policy cannot outlive it."""

    def __init__(self, read: Callable[[], str]) -> None:
        """`read` gives the parameter's text: a `CachedText` of `read_policy_text`."""
        self._read = read

    def load(self) -> AccountPolicy:
        """See `Policies.load`."""
        return read_policy(self._read())


def read_policy_text(client: "SSMClient", name: str) -> str:
    """The parameter's text.

    Raises:
        PolicyInvalidError: Systems Manager says that the parameter does not exist.
        UpstreamUnavailableError: it could not be read.
    """
    text = _read(client, name, "policy")
    if text is None:
        message = f"the policy's parameter {name} does not exist: deploy again"
        raise PolicyInvalidError(message)
    return text


class ParameterKillSwitch:
    """The port `KillSwitch`."""

    def __init__(self, read: Callable[[], str], *, parameter: str) -> None:
        """`read` gives the parameter's text: a `CachedText` of `read_kill_switch`."""
        self._read = read
        self._parameter = parameter

    def why_on(self) -> str | None:
        """See `KillSwitch.why_on`."""
        position = self._read()
        match position.strip().lower():
            case "off":
                return None
            case "on":
                return "the account's kill switch is on"
            case _:
                problem = f"says {position[:40]!r}, neither on nor off" if position else "does not exist"
        return (
            f"the kill switch's parameter {self._parameter} {problem}, which counts as on "
            f"(set it: aws ssm put-parameter --name {self._parameter} --type String --value off --overwrite)"
        )


def read_kill_switch(client: "SSMClient", name: str) -> str:
    """The parameter's text; empty, which no parameter is, if Systems Manager says that it does not exist.

    Raises:
        UpstreamUnavailableError: it could not be read.
    """
    return _read(client, name, "kill switch") or ""


def _read(client: "SSMClient", name: str, what: str) -> str | None:
    try:
        return client.get_parameter(Name=name)["Parameter"]["Value"]
    except (ClientError, BotoCoreError, KeyError) as error:
        if answer_of(error) is Answer.ABSENT:
            return None
        message = f"the {what}'s parameter {name} could not be read: {error}"
        raise UpstreamUnavailableError(message) from error
