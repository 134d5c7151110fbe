"""Runs the faults one after the other in one account, each with jobs of its own, and judges what is left of each."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from local.chaos.between import Between, Counts, route_functions, standing_between
from local.chaos.faults import OUTAGE_SECONDS, UNDISTURBED, VISIBILITY_SECONDS, Fault
from local.chaos.judgement import Fates, Judgement, judge, missing_deliveries
from local.chaos.subjects import Cast, Subjects, subjects
from local.demo.deployed import DeployedAccount, deployed_account
from respot.settings import ALERT_LEASE_SECONDS

PATIENCE_SECONDS: Final = 600.0
"""How long a round may take altogether, and then its queues to empty: three times what the slowest took on a busy
machine. `make proof` judges how long it took to heal."""
QUIET_SECONDS: Final = 1.5
"""How long nothing must wait anywhere before a round is judged: what comes twice has come by then."""
_LOOK_SECONDS: Final = 0.4
_LEASE_SECONDS: Final = 5
"""How long a dead `alert` holds back an alert here."""
_CONTEXT: Final = {
    # Quicker than as shipped, so that a round takes seconds; what is waited for stays the same.
    "respot:observation_retry_seconds": "1",
    "respot:slack_retry_seconds": "1",
}
_ROUND: Final = "CHAOS_ROUND"
"""A variable that no function reads: a new value makes new processes of them."""
_SWEEP_HANDLER: Final = "respot.handlers.sweep.handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of one fault.

    Attributes:
        fault: the fault.
        counts: what the proxy saw.
        heal_seconds: from the end of the fault, or of the last job, until nothing was left to come; `None`: never.
        judgement: what was found at last; `None` if the fault was not played.
        skipped: why it was not.
    """

    fault: Fault
    counts: Counts | None = None
    heal_seconds: float | None = None
    judgement: Judgement | None = None
    skipped: str | None = None

    @property
    def fates(self) -> Fates | None:
        """What the ledger said at last."""
        return None if self.judgement is None else self.judgement.fates

    @property
    def is_good(self) -> bool:
        """Whether all healed, and nothing was lost, doubled or wrong; a round that was not played is no failure."""
        return self.judgement is None or (self.judgement.is_good and self.heal_seconds is not None and self.was_felt)

    @property
    def was_felt(self) -> bool:
        """Whether the fault hit anything: a round that it did not touch proves nothing."""
        if self.counts is None:
            return False
        meant_to_hit = self.fault.rules or self.fault.slack is not None
        return (not meant_to_hit or self.counts.hit > 0) and (not self.fault.deaths or self.counts.killed > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """A deployed account with the proxy between its functions and AWS."""

    at: DeployedAccount
    between: Between
    cast: Cast

    def undisturbed(self) -> Round:
        """The same jobs without a fault: what the others are compared with."""
        return self.play(UNDISTURBED, None)

    def play(self, fault: Fault, undisturbed: Fates | None) -> Round:
        """Play one fault until all has healed, or patience is at its end."""
        if fault.swept and self._sweep_function() is None:
            return Round(fault=fault, skipped="needs a sweep, which is not deployed")
        of_fault = subjects(self.at, fault, self.cast)
        # What functions keep (the secret, the policy) they must ask for anew, so that these calls are hit as well.
        route_functions(self.at, {_ROUND: fault.name})
        self.between.counts()
        refused = self._refused_by_slack()
        self._begin(fault)
        began = time.time()
        try:
            of_fault.create()
            healing_since = None
            if fault.outage:
                time.sleep(max(0.0, began + OUTAGE_SECONDS - time.time()))
                self._lift()
                healing_since = time.time()
            healed_at, ended_at = self._await(of_fault, fault)
        finally:
            self._lift()
        counts = self.between.counts()
        # Slack is no service of AWS: the proxy sees nothing of its refusals.
        counts = replace(counts, hit=counts.hit + self._refused_by_slack() - refused)
        if healed_at is None:
            # Late under the fault is one thing, and told as such; lost for good, without it, is another.
            self._await(of_fault, fault)
        self._await_quiet()
        judgement = judge(of_fault, undisturbed)
        since = max(healing_since or 0.0, ended_at)
        return Round(
            fault=fault,
            counts=counts,
            heal_seconds=None if healed_at is None else max(0.0, healed_at - since),
            judgement=judgement,
        )

    def _begin(self, fault: Fault) -> None:
        if fault.slack is not None:
            self.at.slack.refuse(1_000_000, fault.slack)
        self.between.play(fault.rules, deaths=fault.deaths)

    def _lift(self) -> None:
        self.at.slack.accept()
        self.between.play()

    def _refused_by_slack(self) -> int:
        return sum(post.status != 200 for post in self.at.slack.posts)

    def _await(self, of_fault: Subjects, fault: Fault) -> tuple[float | None, float]:
        """Wait until nothing more is to come: when that was (`None`: never), and when the last job ended."""
        waiting = [*of_fault.jobs, *of_fault.runs]
        ended_at, deadline = 0.0, time.time() + PATIENCE_SECONDS
        while time.time() < deadline:
            if not ended_at and len(of_fault.job_names()) >= len(of_fault.demanded_names) and (ends := of_fault.ends()):
                ended_at = max(ends)
            waiting = of_fault.unsettled(waiting)
            if not waiting and not missing_deliveries(of_fault):
                healed_at = time.time()
                return healed_at, ended_at or max(of_fault.ends() or [healed_at])
            if fault.swept:
                self._sweep()
            time.sleep(_LOOK_SECONDS)
        return None, ended_at

    def _await_quiet(self) -> None:
        """Wait until the functions' queues have been empty for a moment, so that no round reaches into the next."""
        quiet_since, deadline = time.time(), time.time() + PATIENCE_SECONDS
        while time.time() - quiet_since < QUIET_SECONDS and time.time() < deadline:
            if any(self.at.queue_depth(url) for url in _queues(self.at)):
                quiet_since = time.time()
            time.sleep(_LOOK_SECONDS)

    def _sweep_function(self) -> str | None:
        functions = self.at.client("lambda").list_functions()["Functions"]
        return next((each["FunctionName"] for each in functions if each["Handler"] == _SWEEP_HANDLER), None)

    def _sweep(self) -> None:
        self.at.client("lambda").invoke(FunctionName=self._sweep_function(), Payload=json.dumps({}).encode())


@contextmanager
def chaos(cast: Cast) -> Iterator[Chaos]:
    """Deploy Respot into a local account of its own, with the proxy in between."""
    with deployed_account(context=_CONTEXT) as at, standing_between(at) as between:
        _shorten_timeouts(at)
        yield Chaos(at=at, between=between, cast=cast)


def _shorten_timeouts(at: DeployedAccount) -> None:
    """A message that a dead function held comes back after seconds here, not after minutes.

    Shorter than a slow function runs, so that two copies of it work at the same message now and then: harder than AWS.
    """
    for url in _queues(at):
        at.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)})
    route_functions(at, {ALERT_LEASE_SECONDS: str(_LEASE_SECONDS)})


def _queues(at: DeployedAccount) -> list[str]:
    """The queues that functions read."""
    mappings: list[dict[str, Any]] = at.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    arns = [mapping["EventSourceArn"].split(":") for mapping in mappings]
    return [at.client("sqs").get_queue_url(QueueName=arn[-1])["QueueUrl"] for arn in arns if arn[2] == "sqs"]


def run(
    faults: Sequence[Fault], cast: Cast, *, times: int = 1, begin: Callable[[Fault], None] = lambda _: None
) -> Iterator[Round]:
    """The undisturbed round, and then each fault's, so many times; `begin` is called before each."""
    with chaos(cast) as there:
        begin(UNDISTURBED)
        calm = there.undisturbed()
        yield calm
        for fault in faults:
            for number in range(1, times + 1):
                # Jobs are named after their fault.
                each = replace(fault, name=f"{fault.name}-{number}") if times > 1 else fault
                begin(each)
                yield there.play(each, calm.fates)
