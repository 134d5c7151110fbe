"""How badly the events of a simulated job are delivered."""

import random
import re
from dataclasses import dataclass
from typing import Final

_WORD: Final = re.compile(r"(copies|shuffle|delay|seed)=(\d+(?:\.\d+)?)|(drop)=(all|1|0(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFaults:
    """Faults for each event: how many copies, how many seconds late, how shuffled, and the share that is lost.

    `shuffle` holds every copy back for a random number of seconds up to that: events overtake each other, and all have
    arrived that long after the job's end. The same seed gives the same faults.
    """

    copies: float = 1
    delay: float = 0
    shuffle: float = 0
    drop: float = 0
    seed: float = 0

    def holds(self, job: str, sequence: int) -> tuple[float, ...]:
        """For how many seconds each copy of a job's event is held back; empty if the event is lost."""
        chance = random.Random(f"{self.seed}/{job}/{sequence}")  # noqa: S311 - faults, not secrets
        if chance.random() < self.drop:
            return ()
        return tuple(self.delay + chance.uniform(0, self.shuffle) for _ in range(int(self.copies)))


def parse(text: str) -> DeliveryFaults:
    """Read faults such as `copies=3 shuffle=1 delay=0.5 drop=0.3 seed=7` (seconds; `drop=all` loses every event)."""
    words: dict[str, float] = {}
    for word in text.split():
        found = _WORD.fullmatch(word)
        if not found:
            raise ValueError(f"'{word}' is none of copies=N shuffle=SECONDS delay=SECONDS drop=all|SHARE seed=N")
        name, value = filter(None, found.groups())
        words[name] = 1 if value == "all" else float(value)
    return DeliveryFaults(**words)
