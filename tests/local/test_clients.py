"""Which clients are run, with what, and what is said of them."""

import re
from pathlib import Path

import pytest

from local import PROJECT
from local.__main__ import EXAMPLES as NAMED
from local.clients import table
from local.clients.cases import CASES, EXAMPLES, Client
from local.clients.table import PACKAGES


STARTS_JOBS = [path for path in EXAMPLES.glob("*.py") if path.name != "follow_run.py"]
"""The others follow a run: `tests/e2e/test_following_a_run.py` and the case "a run of three jobs" run them."""


def test_every_example_is_run_by_its_client_and_named_by_make_local() -> None:
    examples = sorted(f"examples/{path.name}" for path in STARTS_JOBS)
    assert examples == sorted(case for cases in CASES.values() for case in cases if case.startswith("examples/"))
    assert examples == sorted(re.findall(r"examples/\w+\.py", NAMED))


def test_every_example_asks_for_resume_and_names_no_role_or_bucket() -> None:
    for path in STARTS_JOBS:
        text = path.read_text()
        assert re.search(r"respot:resume.{1,20}on", text)
        assert "SAGEMAKER_ROLE" in text
        assert "SAGEMAKER_BUCKET" in text
        assert not re.search(r"local:|111122223333|ml-bucket", text)


def test_every_client_has_its_pinned_requirements_and_none_has_a_framework() -> None:
    assert CASES.keys() == PACKAGES.keys()
    for client, package in PACKAGES.items():
        pinned = re.findall(r"^([\w.-]+)==", (PROJECT / f"requirements/clients-{client}.txt").read_text(), re.MULTILINE)
        assert package in pinned
        assert not {"torch", "tensorflow", "transformers"} & set(pinned)
    made = re.search(r"^CLIENTS := (.*)$", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert made
    assert made[1].split() == sorted(PACKAGES)


def test_a_case_that_breaks_off_is_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_client: Client) -> str:
        raise RuntimeError("no answer")

    monkeypatch.setattr(table, "CASES", {"cli": {"lists": broken}})
    client = Client(name="cli", programs=Path(), at=None, settings=Path())  # type: ignore[arg-type] # it is not asked
    *_, found = table.case_run(client, "lists")
    assert found == ["RuntimeError: no answer"]
