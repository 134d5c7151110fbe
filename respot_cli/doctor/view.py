"""What the checks found, on a terminal or as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from respot.alerting.text import one_line
from respot.jobs.formatting import clause
from respot_cli.doctor.finding import Finding, Verdict
from respot_cli.next_commands import next_commands
from respot_cli.next_commands import to_document as next_document

Findings = Sequence[tuple[str, Finding]]

_MARKS: Final[Mapping[Verdict, tuple[str, str, str]]] = {
    Verdict.FINE: ("✓", "ok", "green"),
    Verdict.NOTE: ("·", "-", "cyan"),
    Verdict.WARNING: ("!", "!", "yellow"),
    Verdict.FIX: ("✗", "x", "red"),
    Verdict.UNKNOWN: ("?", "?", "magenta"),
}
"""Each verdict's mark, that for a terminal that knows only ASCII, and its colour."""
_SUMS: Final = {Verdict.FIX: "to fix", Verdict.WARNING: "to consider", Verdict.UNKNOWN: "not checked"}


@dataclass(frozen=True, slots=True)
class Report:
    """One line for each check, then how many need something, then the next commands."""

    findings: Findings
    following: Sequence[tuple[str, str]]

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it; a line is never folded, so that the commands in it can be copied."""
        width = max(len(check) for check, _ in self.findings)
        for check, finding in self.findings:
            yield _line(check, finding, width=width, ascii_only=options.ascii_only)
        verdicts = [finding.verdict for _, finding in self.findings]
        sums = [f"{verdicts.count(each)} {words}" for each, words in _SUMS.items() if each in verdicts]
        yield Text(f"\n{len(verdicts)} checks: {', '.join(sums) or 'all fine'}.\n")
        yield next_commands(*self.following)


def _line(check: str, finding: Finding, *, width: int, ascii_only: bool) -> Text:
    mark, plain, colour = _MARKS[finding.verdict]
    said = clause(one_line(finding.said))
    line = Text.assemble((plain if ascii_only else mark, colour), f" {check:<{width}}  {said}")
    if finding.fix:
        line.append(f" {'->' if ascii_only else '→'} {one_line(finding.fix)}", style="bold")
    line.no_wrap, line.overflow = True, "ignore"
    return line


def followed_by(findings: Findings) -> list[tuple[str, str]]:
    """The commands that help with what was found."""
    wanted = [("respot drill", "send a labelled event through all of it"), ("respot list", "runs with what comes next")]
    if any(check == "dead letters" and finding.verdict is Verdict.FIX for check, finding in findings):
        wanted.insert(0, ("respot dlq", "dead letters with their reasons"))
    if any(finding.verdict not in {Verdict.FINE, Verdict.NOTE} for _, finding in findings):
        wanted.append(("respot doctor", "check again"))
    return wanted


def to_document(findings: Findings, following: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The findings as JSON."""
    return {
        "checks": [
            {"check": check, "verdict": finding.verdict, "said": finding.said, "fix": finding.fix or None}
            for check, finding in findings
        ],
        "next": next_document(*following),
    }
