"""What a decision was made from, in groups and in words for people."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from respot.jobs.formatting import readable

DECIDED_AT: Final = "decided_at"
GROUPS: Final[dict[str, dict[str, str]]] = {
    "What ended it": {
        "ending": "Ended as",
        "ended": "Ended",
        "ran_on": "Ran on",
    },
    "Policy": {
        "policy": "Settings from",
        "kill_switch": "Kill switch",
    },
    "Budgets": {
        "attempts": "Attempts",
        "budgets": "Resubmissions",
        "fruitless_attempts": "Without progress",
        "instance_hours_billed": "Instance-hours billed",
    },
    "In the way": {
        "overlapping_jobs": "Other writers",
        "obstacles": "Not to be created for",
        "refused_pools": "Pools refused",
    },
    "Work and checkpoints": {
        "work_expected": "Work",
        "work_done": "Done",
        "work_lost": "Lost",
        "newest_checkpoint": "Newest checkpoint",
        "checkpoint_layout": "Layout",
        "passed_over": "Passed over",
        "progress": "Progress",
        "listing": "Listing",
        "checkpoint_location": "Location",
    },
    "Deadline": {
        "deadline": "Deadline",
        "on_demand_by": "Latest on-demand start",
        "slack": "Slack",
        "reserve": "Reserve",
        "restart_overhead": "Restart overhead",
        "on_demand_wait": "Wait for on-demand",
        "return_to_spot": "A return to spot",
    },
}
OTHER: Final = "Other"
"""The group of what only another version of Respot knows."""
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def grouped(inputs: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """The inputs by group, each with its name for people; a group without inputs is left out."""
    rows = {
        group: [(label, _in_words(name, inputs[name])) for name, label in names.items() if name in inputs]
        for group, names in GROUPS.items()
    }
    known = {name for names in GROUPS.values() for name in names} | {DECIDED_AT}
    others = [(name.replace("_", " "), for_people(words)) for name, words in inputs.items() if name not in known]
    return {group: found for group, found in (rows | {OTHER: others}).items() if found}


def _in_words(name: str, words: str) -> str:
    said = for_people(words)
    return f"{said}; no rule matches" if name == "policy" and "rule " not in said else said


def for_people(words: str) -> str:
    """The same with its moments as people write them."""
    return _MOMENT.sub(lambda found: readable(datetime.fromisoformat(found[0])), words)
