"""The console blocks of a page: what a reader types, what the page shows for it, and what a terminal shows."""

import json
import os
import pty
import re
import select
import subprocess
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any, Final

import botocore.session
from botocore import xform_name
from botocore.validate import ParamValidator

from tests.support.documents import code_blocks

ROOT: Final = Path(__file__).resolve().parents[2]
_SHELL: Final = "/bin/bash"
_SCALE: Final = r"^[│ ]*(?:\d\d[:-]\d\d(?::\d\d)?[│ ]*)+$|^[│ |]+$"
"""The lines of a time axis with its times and its marks: how many there are depends on how long a run took."""
_QUESTION: Final = "(n): "
_MOST_SECONDS: Final = 120
"""How long a command may be silent. Long: a busy machine is no fault."""
_ENDPOINT: Final = "notification-endpoint"
"""The one option here that the AWS CLI names otherwise than the API, where it is `Endpoint`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """One command of a block, and the output that the block shows under it."""

    line: str
    shown: str


def typed(text: str) -> list[Typed]:
    """The commands of a page's console blocks. A line before the first prompt is one, too, since none belongs there."""
    return [
        Typed(line=" ".join(line.split()), shown=shown)
        for block in code_blocks(text, "console")
        for part in re.split(r"^\$ ", dedent(block).replace("\\\n", " "), flags=re.MULTILINE)
        for line, _, shown in (part.partition("\n"),)
        if line.strip()
    ]


BLOCKS: Final = [
    each
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
    for each in typed(page.read_text(encoding="utf-8"))
]
"""The commands of all pages."""


def run(line: str, environment: Mapping[str, str], *, width: int = 80, answer: str = "") -> tuple[int, str]:
    """Type a line into a shell in the checkout, and answer its question: the exit code, and what the terminal shows."""
    terminal, end = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - a page's command
        [_SHELL, "-c", line],
        cwd=ROOT,
        env={**environment, "COLUMNS": str(width)},
        stdin=end,
        stdout=end,
        stderr=end,
    ) as process:
        os.close(end)
        screen = b""
        try:
            while select.select([terminal], [], [], _MOST_SECONDS)[0]:
                screen += os.read(terminal, 65536)
                if answer and _left_on(screen.decode(errors="replace")).endswith(_QUESTION):
                    os.write(terminal, f"{answer}\n".encode())
            process.kill()
        except OSError:
            pass  # Linux reports the end of a terminal this way
        finally:
            os.close(terminal)
    return process.returncode, _left_on(screen.decode())


def _left_on(screen: str) -> str:
    """What a terminal shows at the end: a spinner or a progress bar is erased by then."""
    rows, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[\d;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", screen):
        match part:
            case "\n":
                row += 1
                rows += [""] * (row == len(rows))
            case "\r":
                column = 0
            case "\x1b[2K":
                rows[row] = ""
            case "\x1b[1A":
                row -= 1
            case _ if not part.startswith("\x1b"):
                rows[row] = f"{rows[row][:column]:{column}}{part}{rows[row][column + len(part) :]}"
                column += len(part)
    return "\n".join(rows)


def stable(output: str) -> list[str]:
    """The words of an output that every run prints: without frames and bars, and with # for ids, figures and times."""
    plain = re.sub(_SCALE, "", output, flags=re.MULTILINE)
    plain = re.sub(r"[╭─╮│╰╯░▒█▓■!·]", " ", plain)
    plain = re.sub(r"\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b|\b[\da-f]{8,}\b", "#", plain)
    plain = re.sub(r"\d[\d.:]*", "#", plain)
    return re.sub(r"#(?:\s+(?:d|h|min|s)\b)?(?:\s+#\s+(?:h|min|s)\b)*", "#", plain).split()


def differs(shown: str, printed: str) -> str:
    """How an output differs from what a page shows; empty if it does not.

    Up to a page's `…`, the text must be the same. Without one, the words must be the same, in any order: the cells of
    a table have other lines if one of its figures is longer.
    """
    page, real = stable(shown), stable(printed)
    if "…" not in page:
        missing, more = Counter(page) - Counter(real), Counter(real) - Counter(page)
        return f"the page has {sorted(missing)}, the output has {sorted(more)}" if missing or more else ""
    begins, whole = "".join(page[: page.index("…")]), "".join(real)
    if whole.startswith(begins):
        return ""
    same = next((at for at, pair in enumerate(zip(begins, whole, strict=False)) if len(set(pair)) > 1), len(whole))
    return f"after {begins[max(0, same - 40) : same]!r} the page has {begins[same:][:60]!r}, not {whole[same:][:60]!r}"


def invalid_call(line: str) -> str:
    """What AWS's own model says against an `aws` command, which is expanded as a shell does; empty if nothing."""
    script = f"set -- {line}; printf '%s\\0' \"$@\""
    expanded = subprocess.run([_SHELL, "-ec", script], cwd=ROOT, capture_output=True, check=True)  # noqa: S603 - the same
    _, service, command, *options = expanded.stdout.decode().removesuffix("\0").split("\0")
    model = botocore.session.get_session().get_service_model(service)
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if command not in operations:
        return f"{service} has no {command}"
    shape = model.operation_model(operations[command]).input_shape
    assert shape
    members = {xform_name(name, "-"): name for name in shape.members}
    request: dict[str, Any] = {}
    while options:
        name = options.pop(0).removeprefix("--")
        member = members.get("endpoint" if name == _ENDPOINT else name)
        if member is None:
            return f"{service} {command} has no --{name}"
        kind = shape.members[member].type_name
        if kind == "boolean":
            request[member] = True
        else:
            value = options.pop(0)
            request[member] = json.loads(value) if kind in {"map", "structure", "list"} else value
    return str(ParamValidator().validate(request, shape).generate_report())
