"""How badly the events of a simulated job are delivered."""

import random
import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFaults:
    """Faults for each event: how many copies, how late, how shuffled, and the share of events that is lost.

    `shuffle_seconds` holds every copy back for a random time up to that long: events overtake each other, and all have
    arrived that long after the job's end. The same seed gives the same faults.
    """

    copies: int = 1
    delay_seconds: float = 0.0
    shuffle_seconds: float = 0.0
    drop: float = 0.0
    seed: int = 0

    def holds(self, job: str, sequence: int) -> tuple[float, ...]:
        """For how many seconds each copy of a job's event is held back; empty if the event is lost."""
        chance = random.Random(f"{self.seed}/{job}/{sequence}")  # noqa: S311 - faults, not secrets
        if chance.random() < self.drop:
            return ()
        return tuple(self.delay_seconds + chance.uniform(0, self.shuffle_seconds) for _ in range(self.copies))


def parse(text: str) -> DeliveryFaults:
    """Read faults such as `copies=3 shuffle=1 delay=0.5 drop=0.3 seed=7` (seconds; `drop=all` loses every event)."""
    words: dict[str, float] = {}
    for word in text.split():
        name, _, value = word.partition("=")
        value = "1" if word == "drop=all" else value
        if name not in {"copies", "shuffle", "delay", "drop", "seed"} or not re.fullmatch(r"\d+(\.\d+)?", value):
            raise ValueError(f"'{word}' is none of copies=N shuffle=SECONDS delay=SECONDS drop=all|SHARE seed=N")
        words[name] = float(value)
    if words.get("drop", 0) > 1:
        raise ValueError("drop is the share of events that is lost, from 0 to 1")
    return DeliveryFaults(
        copies=int(words.get("copies", 1)),
        delay_seconds=words.get("delay", 0.0),
        shuffle_seconds=words.get("shuffle", 0.0),
        drop=words.get("drop", 0.0),
        seed=int(words.get("seed", 0)),
    )
