"""The functions' roles, to try what they may do."""

import json
from typing import Any

from local.demo.deployed import DeployedAccount


def credentials_of(deployed: DeployedAccount, role: str) -> dict[str, Any]:
    """Credentials of a function's role; its trust is widened for that, since only Lambda may assume it."""
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    deployed.client("iam").update_assume_role_policy(
        RoleName=role.rsplit("/", 1)[-1], PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    keys = deployed.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
