"""`make clients` on the terminal: runs the clients and prints a table."""

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.clients import environments, recorded
from local.clients.cases import CASES, Client
from local.clients.judgement import FATE, Seen
from local.demo.deployed import deployed_account
from local.proof.figures import write

WIDTH: Final = 140
_AT_ONCE: Final = 4
_SETTINGS: Final = "SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A case that one version of a client was run through, and what was seen."""

    version: str
    case: str
    seen: Seen
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether all was as demanded."""
        return not self.seen.differences


def main(
    console: Console | None = None, *, only: Sequence[str] = (), record: bool = False, figures: Path | None = None
) -> int:
    """Run the clients and print the table; gives 1 if anything differs, 2 for an unknown client."""
    console = console or Console(highlight=False, width=WIDTH)
    if unknown := set(only) - CASES.keys():
        console.print(f"no such client: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
        return 2
    rows = run(only or tuple(CASES), say=lambda line: console.print(line, style="dim"), record=record)
    console.print(table(rows))
    for row in rows:
        for difference in row.seen.differences:
            console.print(Text(f"✗ {row.version}, {row.case}: {difference}", style="red"))
    good = all(row.is_good for row in rows)
    write(figures, {"cases": len(rows), "cases that differ": sum(not row.is_good for row in rows)})
    verdict = "✓ Every client works unchanged." if good else "✗ A client met something that AWS does not do."
    console.print(Text(verdict, style="green" if good else "red"))
    return 0 if good else 1


def run(clients: Sequence[str], *, say: Callable[[str], None], record: bool = False) -> list[Row]:
    """Run the cases of these clients, some at once; with `record` their requests are kept for the tests."""
    say("Installing the clients into build/clients ...")
    installed = [environments.prepare(name) for name in clients]
    with tempfile.TemporaryDirectory(prefix="respot-clients-") as directory:
        recording, settings = Path(directory) / "requests.jsonl", Path(directory) / "sagemaker.yaml"
        settings.write_text(_SETTINGS)
        say("Starting a local account with Respot in it ...")
        with (
            deployed_account(lifecycle=FATE, recording=recording) as at,
            ThreadPoolExecutor(max_workers=_AT_ONCE) as pool,
        ):
            work = {
                pool.submit(case_run, Client(environment=each, at=at, settings=settings), case): position
                for position, (each, case) in enumerate(
                    (each, case) for each in installed for case in CASES[each.client]
                )
            }
            rows = {}
            for done in as_completed(work):
                rows[work[done]] = row = done.result()
                say(f"{'✓' if row.is_good else '✗'} {row.version}: {row.case}")
        if record:
            say(f"Kept: {', '.join(recorded.keep(recording))}")
    return [row for _, row in sorted(rows.items())]


def case_run(client: Client, case: str) -> Row:
    """Run one case."""
    began = time.monotonic()
    try:
        seen = CASES[client.environment.client][case](client)
    except Exception as error:  # noqa: BLE001 - a case that broke off is a difference, and the others go on
        seen = Seen("", [f"{type(error).__name__}: {error}"])
    return Row(version=client.environment.version, case=case, seen=seen, seconds=time.monotonic() - began)


def table(rows: Sequence[Row]) -> Table:
    """One row for each case."""
    shown = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for column in ("Client", "Case", "Seen", "Time", ""):
        shown.add_column(column, justify="right" if column == "Time" else "left")
    for row in rows:
        mark = Text("✓", style="green") if row.is_good else Text("✗", style="red")
        shown.add_row(row.version, row.case, row.seen.text, f"{row.seconds:.0f} s", mark)
    return shown
