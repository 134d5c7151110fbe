import pytest

from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from respot.recovery.foresight import PolicyForesight
from respot.recovery.planning.decision import Outlook
from respot.recovery.policy.policy import AccountPolicy, Policy
from tests.support.builders import state
from tests.support.memory import MemoryPolicies

ENDED = state(status="Stopped", secondary_status="MaxWaitTimeExceeded", tags={})


def test_the_accounts_policy_says_what_to_expect() -> None:
    asks = MemoryPolicies(policy=AccountPolicy(defaults=Policy(resume=True)))
    assert PolicyForesight(asks)(ENDED, ()) is Outlook.DECIDES
    assert PolicyForesight(MemoryPolicies())(ENDED, ()) is Outlook.LEAVES


@pytest.mark.parametrize("fault", [UpstreamUnavailableError("throttled"), PolicyInvalidError("no JSON")])
def test_a_policy_that_nobody_can_read_says_nothing(fault: Exception) -> None:
    assert PolicyForesight(MemoryPolicies(fault=fault))(ENDED, ()) is Outlook.UNKNOWN
