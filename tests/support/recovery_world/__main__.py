"""Play many schedules of Respot on twins, in a world that does its worst to it."""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from local.proof.figures import write
from respot_cli.output import shielded
from tests.support.recovery_world.schedule import Report, soak


def main() -> int:
    """Play many schedules on several processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="the first schedule's number")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--figures", type=Path, help="leave the figures there, as JSON, for `make proof`")
    options = parser.parse_args()
    ends = options.first + options.schedules
    chunks = [range(start, min(start + 500, ends)) for start in range(options.first, ends, 500)]
    total, began = Report(), time.monotonic()
    with ProcessPoolExecutor(max_workers=options.processes) as pool:
        for done, report in enumerate(pool.map(soak, chunks), start=1):
            total.seen += report.seen
            total.broken += report.broken
            if done % 20 == 0 or done == len(chunks):
                spent = time.monotonic() - began
                sys.stderr.write(
                    f"{total.seen['schedules']:>9,} schedules, {len(total.broken)} broken, {spent:.0f} s\n"
                )
    sys.stdout.write(shown(total))
    write(options.figures, {"schedules": total.seen["schedules"], "broken rules": len(total.broken)})
    return 1 if total.broken else 0


def shown(total: Report) -> str:
    """The counts and the broken rules; nothing is counted if the only schedule broke a rule."""
    width = max(map(len, total.seen), default=0)
    counts = [f"{name:<{width}}  {count:>12,}" for name, count in sorted(total.seen.items())]
    return "\n".join([*counts, "", *total.broken[:20], f"{len(total.broken)} broken rules", ""])


if __name__ == "__main__":
    sys.exit(shielded(main, name="soak"))
