"""What a round waits for: how long each message stays in a queue between two deliveries, and each reader behind."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message in a queue that a function reads.

    Attributes:
        queue: the queue's name.
        id: the message's id.
        body: what it says.
        received: how often it has been delivered.
        visible_at: when it can be delivered again, in seconds since the epoch.
    """

    queue: str
    id: str
    body: str
    received: int
    visible_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """A reader of the ledger's stream: how many records it is behind, and how its last batch ended."""

    function: str
    behind: int
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits at one moment."""

    messages: Sequence[Message] = ()
    readers: Sequence[Reader] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From `LocalAccount.waiting`."""
        return cls(
            messages=[Message(**each) for each in document["messages"]],
            readers=[Reader(**each) for each in document["readers"]],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Something that waited.

    Attributes:
        where: the queue, or the function that reads the stream.
        what: the job, or how many records.
        after: how often the message had been delivered, or how the reader's last batch ended.
        since: when it was first seen to wait like this, in seconds since the epoch.
        until: when it was last seen to wait like this.
        next_at: when a message can be delivered again; `None` for a reader.
    """

    where: str
    what: str
    after: str
    since: float
    until: float
    next_at: float | None

    @property
    def seconds(self) -> float:
        """For how long it was seen to wait."""
        return self.until - self.since

    def __str__(self) -> str:
        """In words."""
        following = "" if self.next_at is None else f", next delivery after {max(0.0, self.next_at - self.since):.0f} s"
        return f"{self.seconds:.0f} s in {self.where}: {self.what} after {self.after}{following}"


@dataclass(slots=True)
class Watch:
    """Remembers how long each message waited for each of its deliveries, and each reader of the stream behind."""

    _waits: dict[tuple[object, ...], Wait] = field(default_factory=dict)
    _behind: dict[str, Wait] = field(default_factory=dict)

    def see(self, waiting: Waiting, *, now: float) -> None:
        """Note what waits now, in seconds since the epoch."""
        for message in waiting.messages:
            # Once more or hidden for another time: it waits for something else.
            key = message.queue, message.id, message.received, round(message.visible_at, 1)
            before = self._waits.get(key)
            self._waits[key] = Wait(
                where=short(message.queue),
                what=subject(message.body),
                after=f"delivery {message.received}",
                since=before.since if before else now,
                until=now,
                next_at=message.visible_at,
            )
        behind = {}
        for reader in waiting.readers:
            if not reader.behind:
                continue
            earlier = self._behind.get(reader.function)
            wait = Wait(
                where=short(reader.function),
                what=f"{reader.behind} records of the stream",
                after=reader.result or "nothing",
                since=earlier.since if earlier else now,
                until=now,
                next_at=None,
            )
            behind[reader.function] = self._waits[reader.function, wait.since] = wait
        self._behind = behind

    def longest(self, *, after: float = 0.0) -> Wait | None:
        """What waited for longest, of all that still waited at a moment; `None` if nothing did."""
        late = (wait for wait in self._waits.values() if wait.until >= after)
        return max(late, key=lambda wait: wait.seconds, default=None)


def short(name: str) -> str:
    """The name of a queue or a function without what CloudFormation adds: `Respot-RecoveryQueueA02E2701-EF53F`."""
    parts = name.split("-")
    return parts[1].rstrip("0123456789ABCDEF") if len(parts) > 1 else name


def subject(body: str) -> str:
    """The job that a message is about, or how it begins."""
    try:
        said: Any = json.loads(body)
        said = json.loads(said["Message"]) if "Message" in said else said
        return str(said.get("detail", {}).get("TrainingJobName") or said.get("job", said)["name"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return body[:40]
