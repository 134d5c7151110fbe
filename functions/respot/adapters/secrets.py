"""A secret in Secrets Manager, read through Powertools and kept for a few minutes."""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from respot.errors import WebhookRefusedError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEPT_FOR: Final = timedelta(minutes=5)


class CachedSecret:
    """One secret's text."""

    def __init__(self, client: "SecretsManagerClient", name: str) -> None:
        """`name` is the secret's name or ARN."""
        self._provider = SecretsProvider(boto3_client=client)
        self._name = name

    def read(self) -> str:
        """The secret's text, at most a few minutes old.

        Raises:
            WebhookRefusedError: it cannot be read.
        """
        try:
            value = self._provider.get(self._name, max_age=int(KEPT_FOR.total_seconds()))
        except GetParameterError as error:
            message = f"secret {self._name} cannot be read; does it exist, and hold the webhook's address? {error}"
            raise WebhookRefusedError(message) from error
        return value if isinstance(value, str) else ""

    def forget(self) -> None:
        """Read it anew next time."""
        self._provider.clear_cache()  # type: ignore[no-untyped-call] # Powertools does not type it
