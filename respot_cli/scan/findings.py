"""All that a scan has to show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from respot_cli.scan.figures import Figures
from respot_cli.scan.reading import RegionJobs
from respot_cli.scan.verdicts import Verdict

UNKNOWABLE = (
    "Which spot jobs ran on demand is not known: DescribeTrainingJob does not say it.",
    "Each job counts as a run of its own, also if it continued another by hand.",
)
"""What nobody can read from SageMaker's answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a scan has to show.

    Attributes:
        now: when it was made.
        since: jobs created since then.
        regions: what was read in each region.
        figures: the sums.
        verdicts: what the policy decides about jobs that ended and did not complete, the latest first.
        policy: the policy's file; `None` for the policy that is assumed without one.
        price_source: where prices come from; empty without prices.
        why_no_price: why prices are missing.
        page: the page that was written; `None` without one.
    """

    now: datetime
    since: datetime
    regions: Sequence[RegionJobs]
    figures: Figures
    verdicts: Sequence[Verdict]
    policy: str | None
    price_source: str
    why_no_price: Sequence[str]
    page: str | None = None

    @property
    def account(self) -> str:
        """The account's twelve digits; empty if no job says so."""
        return next((each.account for each in self.regions if each.account), "")

    @property
    def resumed(self) -> int:
        """How many jobs the policy would have resumed."""
        return sum(each.replayed.resumes for each in self.verdicts)

    @property
    def assuming(self) -> int:
        """How many of these depend on what a scan cannot know."""
        return sum(each.replayed.resumes and bool(each.replayed.assumptions) for each in self.verdicts)

    @property
    def unread(self) -> Mapping[str, str]:
        """The jobs that could not be read, with the reason."""
        return {f"{each.region}/{name}": why for each in self.regions for name, why in each.unread.items()}

    @property
    def is_complete(self) -> bool:
        """Whether everything could be read."""
        return not self.unread and all(each.why_not is None for each in self.regions)
