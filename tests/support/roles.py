"""Roles: the functions', to try what they may do, and others."""

from typing import Any

from local.demo.deployed import DeployedAccount, policy
from local.emulator.account import LocalAccount


def credentials_of(deployed: DeployedAccount, role: str) -> dict[str, Any]:
    """Credentials of a function's role; its trust is widened for that, since only Lambda may assume it."""
    deployed.client("iam").update_assume_role_policy(
        RoleName=role.rsplit("/", 1)[-1], PolicyDocument=policy(Principal={"AWS": "*"})
    )
    keys = deployed.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return {
        "aws_access_key_id": keys["AccessKeyId"],
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }


def create_role(account: LocalAccount, name: str, *, service: str = "sagemaker", **permission: object) -> str:
    """Create a role that a service may assume, with at most one permission, a statement's members; gives its ARN."""
    iam, trust = account.client("iam"), policy(Principal={"Service": f"{service}.amazonaws.com"})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
    if permission:
        iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=policy(**permission))
    return str(role["Arn"])
