"""Reads the account's present policy for a command that shows the rest without it."""

from respot.aws.ssm import ParameterPolicies, read_policy_text
from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from respot.jobs.formatting import clause
from respot.recovery.policy.policy import AccountPolicy
from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.errors import CommandError


def present_policy(found: Deployment) -> tuple[AccountPolicy | None, str | None]:
    """The policy, or why it cannot be read."""
    parameter = found.outputs.get("PolicyParameterName", f"/{found.stack}/policy")
    try:
        client = found.client("ssm", found.region)
        return ParameterPolicies(lambda: read_policy_text(client, parameter)).load(), None
    except PolicyInvalidError as error:
        return None, f"the account's policy is invalid, and Respot decides nothing until it is corrected: {error}"
    except UpstreamUnavailableError as error:
        return None, f"{clause(str(error))}; {deployment.advice(error.__cause__)}"
    except CommandError as error:
        return None, str(error)
