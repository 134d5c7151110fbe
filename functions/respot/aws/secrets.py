"""A secret in Secrets Manager."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from respot.errors import WebhookRefusedError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def read_secret(client: "SecretsManagerClient", name: str) -> str:
    """The secret's text; empty if it holds bytes.

    Raises:
        WebhookRefusedError: it cannot be read.
    """
    try:
        return client.get_secret_value(SecretId=name).get("SecretString", "")
    except (ClientError, BotoCoreError) as error:
        message = f"secret {name} cannot be read; does it exist, and hold the webhook's address? {error}"
        raise WebhookRefusedError(message) from error
