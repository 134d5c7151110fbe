from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber

from respot.aws.slack_webhook import read_secret
from respot.errors import WebhookRefusedError
from tests.support.builders import REGION

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

NAME = "respot/slack-webhook"


@pytest.fixture
def manager() -> "SecretsManagerClient":
    client = boto3.client("secretsmanager", region_name=REGION)
    client.create_secret(Name=NAME, SecretString="first")
    return client


def test_a_secret_is_its_text(manager: "SecretsManagerClient") -> None:
    assert read_secret(manager, NAME) == "first"


def test_a_secret_that_is_not_there_is_a_refusal_that_names_it(manager: "SecretsManagerClient") -> None:
    with pytest.raises(WebhookRefusedError, match="secret nobody/knows cannot be read"):
        read_secret(manager, "nobody/knows")


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "DecryptionFailure"])
def test_a_secret_that_cannot_be_read_now_is_a_refusal(manager: "SecretsManagerClient", code: str) -> None:
    with Stubber(manager) as stub:
        stub.add_client_error("get_secret_value", code)
        with pytest.raises(WebhookRefusedError):
            read_secret(manager, NAME)
    assert read_secret(manager, NAME) == "first"


def test_a_binary_secret_is_no_text(manager: "SecretsManagerClient") -> None:
    manager.create_secret(Name="binary", SecretBinary=b"\xff\x00")
    assert read_secret(manager, "binary") == ""
