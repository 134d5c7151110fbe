"""AWS refuses a call, or cannot be reached: of a session's clients that are made afterwards."""

from typing import Any

import boto3
from botocore.exceptions import ClientError, EndpointConnectionError


def refuse(session: boto3.session.Session, service: str, operation: str) -> None:
    """As if the caller lacked the permission."""

    def refused(**_: Any) -> None:  # noqa: ANN401
        denied = {"Error": {"Code": "AccessDeniedException", "Message": f"not authorized: {service}:{operation}"}}
        raise ClientError(denied, operation)  # type: ignore[arg-type]

    session.events.register_first(f"before-call.{service}.{operation}", refused)


def cut_off(session: boto3.session.Session, service: str, *, region: str) -> None:
    """As if the region were out of reach."""

    def unreachable(request_signer: Any, **_: Any) -> None:  # noqa: ANN401
        if request_signer.region_name == region:
            raise EndpointConnectionError(endpoint_url=f"https://{service}.{region}.amazonaws.com/")

    session.events.register_first(f"before-call.{service}", unreachable)
