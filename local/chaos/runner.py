"""`make chaos`: runs the faults one after the other in one account, each with jobs of its own, and judges each."""

import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from local.chaos.faults import FAULTS, OUTAGE_SECONDS, QUICK, UNDISTURBED, VISIBILITY_SECONDS, Fault
from local.chaos.people import People
from local.chaos.proxy import Proxy, route_functions
from local.chaos.subjects import SMALL, VERDICTS, Cast, Fates, Judgement, Subjects
from local.demo.deployed import DeployedAccount, deployed_account
from local.proof.figures import chosen, conclude, mark, table, write
from respot.settings import ALERT_LEASE_SECONDS

ROUND_SECONDS: Final = 600.0
"""The most for a round, and in the end for the queues to empty: three times the slowest round on a busy machine."""
QUIET_SECONDS: Final = 1.5
"""How long the queues must be empty before a round is judged: duplicates have arrived by then."""
QUIET_WITHIN_SECONDS: Final = 20.0
"""How long a round waits for that. A message that failed often is delayed for minutes: it finds its work done."""
_POLL_SECONDS: Final = 0.4
_LEASE_SECONDS: Final = 5
"""How long a dead `alert` holds back an alert here."""
_CONTEXT: Final = {
    # Shorter than as shipped: a round takes seconds.
    "respot:observation_retry_seconds": "1",
    "respot:slack_retry_seconds": "1",
}
_ROUND: Final = "CHAOS_ROUND"
"""A variable that no function reads: a new value makes new processes of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What came of one fault: what the proxy counted, and what was found in the end."""

    fault: Fault
    counts: Counter[str]
    heal_seconds: float | None  # from the end of the fault, or of the last job, until everything was done
    judgement: Judgement
    subjects: Subjects | None = None

    @property
    def was_felt(self) -> bool:
        """Whether the fault hit anything: a round that it did not touch proves nothing."""
        meant_to_hit = self.fault.rules or self.fault.slack is not None or self.fault.people
        return (not meant_to_hit or self.counts["hit"] > 0) and (not self.fault.deaths or self.counts["killed"] > 0)

    @property
    def faults(self) -> list[str]:
        """What is not as it should be; empty if all healed, and nothing was lost, doubled or wrong."""
        return [
            *["not healed"] * (self.heal_seconds is None),
            *["the fault hit nothing"] * (not self.was_felt),
            *(f"{word}: {line}" for word in VERDICTS for line in getattr(self.judgement, word)),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """A deployed account with the proxy between its functions and AWS."""

    at: DeployedAccount
    between: Proxy
    cast: Cast
    documents: list[dict[str, Any]] = field(default_factory=list)

    def play(self, fault: Fault, undisturbed: Fates | None = None) -> Round:
        """Inject one fault until all has healed, or the time for that is over."""
        subjects = Subjects(self.at, fault, self.cast, self.documents)
        people = People(self.at, f"{fault.name}-", fault.people)
        # Functions must read the secret and the policy again: these calls are to be hit as well.
        route_functions(self.at, {_ROUND: fault.name})
        self.at.sweep()  # as every five minutes: else each creation lists the jobs of all rounds
        self.between.counts()
        refused, healing_since, began = self._refused_by_slack(), 0.0, time.time()
        if fault.slack is not None:
            self.at.slack.refuse(1_000_000, fault.slack)
        self.between.inject(fault.rules, deaths=fault.deaths)
        try:
            people.begin()
            subjects.create()
            if fault.outage:
                time.sleep(max(0.0, began + OUTAGE_SECONDS - time.time()))
                self._lift()
                healing_since = time.time()
            healed_at = self._await(subjects, fault, people)
        finally:
            self._lift()
            felt = people.make_good()
        counts = self.between.counts()
        # Slack is no service of AWS: the proxy sees nothing of its refusals, nor of what people do.
        counts["hit"] += self._refused_by_slack() - refused + felt
        if healed_at is None:
            # Late under the fault is reported as such; lost without it is worse.
            self._await(subjects, fault)
        self._await_quiet(QUIET_WITHIN_SECONDS)
        since = max(healing_since, subjects.last_end())
        return Round(
            fault=fault,
            counts=counts,
            heal_seconds=None if healed_at is None else max(0.0, healed_at - since),
            judgement=subjects.judge(undisturbed),
            subjects=subjects,
        )

    def judge_again(self, rounds: Sequence[Round]) -> list[Round]:
        """Judge all rounds once the queues are empty: what was delayed beyond its round may have done harm since."""
        self._await_quiet(ROUND_SECONDS)
        judged: list[Round] = []
        for each in rounds:
            if each.subjects:
                fates = judged[0].judgement.fates if judged else None
                judged.append(replace(each, judgement=each.subjects.judge(fates)))
        return judged

    def _lift(self) -> None:
        self.at.slack.accept()
        self.between.inject()

    def _refused_by_slack(self) -> int:
        return sum(post.status != 200 for post in self.at.slack.posts)

    def _await(self, subjects: Subjects, fault: Fault, people: People | None = None) -> float | None:
        """Wait until nothing more is to come; gives the time, `None` if it never was."""
        waiting, deadline = [*subjects.scenarios], time.time() + ROUND_SECONDS
        while time.time() < deadline:
            if people:
                people.go_on()
            waiting = [name for name in waiting if not subjects.is_settled(name)]
            if not waiting and not subjects.are_deliveries_missing():
                return time.time()
            if fault.swept:
                self.at.sweep()
            time.sleep(_POLL_SECONDS)
        return None

    def _await_quiet(self, seconds: float) -> None:
        """Wait, for that long at most, until the functions' queues have been empty for a moment."""
        quiet_since, deadline = time.time(), time.time() + seconds
        while time.time() - quiet_since < QUIET_SECONDS and time.time() < deadline:
            if any(self.at.queue_depth(url) for url in _queues(self.at)):
                quiet_since = time.time()
            time.sleep(_POLL_SECONDS)


@contextmanager
def chaos_at(at: DeployedAccount, cast: Cast) -> Iterator[Chaos]:
    """Put the proxy between the functions of that account and AWS, with short timeouts, which remain.

    A message that a dead function held comes back after seconds here, not after minutes. That is shorter than a slow
    function runs: at times two copies of it work at the same message, which is harder than AWS.
    """
    visibility = {"VisibilityTimeout": str(VISIBILITY_SECONDS)}
    for url in _queues(at):
        at.client("sqs").set_queue_attributes(QueueUrl=url, Attributes=visibility)
    between = Proxy(at.account.endpoint, *at.account.tls)
    with between.serving() as url:
        proxied = {"AWS_ENDPOINT_URL": url, "AWS_CA_BUNDLE": str(at.account.tls[0])}
        route_functions(at, {**proxied, ALERT_LEASE_SECONDS: str(_LEASE_SECONDS)})
        yield Chaos(at=at, between=between, cast=cast)


def _queues(at: DeployedAccount) -> list[str]:
    """The queues that functions read."""
    mappings: list[dict[str, Any]] = at.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    arns = [mapping["EventSourceArn"].split(":") for mapping in mappings]
    return [at.client("sqs").get_queue_url(QueueName=arn[-1])["QueueUrl"] for arn in arns if arn[2] == "sqs"]


# --- on the terminal

WIDTH: Final = 150
_COLUMNS: Final = ("Fault", "calls", "hit", "retried", "killed", "healed", "lost", "doubled", "wrong", "again")
_LEGEND: Final = (
    "hit: the functions' calls, jobs' tags or drills that the fault affected. retried: sent again by the client. "
    "healed: after the fault, or the last job, has ended. again: delivered once more, under the alert's own id."
)


def main(
    console: Console | None = None,
    *,
    only: Sequence[str] = (),
    quick: bool = False,
    times: int = 1,
    figures: Path | None = None,
) -> int:
    """Inject the faults and print the table; gives 1 if anything was lost, doubled or wrong, 2 for an unknown name."""
    console = console or Console(highlight=False, width=WIDTH)
    faults, cast = (QUICK, SMALL) if quick else (FAULTS, Cast())
    names = chosen(console, "fault", (fault.name for fault in faults), only)
    if not names:
        return 2
    planned = [
        # Jobs are named after their fault.
        replace(fault, name=f"{fault.name}-{number}") if times > 1 else fault
        for fault in faults
        if fault.name in names
        for number in range(1, times + 1)
    ]
    rounds: list[Round] = []
    with deployed_account(context=_CONTEXT) as at, chaos_at(at, cast) as there:
        for fault in (UNDISTURBED, *planned):
            console.print(f"{fault.name}: {fault.title} …", style="dim")
            rounds.append(there.play(fault, rounds[0].judgement.fates if rounds else None))
            console.print("  ", mark(good=not rounds[-1].faults), f"healed after {_healed(rounds[-1])}")
        console.print("Waiting until nothing is delayed any more, to judge all again …", style="dim")
        rounds = there.judge_again(rounds)
    console.print("", table(_COLUMNS, map(_row, rounds)), Text(_LEGEND, style="dim"))
    if times > 1:
        seconds = ", ".join(f"{each:.0f}" for each in healed_after(rounds)) or "never"
        console.print(f"healed after {seconds} s; load of the machine: {os.getloadavg()[2]:.1f}")
    write(figures, to_figures(rounds))
    wrong = [f"{each.fault.title}: {line}" for each in rounds for line in each.faults]
    return conclude(console, "Nothing was lost or doubled.", wrong)


def _row(each: Round) -> list[str]:
    calls = (each.counts[what] for what in ("calls", "hit", "retries", "killed"))
    ends = (*(len(getattr(each.judgement, word)) for word in VERDICTS), each.judgement.delivered_again)
    return [each.fault.title, *map(str, calls), _healed(each), *map(str, ends)]


def _healed(each: Round) -> str:
    return "never" if each.heal_seconds is None else f"{each.heal_seconds:.1f} s"


def to_figures(rounds: Sequence[Round]) -> dict[str, float]:
    """What `make proof` judges."""
    healed = healed_after(rounds)
    return {
        "rounds": len(rounds),
        "not healed": sum(each.heal_seconds is None for each in rounds),
        **{word: sum(len(getattr(each.judgement, word)) for each in rounds) for word in VERDICTS},
        "not hit": sum(not each.was_felt for each in rounds if each.fault.name != UNDISTURBED.name),
        "healed, median": statistics.median(healed) if healed else 0.0,
        "healed, slowest": max(healed, default=0.0),
    }


def healed_after(rounds: Sequence[Round]) -> list[float]:
    """Seconds of each round with a fault that healed, the shortest first."""
    faulty = (each for each in rounds if each.fault.name != UNDISTURBED.name)
    return sorted(each.heal_seconds for each in faulty if each.heal_seconds is not None)
