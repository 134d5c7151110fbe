"""How the command finds its deployment, and what it says if AWS does not answer."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    TokenRetrievalError,
)

from respot_cli.deployment import advice, asking_aws, find
from respot_cli.errors import CommandError, ExitCode
from respot_cli.main import parser


class FakeSession(boto3.session.Session):
    """A session of boto3's own, with its way to the region; no call leaves the process."""

    def client(self, *_: object, **__: object) -> Any:  # noqa: ANN401
        return self

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        return {"Stacks": [{"Outputs": [{"OutputKey": "LedgerTableName", "OutputValue": "ledger"}]}]}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:  # noqa: ANN401
    (tmp_path / "config").write_text("[default]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(boto3.session, "Session", FakeSession)


@pytest.mark.parametrize(
    ("variables", "words", "region"),
    [
        ({}, (), "eu-north-1"),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, (), "us-west-2"),
        ({"AWS_REGION": "ap-south-1"}, (), "ap-south-1"),
        ({"AWS_REGION": "ap-south-1", "AWS_DEFAULT_REGION": "us-west-2"}, (), "ap-south-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-2"}, (), "us-west-2"),
        ({"AWS_REGION": "ap-south-1"}, ("--hub-region", "eu-west-1"), "eu-west-1"),
    ],
    ids=["profile", "AWS_DEFAULT_REGION", "AWS_REGION", "both", "empty", "option"],
)
def test_the_region_is_taken_from_where_the_aws_cli_takes_it(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: tuple[str, ...], region: str
) -> None:
    """AWS_REGION overrides AWS_DEFAULT_REGION and the profile (AWS CLI User Guide, environment variables)."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert find(parser().parse_args(["dlq", *words])).region == region


def test_without_a_region_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    for command, what in (("dlq", "the hub region with --hub-region"), ("scan", "those to scan with --regions")):
        chosen = parser().parse_args([command])
        with pytest.raises(CommandError, match=f"no AWS region: name {what}, or set AWS_REGION") as said:
            chosen.run(chosen)
        assert said.value.exit_code is ExitCode.AWS_UNAVAILABLE


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("error", "what_to_do"),
    [
        (refused("AccessDeniedException"), "ask your administrator for this permission"),
        (refused("ExpiredToken"), "renew your AWS credentials"),
        (refused("ThrottlingException"), "try again in a minute"),
        (ProfileNotFound(profile="nobody"), "aws configure list-profiles"),
        (NoCredentialsError(), "set up or renew your AWS credentials, or choose others with --profile"),
        (TokenRetrievalError(provider="sso", error_msg="expired"), "set up or renew your AWS credentials"),
        (NoRegionError(), "set AWS_REGION"),
        (EndpointConnectionError(endpoint_url="https://nowhere"), "check the network and the region"),
        (None, "try again in a minute"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_error_of_aws_says_what_to_do(error: ClientError | BotoCoreError | None, what_to_do: str) -> None:
    assert what_to_do in advice(error)
    if error:
        with pytest.raises(CommandError, match=what_to_do) as said, asking_aws():
            raise error
        assert str(error).rstrip(".") in str(said.value)
        assert said.value.exit_code is ExitCode.AWS_UNAVAILABLE


def test_words_of_aws_end_in_no_full_stop_before_what_to_do() -> None:
    """botocore's own words: "Provided region_name 'x y' doesn't match a supported format."."""
    error = InvalidRegionError(region_name="x y")
    assert str(error).endswith(".")
    with pytest.raises(CommandError, match="supported format; check the network and the region"), asking_aws():
        raise error
    with pytest.raises(CommandError, match="Stack does not exist: is Respot deployed"), asking_aws():
        raise ClientError({"Error": {"Code": "ValidationError", "Message": "Stack does not exist."}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("code", "words", "exit_code"),
    [
        ("ValidationError", "Stack with id Respot does not exist", ExitCode.NOT_FOUND),
        ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.", ExitCode.NOT_FOUND),
        ("ResourceNotFoundException", "Requested resource not found", ExitCode.NOT_FOUND),
        ("NoSuchBucket", "", ExitCode.NOT_FOUND),
        ("ValidationError", "1 validation error detected", ExitCode.AWS_UNAVAILABLE),
        ("AccessDenied", "a key that does not exist, or that you may not use", ExitCode.AWS_UNAVAILABLE),
        ("InvalidClientTokenId", "The token does not exist", ExitCode.AWS_UNAVAILABLE),
        ("ThrottlingException", "Rate exceeded for does not exist", ExitCode.AWS_UNAVAILABLE),
    ],
)
def test_the_code_says_whether_something_is_not_there(code: str, words: str, exit_code: ExitCode) -> None:
    error = ClientError({"Error": {"Code": code, "Message": words}}, "Call")
    with pytest.raises(CommandError, match=words.rstrip(".") or code) as said, asking_aws():
        raise error
    assert said.value.exit_code is exit_code
