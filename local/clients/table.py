"""`make clients` on the terminal: runs the clients and prints a table."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.console import Console

from local import PROJECT
from local.clients.cases import CASES, FATE, Client
from local.demo.deployed import deployed_account
from local.proof.figures import chosen, conclude, mark, table, write

WIDTH: Final = 140
PACKAGES: Final[Mapping[str, str]] = {
    "boto3": "boto3",
    "cli": "awscli",
    "sdk-v2": "sagemaker",
    "sdk-v3": "sagemaker-train",
}
"""The clients, and the package whose version names each; `requirements/clients-*.txt` pin all versions."""
_BUILD: Final = PROJECT / "build" / "clients"
_AT_ONCE: Final = 4
_SETTINGS: Final = "SchemaVersion: '1.0'\nSageMaker: {PythonSDK: {Modules: {TelemetryOptOut: true}}}\n"

Row = tuple[str, str, str, float, list[str]]
"""A client, a case that it was run through, what was seen, the seconds, and what differs from what was demanded."""


def main(console: Console | None = None, *, only: Sequence[str] = (), figures: Path | None = None) -> int:
    """Run the clients and print the table; gives 1 if anything differs, 2 for an unknown client."""
    console = console or Console(highlight=False, width=WIDTH)
    clients = chosen(console, "client", CASES, only)
    if not clients:
        return 2
    rows = run(clients, say=lambda line: console.print(line, style="dim"))
    versions = {name: _version(name) for name in clients}
    cells = [
        (versions[client], case, seen, f"{seconds:.0f} s", mark(good=not found))
        for client, case, seen, seconds, found in rows
    ]
    console.print(table(("Client", "Case", "Seen", "Time", ""), cells, words=3))
    write(figures, {"cases": len(rows), "cases that differ": sum(bool(found) for *_, found in rows)})
    wrong = [f"{versions[client]}, {case}: {line}" for client, case, *_, found in rows for line in found]
    return conclude(console, "Every client works unchanged.", wrong)


def run(clients: Sequence[str], *, say: Callable[[str], None]) -> list[Row]:
    """Run the cases of these clients, some at once."""
    say("Installing the clients into build/clients ...")
    for name in clients:
        _install(name)
    with tempfile.TemporaryDirectory(prefix="respot-clients-") as directory:
        settings = Path(directory) / "sagemaker.yaml"
        settings.write_text(_SETTINGS)
        say("Starting a local account with Respot in it ...")
        with deployed_account(lifecycle=FATE) as at, ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            say("Running the clients ...")
            ready = [Client(name=name, programs=_BUILD / name / "bin", at=at, settings=settings) for name in clients]
            cases = [(client, case) for client in ready for case in CASES[client.name]]
            return list(pool.map(lambda work: case_run(*work), cases))


def case_run(client: Client, case: str) -> Row:
    """Run one case."""
    began, client, seen = time.monotonic(), replace(client, found=[]), ""
    try:
        seen = CASES[client.name][case](client)
    except Exception as error:  # noqa: BLE001 - a case that broke off is a difference, and the others go on
        client.found.append(f"{type(error).__name__}: {error}")
    return client.name, case, seen, time.monotonic() - began, client.found


def _requirements(client: str) -> Path:
    return PROJECT / "requirements" / f"clients-{client}.txt"


def _version(client: str) -> str:
    found = re.search(rf"^{PACKAGES[client]}==(\S+)", _requirements(client).read_text(), re.MULTILINE)
    return f"{PACKAGES[client]} {found[1] if found else '?'}"


def _install(client: str) -> None:
    """Install what is pinned for a client; what is installed already remains."""
    directory = _BUILD / client
    uv = Path(sys.executable).with_name("uv")  # beside the Python of the project's own environment
    subprocess.run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, directory], check=True)
    sync: list[str | Path] = [uv, "pip", "sync", "--quiet", "--python", directory / "bin" / "python"]
    subprocess.run([*sync, "--require-hashes", _requirements(client)], check=True)
