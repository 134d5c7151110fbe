"""The public cases by kind: see tests/public_cases/README.md."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from _pytest.mark.structures import ParameterSet

from respot.jobs.job import JobState, Market
from tests.support.builders import CREATED, arn_of, job_id

DIRECTORY: Final = Path(__file__).parent.parent / "public_cases"
CLONE: Final = "clone"
"""What a case without a kind is about."""
_SPANS: Final = ("max_runtime", "max_wait", "max_pending", "training_time", "billable_time")
_MOMENTS: Final = ("training_started", "training_ended", "last_modified")


@cache
def all_cases() -> dict[str, dict[str, Any]]:
    """Every case, by the name of its file."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(DIRECTORY.glob("*.json"))}


def kind_of(case: Mapping[str, Any]) -> str:
    return str(case.get("kind", CLONE))


def cases(*kinds: str) -> list[ParameterSet]:
    """The cases of these kinds, as parameters of a test."""
    return [pytest.param(case, id=name) for name, case in all_cases().items() if kind_of(case) in kinds]


def state_of(given: Mapping[str, Any]) -> JobState:
    """Of a job, only what the case says; times are in seconds or in ISO 8601."""
    known: dict[str, Any] = {"status": "Failed", "secondary_status": "Failed", "last_modified": CREATED, **given}
    known |= {name: timedelta(seconds=known[name]) for name in _SPANS if known.get(name) is not None}
    known |= {name: datetime.fromisoformat(known[name]) for name in _MOMENTS if isinstance(known.get(name), str)}
    if known.get("market") is not None:
        known["market"] = Market(known["market"])
    return JobState(job=job_id(), arn=arn_of(), **known)


def compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Compare what the case expects; an expectation that nobody knows is a fault of the test."""
    assert expected.keys() <= found.keys(), f"nothing compares {sorted(expected.keys() - found.keys())}"
    assert {name: found[name] for name in expected} == dict(expected)
