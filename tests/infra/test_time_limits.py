"""The arithmetic of waiting: clients within functions, functions within claims and queues, against the template."""

from datetime import timedelta

import pytest

from respot.aws import s3 as checkpoints
from respot.aws import slack_webhook as slack
from respot.bootstrap.time_budget import CALL_LIMITS, RESERVE
from respot.handlers import weekly
from respot.handlers.alert import LONGEST_ALERT
from respot.recording import consumer
from respot.recovery import consumer as recovery_consumer
from respot.recovery import unknown_writers
from respot.settings import Settings
from respot.sweep import region_sweep
from tests.infra.synthesis import Synthesized, render, statements

CALLS_OF_AN_ACCOUNT = 2
"""Of ListTrainingJobs, a second, by all its users (Service Quotas)."""
NO_CLIENT = {"iam", "logs"}
"""Granted, and never called by us: PassRole goes with CreateTrainingJob, and Lambda writes the log."""


def timeout(template: Synthesized, function: str) -> timedelta:
    return timedelta(seconds=template.properties(f"{function}Function")["Timeout"])


def services(template: Synthesized, function: str) -> set[str]:
    """The services that a function may call."""
    policies = template.of_type("IAM::Policy").values()
    role = render(template.properties(f"{function}Function")["Role"]).replace(".Arn", "")
    of_function = [policy for policy in policies if render(policy["Roles"]) == [role]]
    assert of_function
    actions = {action for policy in of_function for _, names, _, _ in statements(policy) for action in names}
    return {action.partition(":")[0] for action in actions} - NO_CLIENT


FUNCTIONS = ("Alert", "Record", "EnqueueEnded", "Recover", "Slack", "Sweep", "Weekly")


def test_every_service_that_a_function_may_call_has_a_timeout_and_no_other(full: Synthesized) -> None:
    assert {f"{name}Function" for name in FUNCTIONS} == full.of_type("Lambda::Function").keys()
    assert set().union(*(services(full, name) for name in FUNCTIONS)) == CALL_LIMITS.keys()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_half_a_functions_time_holds_any_call_and_the_reserve_behind_it(full: Synthesized, function: str) -> None:
    """With less left a call is not begun: a function in which none could ever begin would do nothing at all."""
    longest = max(CALL_LIMITS[service].longest_call for service in services(full, function))
    assert 2 * (longest + RESERVE) <= timeout(full, function)


def test_the_reserve_holds_the_delay_of_a_message(full: Synthesized) -> None:
    assert CALL_LIMITS["sqs"].longest_call < RESERVE < timeout(full, "Slack")


@pytest.mark.parametrize(
    ("function", "longest", "first"),
    [("Record", consumer.LONGEST_DESCRIBE, "sagemaker"), ("Recover", recovery_consumer.LONGEST_STEP, "s3")],
)
def test_a_job_is_begun_only_where_it_could_be_finished(
    full: Synthesized, function: str, longest: timedelta, first: str
) -> None:
    """Half of the function's time at least is there for it, after any cold start and any jobs before it."""
    assert 2 * longest <= timeout(full, function)
    assert CALL_LIMITS[first].longest_call + RESERVE <= longest


def test_a_listing_of_checkpoints_leaves_time_for_the_rest_of_its_step() -> None:
    listing = checkpoints.MAX_TIME + CALL_LIMITS["s3"].longest_call
    assert listing + CALL_LIMITS["dynamodb"].longest_call + RESERVE <= recovery_consumer.LONGEST_STEP


def test_lists_of_jobs_keep_to_the_accounts_rate_and_leave_some_of_it_to_its_users(full: Synthesized) -> None:
    (recoveries,) = (
        each
        for each in full.of_type("Lambda::EventSourceMapping").values()
        if render(each["EventSourceArn"]) == "${RecoveryQueue.Arn}"
    )
    copies = recoveries["ScalingConfig"]["MaximumConcurrency"]
    a_second = copies / unknown_writers.PACE.total_seconds() + 1 / region_sweep.PACE.total_seconds()
    assert a_second + 0.3 <= CALLS_OF_AN_ACCOUNT


def test_the_longest_list_of_jobs_has_time_beside_a_listing_of_checkpoints(full: Synthesized) -> None:
    """In the first step of an invocation, which the others follow only if a minute is left."""
    pauses = (unknown_writers.MOST_PAGES - 1) * unknown_writers.PACE
    limits = CALL_LIMITS["sagemaker"]
    calls = (checkpoints.MAX_TIME + CALL_LIMITS["s3"].longest_call, unknown_writers.MOST_PAGES * timedelta(seconds=1))
    assert pauses + sum(calls, timedelta()) + limits.longest_call + RESERVE <= timeout(full, "Recover")
    # After a call that was allowed and not answered, there is time for a pause.
    unanswered = timedelta(seconds=limits.connect_seconds + limits.read_seconds)
    assert unanswered + unknown_writers.PACE <= limits.longest_call + RESERVE


def test_an_alert_ends_within_its_function_and_its_claim_outlives_both(full: Synthesized) -> None:
    lease = Settings.from_environment(render(full.properties("AlertFunction")["Environment"]["Variables"])).alert_lease
    assert LONGEST_ALERT < timeout(full, "Alert") < lease


def test_a_week_is_published_within_the_function_and_its_lease(full: Synthesized) -> None:
    """The lease ends before Lambda repeats a call, which "waits one minute between the first two attempts".

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    assert weekly.PUBLISHING < weekly.LEASE < timedelta(minutes=1)
    assert weekly.PUBLISHING < weekly.ENOUGH <= timeout(full, "Weekly") / 2


def test_a_post_to_slack_ends_within_its_function_by_its_slowest_way(full: Synthesized) -> None:
    assert CALL_LIMITS["secretsmanager"].longest_call + slack.LONGEST_POST + RESERVE <= timeout(full, "Slack")
