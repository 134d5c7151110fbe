"""What Respot is going to do about an end, by the account's policy as it is now.

`alert` and `recover` follow the same stream: an alert of an end cannot wait for the decision. Unless the answer is a
plain no, it invites nobody to start a job by hand: that would be a second writer beside Respot's own attempt.
"""

from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from respot.jobs.job import JobState, Transition
from respot.recovery.planning.decision import Outlook
from respot.recovery.planning.planner import foresee
from respot.recovery.policy.policy import AccountPolicy
from respot.recovery.ports import Policies


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
