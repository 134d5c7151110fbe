"""AWS refuses a call, cannot be reached, or its answer is lost."""

from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError, EndpointConnectionError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def refuse(session: boto3.session.Session, service: str, operation: str) -> None:
    """As if the caller lacked the permission: of clients that are made afterwards."""

    def refused(**_: Any) -> None:  # noqa: ANN401
        denied = {"Error": {"Code": "AccessDeniedException", "Message": f"not authorized: {service}:{operation}"}}
        raise ClientError(denied, operation)  # type: ignore[arg-type]

    session.events.register_first(f"before-call.{service}.{operation}", refused)


def cut_off(session: boto3.session.Session, service: str, *, region: str) -> None:
    """As if the region were out of reach: of clients that are made afterwards."""

    def unreachable(request_signer: Any, **_: Any) -> None:  # noqa: ANN401
        if request_signer.region_name == region:
            raise EndpointConnectionError(endpoint_url=f"https://{service}.{region}.amazonaws.com/")

    session.events.register_first(f"before-call.{service}", unreachable)


def lose_the_first_answer(client: "DynamoDBClient", operation: str) -> None:
    """Have the client send its next request of this operation twice, as if the answer to the first one was lost."""
    event, lost = f"needs-retry.dynamodb.{operation}", iter([0.0])
    client.meta.events.register_first(event, lambda **_: next(lost, None))  # type: ignore[arg-type]  # this event wants an answer
