"""The ledger: the one DynamoDB table, with a grant for each function that uses it."""

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.config import Config, RemovalChoice
from respot import schema


class Ledger(Construct):
    """The table with its indexes and its stream of new images; grants are named after what they are for."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        """Deploys the table."""
        super().__init__(scope, construct_id)
        self.table: Final = dynamodb.Table(
            self,
            "Table",
            partition_key=_text(schema.PK),
            sort_key=_text(schema.SK),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            # Encrypted, like every table, with the key that AWS owns: no key policy can cut the ledger off.
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            stream=dynamodb.StreamViewType.NEW_IMAGE,
            time_to_live_attribute=schema.EXPIRES_AT,
            deletion_protection=config.removal_policy is RemovalChoice.RETAIN,
            removal_policy=RemovalPolicy[config.removal_policy.name],
        )
        for name, partition, sort, others in (
            (schema.BY_NAME, schema.REGION_AND_NAME, schema.CREATED, None),
            (schema.BY_ACTIVITY, schema.ACTIVE_ON, schema.LAST_MODIFIED, None),
            # The location is no key: it may have 1,024 letters, a key 1,024 bytes, and the item would be refused.
            (schema.BY_LIVE, schema.LIVE_IN, schema.CREATED, [schema.CHECKPOINT_URI]),
            (schema.BY_RUN, schema.LISTED_IN, schema.LISTED_AT, None),
        ):
            self.table.add_global_secondary_index(
                index_name=name,
                partition_key=_text(partition),
                sort_key=_text(sort),
                # Keys lead to the job. A full projection would be written again with every state, twice in
                # `by-activity`, whose key changes each time: more than the ledger's own writes, for a rare reader.
                projection_type=dynamodb.ProjectionType.INCLUDE if others else dynamodb.ProjectionType.KEYS_ONLY,
                non_key_attributes=others,
            )

    # A PutItem may replace an item: IAM has no action that only adds. Therefore each function may write to its own
    # partitions alone. Within them, the conditions on its own writes protect what is final.

    def grant_record(self, grantee: iam.IGrantable) -> None:
        """Read jobs and runs, find a job by its name; put states and transitions, and the summaries of runs."""
        self._grant(grantee, "dynamodb:Query")
        self._grant_index(grantee, schema.BY_NAME)
        self._grant_put(grantee, schema.JOB_PARTITION, schema.RUN_SUMMARY_PARTITION)

    def grant_alert(self, grantee: iam.IGrantable) -> None:
        """Read a job's items, put its alerts, windows and digests, ask for the table's age (the deployment's).

        Alerts share their job's partition, and IAM sees no sort key: no condition could set them apart.
        """
        self._grant(grantee, "dynamodb:Query", "dynamodb:DescribeTable")
        self._grant_put(grantee, schema.JOB_PARTITION, schema.POOL_PARTITION, schema.DIGEST_PARTITION)

    def grant_recover(self, grantee: iam.IGrantable) -> None:
        """Read jobs and runs, find jobs by name and those that are live, put all that recovery records.

        The table's age is the deployment's: what ended before is not acted on.
        """
        self._grant(grantee, "dynamodb:Query", "dynamodb:DescribeTable")
        self._grant_index(grantee, schema.BY_NAME)
        self._grant_index(grantee, schema.BY_LIVE)
        self._grant_put(
            grantee,
            schema.JOB_PARTITION,
            schema.RUN_PARTITION,
            schema.ATTEMPT_NAME_PARTITION,
            schema.RUN_SUMMARY_PARTITION,
            schema.WRITER_PARTITION,
            schema.REFUSAL_PARTITION,
            schema.START_PARTITION,
        )

    def grant_sweep(self, grantee: iam.IGrantable) -> None:
        """Read jobs with all of their items, find them by name, activity and life; put the sweep's progress.

        And list the runs that go on, and put the summaries of runs that lack theirs.
        """
        self._grant(grantee, "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:DescribeTable")
        for index in (schema.BY_NAME, schema.BY_ACTIVITY, schema.BY_LIVE, schema.BY_RUN):
            self._grant_index(grantee, index)
        self._grant_put(grantee, schema.SWEEP_PARTITION, schema.RUN_SUMMARY_PARTITION)

    def grant_report_week(self, grantee: iam.IGrantable) -> None:
        """Read runs with their jobs, list those that ended, find jobs by name; put what became of a week's digest."""
        self._grant(grantee, "dynamodb:BatchGetItem", "dynamodb:Query")
        self._grant_index(grantee, schema.BY_NAME)
        self._grant_index(grantee, schema.BY_RUN)
        self._grant_put(grantee, schema.WEEKLY_PARTITION)

    def grant_record_drill_posts(self, grantee: iam.IGrantable) -> None:
        """Put Slack's answer to a drill's message, and nothing else: the key of no job's partition begins like this."""
        self._grant_put(grantee, schema.DRILL_PARTITION)

    def read_statements(self) -> list[iam.PolicyStatement]:
        """Read everything, write nothing."""
        table = self.table.table_arn
        return [
            iam.PolicyStatement(actions=["dynamodb:BatchGetItem", "dynamodb:GetItem"], resources=[table]),
            iam.PolicyStatement(actions=["dynamodb:Query"], resources=[table, f"{table}/index/*"]),
        ]

    def _grant_put(self, grantee: iam.IGrantable, *partitions: str) -> None:
        """Put items, alone or in transactions, whose partition keys begin in one of these ways."""
        leading = "dynamodb:LeadingKeys"
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["dynamodb:PutItem"],
                resources=[self.table.table_arn],
                conditions={
                    "ForAllValues:StringLike": {leading: [f"{partition}*" for partition in partitions]},
                    # "For all" is true of an empty set: a request without a key would pass.
                    "Null": {leading: "false"},
                },
            )
        )

    def _grant(self, grantee: iam.IGrantable, *actions: str) -> None:
        iam.Grant.add_to_principal(grantee=grantee, actions=list(actions), resource_arns=[self.table.table_arn])

    def _grant_index(self, grantee: iam.IGrantable, index: str) -> None:
        iam.Grant.add_to_principal(
            grantee=grantee, actions=["dynamodb:Query"], resource_arns=[f"{self.table.table_arn}/index/{index}"]
        )


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
