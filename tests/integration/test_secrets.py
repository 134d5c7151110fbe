from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber

from respot.adapters.secrets import CachedSecret
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


def test_a_secret_is_read_once_and_kept(manager: "SecretsManagerClient") -> None:
    secret = CachedSecret(manager, NAME)
    assert secret.read() == "first"
    manager.put_secret_value(SecretId=NAME, SecretString="second")
    assert secret.read() == "first"


def test_a_secret_that_was_forgotten_is_read_anew(manager: "SecretsManagerClient") -> None:
    secret = CachedSecret(manager, NAME)
    secret.read()
    manager.put_secret_value(SecretId=NAME, SecretString="second")
    secret.forget()
    assert secret.read() == "second"


def test_two_secrets_are_not_mistaken_for_one_another(manager: "SecretsManagerClient") -> None:
    other = boto3.client("secretsmanager", region_name=REGION)
    other.create_secret(Name="other", SecretString="other")
    assert [CachedSecret(manager, NAME).read(), CachedSecret(other, "other").read()] == ["first", "other"]


def test_a_secret_that_is_not_there_is_a_refusal_that_names_it(manager: "SecretsManagerClient") -> None:
    with pytest.raises(WebhookRefusedError, match="secret nobody/knows cannot be read"):
        CachedSecret(manager, "nobody/knows").read()


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "DecryptionFailure"])
def test_a_secret_that_cannot_be_read_now_is_a_refusal(manager: "SecretsManagerClient", code: str) -> None:
    with Stubber(manager) as stub:
        stub.add_client_error("get_secret_value", code)
        with pytest.raises(WebhookRefusedError):
            CachedSecret(manager, NAME).read()
    assert CachedSecret(manager, NAME).read() == "first"


def test_a_binary_secret_is_no_text(manager: "SecretsManagerClient") -> None:
    manager.create_secret(Name="binary", SecretBinary=b"\xff\x00")
    assert CachedSecret(manager, "binary").read() == ""
