"""What a deployment needs is asked before anything is synthesized, and what is missing is said with what to do."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, UnauthorizedSSOTokenError
from moto import mock_aws

from infra import preflight
from infra.config import Config
from infra.preflight import ExitCode, NotReadyError, check

ACCOUNT = "123456789012"  # moto's
HUB, FAR = "us-east-1", "eu-west-1"
BOTH = Config(regions=(HUB, FAR))
NO_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": HUB}

Play = Callable[[str, Exception | dict[str, Any]], None]


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with valid credentials, and nothing of the profiles of the person who runs this."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "AMAZON_"))]:
        monkeypatch.delenv(name)
    for name, file in NO_FILES.items():
        monkeypatch.setenv(name, file)
    with mock_aws():
        yield


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    """Have AWS answer an operation, or every operation in a region, like this or with an error."""
    played: dict[str, Exception | dict[str, Any]] = {}
    call = BaseClient._make_api_call  # type: ignore[attr-defined] # noqa: SLF001 - where every call passes

    def answer(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401
        for named in (operation, client.meta.region_name):
            match played.get(named):
                case Exception() as error:
                    raise error
                case dict(given):
                    return given
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    return played.__setitem__


def denied(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "as AWS says"}}, "Operation")


def bootstrap(region: str, qualifier: str = "hnb659fds") -> None:
    name = f"/cdk-bootstrap/{qualifier}/version"
    boto3.client("ssm", region_name=region).put_parameter(Name=name, Value="30", Type="String")


def said(config: Config = BOTH, qualifier: str = "hnb659fds", **environment: str) -> str:
    return check(config, qualifier=qualifier, environment=environment)


def complaint(config: Config = BOTH, qualifier: str = "hnb659fds", **environment: str) -> tuple[ExitCode, str]:
    with pytest.raises(NotReadyError) as error:
        check(config, qualifier=qualifier, environment=environment)
    return error.value.exit_code, str(error.value)


def test_an_account_that_is_ready_is_named_with_the_regions() -> None:
    bootstrap(HUB)
    bootstrap(FAR)
    assert said() == f"Deploying to account {ACCOUNT}: us-east-1, eu-west-1."


def test_every_region_that_is_not_bootstrapped_is_named_with_the_command() -> None:
    bootstrap(HUB)
    code, message = complaint(Config(regions=(HUB, FAR, "ap-south-1")))
    assert code is ExitCode.NOT_BOOTSTRAPPED
    assert message.startswith(f"not bootstrapped for the CDK in account {ACCOUNT}: eu-west-1, ap-south-1.")
    assert message.splitlines()[-1] == (
        f"  .venv/bin/python -m infra.cdk bootstrap aws://{ACCOUNT}/eu-west-1 aws://{ACCOUNT}/ap-south-1"
    )


def test_a_bootstrap_of_another_qualifier_does_not_count() -> None:
    bootstrap(HUB, "others")
    assert complaint(Config(regions=(HUB,)))[0] is ExitCode.NOT_BOOTSTRAPPED
    assert ACCOUNT in said(Config(regions=(HUB,)), "others")


@pytest.mark.parametrize(
    "others", [{"AWS_REGION": FAR, "AWS_DEFAULT_REGION": HUB}, {"AWS_DEFAULT_REGION": FAR}], ids=str
)
def test_without_the_setting_the_region_is_that_of_the_credentials_as_the_cdk_cli_reads_them(
    others: dict[str, str],
) -> None:
    bootstrap(FAR)
    assert said(Config(), **others) == f"Deploying to account {ACCOUNT}: {FAR}."


def test_the_region_of_a_profile_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(f"[profile team]\nregion = {FAR}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "team")
    bootstrap(FAR)
    assert said(Config()).endswith(f": {FAR}.")


def test_without_any_region_nothing_is_deployed_to_us_east_1_by_surprise() -> None:
    code, message = complaint(Config())
    assert code is ExitCode.NO_REGION
    assert "set AWS_REGION" in message
    assert "`regions` in cdk.json" in message


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (denied("ExpiredToken"), ExitCode.CREDENTIALS_REFUSED, "your AWS credentials have expired"),
        (denied("ExpiredTokenException"), ExitCode.CREDENTIALS_REFUSED, "your AWS credentials have expired"),
        (UnauthorizedSSOTokenError(), ExitCode.CREDENTIALS_REFUSED, "your AWS credentials have expired"),
        (denied("InvalidClientTokenId"), ExitCode.CREDENTIALS_REFUSED, "AWS does not accept your credentials"),
        (EndpointConnectionError(endpoint_url="https://sts"), ExitCode.UNANSWERED, "AWS does not answer"),
    ],
    ids=repr,
)
def test_what_is_wrong_with_the_credentials_is_named(play: Play, error: Exception, code: ExitCode, words: str) -> None:
    play("GetCallerIdentity", error)
    found, message = complaint()
    assert found is code
    assert message.startswith(words)
    assert ("`aws sso login`" in message) is ("expired" in words)


def test_a_region_that_cannot_be_asked_is_named(play: Play) -> None:
    bootstrap(HUB)
    for error in (EndpointConnectionError(endpoint_url="https://ssm"), denied("UnrecognizedClientException")):
        play(FAR, error)
        found, message = complaint()
        assert found is ExitCode.UNANSWERED
        assert message.startswith("could not ask in eu-west-1: ")
        assert "is the region enabled for the account?" in message


def test_without_the_permission_for_the_parameter_the_stack_counts(play: Play) -> None:
    play("GetParameter", denied("AccessDeniedException"))
    play("DescribeStacks", denied("ValidationError"))  # as CloudFormation says that there is none
    assert complaint(Config(regions=(HUB,)))[0] is ExitCode.NOT_BOOTSTRAPPED
    play("DescribeStacks", {"Stacks": [{"StackName": "CDKToolkit"}]})
    assert said(Config(regions=(HUB,))) == f"Deploying to account {ACCOUNT}: us-east-1."


def test_what_the_credentials_may_not_see_stops_nothing_and_is_said(play: Play) -> None:
    """Silence is no answer: the deployment itself finds out."""
    play("GetParameter", denied("AccessDeniedException"))
    play("DescribeStacks", denied("AccessDenied"))
    assert said(Config(regions=(HUB,))).endswith("may not see whether these are bootstrapped: us-east-1.")


# --- the command


@pytest.mark.parametrize(
    ("others", "code", "words", "advice"),
    [
        ({}, ExitCode.NO_CREDENTIALS, "no AWS credentials: ", "`aws sso login`"),
        ({"AWS_PROFILE": "nobody"}, ExitCode.NO_CREDENTIALS, "no AWS credentials: ", "(nobody)"),
        *(
            (KEYS | variable, ExitCode.UNANSWERED, "the AWS client cannot be set up: ", "that begin with AWS_")
            for variable in ({"AWS_ENDPOINT_URL": "notaurl"}, {"AWS_METADATA_SERVICE_TIMEOUT": "zz"})
        ),
    ],
)
def test_the_command_says_what_is_missing(
    root: Path, others: dict[str, str], code: ExitCode, words: str, advice: str
) -> None:
    environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", **NO_FILES, **others}
    command = [sys.executable, "-m", "infra.preflight"]
    result = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert (result.returncode, result.stdout) == (code, "")
    assert result.stderr.startswith(words)
    assert advice in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "cdk.json cannot be read as JSON: Expecting property name"),
        ("[]", "cdk.json must be an object whose member `context` is an object"),
        ('{"context": null}', "cdk.json must be an object whose member `context` is an object"),
        (None, "cdk.json cannot be read as JSON: [Errno 2] No such file or directory"),
        ('{"context": {"respot": {"regions": "here"}}}', "respot.regions in the CDK context must be a list"),
    ],
)
def test_a_broken_cdk_json_or_a_wrong_setting_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,  # noqa: ANN401
    document: str | None,
    words: str,
) -> None:
    if document is not None:
        (tmp_path / "cdk.json").write_text(document)
    monkeypatch.setattr(preflight, "ROOT", tmp_path)
    assert preflight.main() == ExitCode.SETTINGS
    assert capsys.readouterr().err.startswith(words)


def test_make_checks_before_it_deploys(root: Path) -> None:
    result = subprocess.run(["make", "--dry-run", "deploy"], cwd=root, capture_output=True, text=True, check=True)  # noqa: S607
    steps = [line for line in result.stdout.splitlines() if " -m infra." in line]
    assert steps[-2:] == [".venv/bin/python -m infra.preflight", ".venv/bin/python -m infra.cdk deploy --all"]
