"""Takes the permissions away one after the other: `python -m local.permissions`."""

import argparse
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from rich.console import Console

from local.permissions.expected import LOUD, NOT_PLAYED, QUIET
from local.permissions.stage import Found, stage
from local.proof.figures import conclude, mark, table, write


def main(arguments: list[str] | None = None) -> int:
    """Take the permissions away one by one; gives 1 if the loss of one was not noticed."""
    parser = argparse.ArgumentParser(prog="python -m local.permissions")
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--only", action="append", default=[], metavar="FUNCTION/ACTION")
    options, console = parser.parse_args(arguments), Console(highlight=False, width=150)
    expected = {
        (function, each): alarm
        for function, alarms in LOUD.items()
        for alarm, actions in alarms.items()
        for each in actions
    }
    expected |= QUIET
    rows: list[Found] = []
    with stage() as there:
        for (function, action), alarm in expected.items():
            if not options.only or f"{function}/{action}" in options.only:
                rows.append(there.play(function, action, alarm))
                console.print(mark(good=rows[-1].is_loud), *_row(rows[-1]))
    console.print(table(("Function", "permission", "expected", "named", "after"), map(_row, rows), words=5))
    console.print(
        table(("Function", "not played", "because"), [(*each, why) for each, why in NOT_PLAYED.items()], words=3)
    )
    write(options.figures, to_figures(rows))
    return conclude(console, "Every loss was noticed.", [" ".join(_row(each)) for each in rows if not each.is_loud])


def _row(found: Found) -> list[str]:
    after = "never" if found.after is None else f"{found.after / timedelta(minutes=1):.0f} min"
    return [found.function, found.action, found.expected, "yes" if found.is_named else "no", after]


def to_figures(rows: Sequence[Found]) -> dict[str, float]:
    """What `make proof` judges."""
    return {
        "permissions removed": len(rows),
        "never named": sum(not each.is_named for each in rows),
        "without an alarm in time": sum(each.after is None for each in rows),
        "not played": len(NOT_PLAYED),
        "by log or alert alone": len(QUIET),
        "slowest alarm": max(
            (each.after / timedelta(minutes=1) for each in rows if each.after is not None), default=0.0
        ),
    }


if __name__ == "__main__":
    sys.exit(main())
