"""`make clients` on the terminal: runs the clients and prints a table."""

import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from local.clients import environments
from local.clients.cases import CASES, Client
from local.clients.judgement import FATE, Seen
from local.demo.deployed import deployed_account
from local.proof.figures import conclude, mark, table, write

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


def main(console: Console | None = None, *, only: Sequence[str] = (), figures: Path | None = None) -> int:
    """Run the clients and print the table; gives 1 if anything differs, 2 for an unknown client."""
    console = console or Console(highlight=False, width=WIDTH)
    if unknown := set(only) - CASES.keys():
        console.print(f"no such client: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
        return 2
    rows = run(only or tuple(CASES), say=lambda line: console.print(line, style="dim"))
    cells = [(row.version, row.case, row.seen.text, f"{row.seconds:.0f} s", mark(good=row.is_good)) for row in rows]
    console.print(table(("Client", "Case", "Seen", "Time", ""), cells, words=3))
    write(figures, {"cases": len(rows), "cases that differ": sum(not row.is_good for row in rows)})
    wrong = [f"{row.version}, {row.case}: {difference}" for row in rows for difference in row.seen.differences]
    return conclude(console, "Every client works unchanged.", wrong)


def run(clients: Sequence[str], *, say: Callable[[str], None]) -> list[Row]:
    """Run the cases of these clients, some at once."""
    say("Installing the clients into build/clients ...")
    installed = [environments.prepare(name) for name in clients]
    with tempfile.TemporaryDirectory(prefix="respot-clients-") as directory:
        settings = Path(directory) / "sagemaker.yaml"
        settings.write_text(_SETTINGS)
        say("Starting a local account with Respot in it ...")
        with deployed_account(lifecycle=FATE) as at, ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            say("Running the clients ...")
            cases = [(each, case) for each in installed for case in CASES[each.client]]
            return list(
                pool.map(lambda work: case_run(Client(environment=work[0], at=at, settings=settings), work[1]), cases)
            )


def case_run(client: Client, case: str) -> Row:
    """Run one case."""
    began = time.monotonic()
    try:
        seen = CASES[client.environment.client][case](client)
    except Exception as error:  # noqa: BLE001 - a case that broke off is a difference, and the others go on
        seen = Seen("", [f"{type(error).__name__}: {error}"])
    return Row(version=client.environment.version, case=case, seen=seen, seconds=time.monotonic() - began)
