"""What Respot is going to do about an end, by the account's policy as it is now."""

from respot.domain.job import JobState, Transition
from respot.domain.outlook import Outlook
from respot.domain.planner import foresee
from respot.domain.policy import AccountPolicy
from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from respot.ports import Policies


class PolicyForesight:
    """The port `Foresight`."""

    def __init__(self, policies: Policies) -> None:
        """`policies` must keep what it has read: many jobs may end at once."""
        self._policies = policies

    def __call__(self, state: JobState, transitions: tuple[Transition, ...]) -> Outlook:
        """See `Foresight`."""
        return foresee(state, transitions, self._account())

    def _account(self) -> AccountPolicy | None:
        try:
            return self._policies.load()
        except (UpstreamUnavailableError, PolicyInvalidError):
            return None
