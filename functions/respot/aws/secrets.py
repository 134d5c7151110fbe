"""A secret in Secrets Manager."""

from typing import TYPE_CHECKING

from respot.aws.calls import raising
from respot.errors import WebhookRefusedError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def read_secret(client: "SecretsManagerClient", name: str) -> str:
    """The secret's text; empty if it holds bytes.

    Raises:
        WebhookRefusedError: it cannot be read.
    """
    with raising(WebhookRefusedError, f"secret {name} cannot be read (does it exist, and hold the webhook's address?)"):
        return client.get_secret_value(SecretId=name).get("SecretString", "")
