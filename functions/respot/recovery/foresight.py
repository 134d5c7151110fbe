"""Foresees what Respot will do about an end, by the account's present policy.

`alert` and `recover` follow the same stream. Therefore an alert of an end cannot wait for the decision. It asks people
to start a job only if the answer is a plain no. Otherwise there may be two writers: theirs and Respot's own attempt.
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
        """`policies` must cache what it reads: many jobs may end at once."""
        self._policies = policies

    def __call__(self, state: JobState, transitions: tuple[Transition, ...]) -> Outlook:
        """See `Foresight`."""
        return foresee(state, transitions, self._account())

    def _account(self) -> AccountPolicy | None:
        try:
            return self._policies.load()
        except (UpstreamUnavailableError, PolicyInvalidError):
            return None
