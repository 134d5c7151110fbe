import pytest

from respot.adapters.foresight import PolicyForesight
from respot.adapters.memory import MemoryPolicies
from respot.domain.outlook import Outlook
from respot.domain.policy import AccountPolicy, Policy
from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from tests.support.builders import state

ENDED = state(status="Stopped", secondary_status="MaxWaitTimeExceeded", tags={})


def test_the_accounts_policy_says_what_to_expect() -> None:
    asks = MemoryPolicies(policy=AccountPolicy(defaults=Policy(resume=True)))
    assert PolicyForesight(asks)(ENDED, ()) is Outlook.DECIDES
    assert PolicyForesight(MemoryPolicies())(ENDED, ()) is Outlook.LEAVES


@pytest.mark.parametrize("fault", [UpstreamUnavailableError("throttled"), PolicyInvalidError("no JSON")])
def test_a_policy_that_nobody_can_read_says_nothing(fault: Exception) -> None:
    assert PolicyForesight(MemoryPolicies(fault=fault))(ENDED, ()) is Outlook.UNKNOWN
