"""What every capability is built with."""

from dataclasses import dataclass

from aws_cdk import aws_lambda as lambda_

from infra.config import Config
from infra.constructs.alarms import Alarms
from infra.constructs.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What every capability of a stack is built with.

    Attributes:
        config: the settings.
        code: the bundle that every function runs.
        ledger: the table.
        alarms: where each capability adds its own.
    """

    config: Config
    code: lambda_.Code
    ledger: Ledger
    alarms: Alarms
