"""The local account's price list: for whom its policy allows it, as on AWS."""

import json
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError

from local.emulator.account import LocalAccount
from respot_cli.prices.price_list import training_prices

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}]}


def test_prices_are_read_page_by_page(local_account: LocalAccount) -> None:
    found = {
        each.instance_type: each.per_hour for each in training_prices(local_account.client("pricing"), "eu-west-1")
    }
    assert found["ml.m5.xlarge"] == Decimal("0.257")
    assert "ml.g4dn.4xlarge" not in found


def test_a_role_without_the_permission_is_refused(local_account: LocalAccount) -> None:
    iam = local_account.client("iam")
    role = iam.create_role(RoleName="NoPrices", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    given = local_account.client("sts").assume_role(RoleArn=role, RoleSessionName="person")["Credentials"]
    client = local_account.client(
        "pricing",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    with pytest.raises(ClientError, match="pricing:GetProducts"):
        client.get_products(ServiceCode="AmazonSageMaker")
    allowed = {"Effect": "Allow", "Action": "pricing:GetProducts", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="NoPrices", PolicyName="prices", PolicyDocument=document)
    assert client.get_products(ServiceCode="AmazonSageMaker")["PriceList"]
