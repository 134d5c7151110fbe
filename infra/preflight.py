"""Checks whether an account is ready for a deployment, before the synthesis: `python -m infra.preflight`."""

import os
import sys
from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from infra.config import Config, read_context
from infra.packaging import ROOT
from respot.errors import RespotError
from respot.jobs.formatting import clause
from respot_cli.output import shielded, write

_QUALIFIER: Final = "@aws-cdk/core:bootstrapQualifier"
_USUAL_QUALIFIER: Final = "hnb659fds"
_REGION_VARIABLES: Final = ("AWS_REGION", "AMAZON_REGION", "AWS_DEFAULT_REGION", "AMAZON_DEFAULT_REGION")
"""In the order in which the CDK CLI reads them; then it reads the profile's region."""

_EXPIRED: Final = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_DENIED: Final = {"AccessDenied", "AccessDeniedException"}
_QUICK: Final = ClientConfig(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3})
_UNCHECKED: Final = "To deploy without this check: .venv/bin/python -m infra.cdk deploy --all"


class ExitCode(IntEnum):
    """Why it is not ready; 2 is Python's own, for wrong usage."""

    SETTINGS = 1
    NO_CREDENTIALS = 3
    CREDENTIALS_REFUSED = 4
    NO_REGION = 5
    NOT_BOOTSTRAPPED = 6
    UNANSWERED = 7


class NotReadyError(RespotError):
    """A deployment would fail; the message says what to do first."""

    def __init__(self, exit_code: ExitCode, message: str) -> None:
        """`message` is for the person at the terminal, `exit_code` for a script."""
        super().__init__(message)
        self.exit_code = exit_code


def check(config: Config, *, qualifier: str, environment: Mapping[str, str]) -> str:
    """Check credentials, region and bootstrap; gives what was found, in a sentence or two.

    Raises:
        NotReadyError: something is missing.
    """
    try:
        return _checked(config, qualifier=qualifier, environment=environment)
    except ValueError as error:  # of botocore, for example about AWS_ENDPOINT_URL=notaurl
        raise NotReadyError(
            ExitCode.UNANSWERED,
            f"the AWS client cannot be set up: {_words(error)}. Correct the environment variables that begin "
            "with AWS_, or your AWS profile",
        ) from error


def _checked(config: Config, *, qualifier: str, environment: Mapping[str, str]) -> str:
    try:
        session = boto3.session.Session()
        credentials = session.get_credentials()
    except BotoCoreError as error:
        raise _of_credentials(error) from error
    if credentials is None:
        raise _of_credentials(NoCredentialsError())
    regions = config.regions or (_region(session, environment),)
    account = _account(session, regions[0])
    found = {region: _is_bootstrapped(session, region, qualifier) for region in regions}
    if missing := [region for region, answer in found.items() if answer is False]:
        places = " ".join(f"aws://{account}/{region}" for region in missing)
        raise NotReadyError(
            ExitCode.NOT_BOOTSTRAPPED,
            f"not bootstrapped for the CDK in account {account}: {', '.join(missing)}. Do this once for each region, "
            f"then deploy again:\n  .venv/bin/python -m infra.cdk bootstrap {places}",
        )
    unknown = [region for region, answer in found.items() if answer is None]
    note = f" Your credentials may not see whether these are bootstrapped: {', '.join(unknown)}." if unknown else ""
    return f"Deploying to account {account}: {', '.join(regions)}.{note}"


def _region(session: boto3.session.Session, environment: Mapping[str, str]) -> str:
    """The region into which the CDK CLI deploys a stack that names none; the CLI itself falls back on us-east-1."""
    named = next((environment[name] for name in _REGION_VARIABLES if environment.get(name)), session.region_name)
    if not named:
        raise NotReadyError(
            ExitCode.NO_REGION,
            "no AWS region: set AWS_REGION or a region in your AWS profile, or name the region in the setting "
            "`regions` in cdk.json",
        )
    return named


def _account(session: boto3.session.Session, region: str) -> str:
    try:
        identity = session.client("sts", region_name=region, config=_QUICK).get_caller_identity()
    except ClientError as error:
        if error.response["Error"]["Code"] in _EXPIRED:
            raise _expired(error) from error
        raise NotReadyError(
            ExitCode.CREDENTIALS_REFUSED,
            f"AWS does not accept your credentials: {_words(error)}. Check your AWS profile",
        ) from error
    except BotoCoreError as error:
        raise _of_credentials(error) from error
    return identity["Account"]


def _is_bootstrapped(session: boto3.session.Session, region: str, qualifier: str) -> bool | None:
    """Whether the CDK's bootstrap stack is in a region; None if the credentials may not see it.

    The parameter is what the CDK CLI and the templates themselves read. Without the permission to read it, the stack
    of the usual name counts.
    """
    try:
        parameter = f"/cdk-bootstrap/{qualifier}/version"
        session.client("ssm", region_name=region, config=_QUICK).get_parameter(Name=parameter)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ParameterNotFound":
            return False
        if code not in _DENIED:
            raise _unanswered(region, error) from error
    except BotoCoreError as error:
        raise _unanswered(region, error) from error
    else:
        return True
    try:
        session.client("cloudformation", region_name=region, config=_QUICK).describe_stacks(StackName="CDKToolkit")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ValidationError":  # there is no such stack
            return False
        if code not in _DENIED:
            raise _unanswered(region, error) from error
        return None
    except BotoCoreError as error:
        raise _unanswered(region, error) from error
    return True


def _of_credentials(error: BotoCoreError) -> NotReadyError:
    match error:
        case NoCredentialsError() | PartialCredentialsError() | ProfileNotFound():
            return NotReadyError(
                ExitCode.NO_CREDENTIALS,
                f"no AWS credentials: {_words(error)}. Sign in (`aws configure`, `aws sso login`), or name a profile "
                "with AWS_PROFILE",
            )
        case SSOError() | TokenRetrievalError() | CredentialRetrievalError():
            return _expired(error)
        case ConnectionError():
            return NotReadyError(ExitCode.UNANSWERED, f"AWS does not answer: {_words(error)}. {_UNCHECKED}")
    return NotReadyError(
        ExitCode.UNANSWERED, f"the AWS credentials could not be checked: {_words(error)}. {_UNCHECKED}"
    )


def _words(error: Exception) -> str:
    return clause(str(error))


def _expired(error: Exception) -> NotReadyError:
    return NotReadyError(
        ExitCode.CREDENTIALS_REFUSED,
        f"your AWS credentials have expired: {_words(error)}. Sign in again (`aws sso login`), or get new ones",
    )


def _unanswered(region: str, error: Exception) -> NotReadyError:
    return NotReadyError(
        ExitCode.UNANSWERED,
        f"could not ask in {region}: {_words(error)}. Is that the region's name, and is the region enabled for the "
        f"account? {_UNCHECKED}",
    )


def main() -> int:
    """Check what cdk.json says; gives the exit code."""
    try:
        context = read_context(ROOT)
        config = Config.from_context(context)
        said = check(config, qualifier=context.get(_QUALIFIER, _USUAL_QUALIFIER), environment=os.environ)
    except NotReadyError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except RespotError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.SETTINGS
    write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(shielded(main, name="python -m infra.preflight"))
