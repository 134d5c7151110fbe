"""docs/reference/policy.md and the policies that are ready to copy keep to the code."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from respot.errors import PolicyInvalidError
from respot.jobs.formatting import in_words
from respot.recovery.planning.attempt import LINEAGE_TAGS
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.decision import Decision
from respot.recovery.planning.ending import TRIGGERS_TO_CHOOSE, Budget, Trigger
from respot.recovery.planning.planner import plan
from respot.recovery.planning.run import Attempt
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.policy.document import SCHEMA_FILE, parse_policy, read_policy
from respot.recovery.policy.policy import _TAG_READERS, AccountPolicy, Policy, read_tags, resolve
from respot_cli.policy_file import policy_text
from tests.support.runs import HOUR, attempt, run, saved, shifted

ROOT: Final = Path(__file__).parents[3]
MANUAL: Final = (ROOT / "docs/reference/policy.md").read_text(encoding="utf-8")
TAGS: Final = (ROOT / "docs/reference/tags.md").read_text(encoding="utf-8")
SCHEMA: Final[dict[str, Any]] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
READY: Final = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/policies").iterdir())


def table(after: str) -> dict[str, list[str]]:
    """The first table after a heading: cells by first cell, without their backquotes."""
    rows = re.search(r"(?:^\|.*\n)+", MANUAL[MANUAL.index(after) :], re.MULTILINE)
    assert rows
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in rows[0].splitlines()[2:])
    return {first.strip("`"): rest for first, *rest in cells}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", MANUAL, re.MULTILINE | re.DOTALL)


def test_the_table_has_every_setting_and_no_other() -> None:
    settings = SCHEMA["definitions"]["settings"]["properties"]
    named = [
        *settings,
        *(f"{name}.{entry}" for name in ("attempts", "back_off") for entry in settings[name]["properties"]),
    ]
    assert sorted(table("## Settings")) == sorted(named)


def test_the_table_has_the_defaults() -> None:
    in_table: dict[str, Any] = {"attempts": {}, "back_off": {}}
    for name, (default, *_) in table("## Settings").items():
        outer, _, inner = name.partition(".")
        if inner:
            in_table[outer][inner] = yaml.safe_load(default.strip("`"))
        elif default.startswith("`"):
            in_table[outer] = yaml.safe_load(default.strip("`"))
    assert parse_policy({"version": 1, "defaults": in_table}) == AccountPolicy()
    assert in_table.keys() == SCHEMA["definitions"]["settings"]["properties"].keys() - {"triggers"}
    assert set(TRIGGERS_TO_CHOOSE) - Policy().triggers == {
        Trigger.MAX_RUNTIME_EXCEEDED
    }  # "all but max-runtime-exceeded"


def test_the_table_has_every_tag_with_values_that_can_be_read() -> None:
    tags = {}
    for _, tag, _ in table("## Settings").values():
        if tag:
            key, *values = re.findall(r"`([^`]+)`", tag)
            assert all(read_tags({key: value})[1] == () for value in values)
            tags[key] = values
    assert tags.keys() == _TAG_READERS.keys()
    assert all(tags.values())
    assert all(f"`{tag}`" in TAGS for tag in (*tags, *LINEAGE_TAGS))


def test_each_setting_has_a_section_with_an_example() -> None:
    for name in SCHEMA["definitions"]["settings"]["properties"]:
        heading = next(line for line in MANUAL.splitlines() if line.startswith("### ") and name in line[4:].split(", "))
        section = MANUAL[MANUAL.index(heading) :].partition("\n### ")[0].partition("\n## ")[0]
        assert re.search(rf"^ *{name}:", section, re.MULTILINE), name


@pytest.mark.parametrize("example", blocks("yaml"))
def test_every_example_can_be_read(example: str) -> None:
    read = yaml.safe_load(example)
    if read.keys() <= SCHEMA["definitions"]["settings"]["properties"].keys():
        read = {"defaults": read}
    assert parse_policy({"version": 1} | read) != AccountPolicy()


def test_the_messages_are_those_that_people_get() -> None:
    with pytest.raises(PolicyInvalidError) as error:
        parse_policy({"version": 1, "defaults": {"resum": True}})
    assert f"policy.yaml: {error.value}\n" in blocks("text")[0]
    _, bad = read_tags({"respot:dedline": "1 h", "respot:resume": "yes"})
    assert "\n".join(bad) in TAGS


EVENING: Final = 11 * HOUR
"""The example's job begins at 20:00."""
SAVED: Final = tuple(
    saved(EVENING + at, f"checkpoint-{step}", objects=6) for at, step in ((600 + 900 * n, 500 * n) for n in range(1, 7))
)


def nightly(number: int, name: str, script: str, max_wait: timedelta) -> Attempt:
    """An attempt of the example; its script counts seconds from 20:00."""
    plain = attempt(shifted(script, EVENING), number=number, checkpoint=SAVED[-1])
    job = replace(plain.state.job, name=name)
    uri = "s3://ml-bucket/checkpoints/nightly-resnet/"
    return replace(plain, state=replace(plain.state, job=job, max_wait=max_wait, checkpoint_uri=uri, tags={}))


def decide(*attempts: Attempt) -> Decision:
    policy, last = read_policy(policy_text("docs/policies/overnight-deadline.yaml", ROOT)), attempts[-1].state
    decided_on = PlanContext(run=run(*attempts, checkpoints=SAVED), resolved=resolve(policy, last, role=None))
    return plan(decided_on, now=last.last_modified)


def line_of(decision: Decision) -> str:
    """The decision as the document quotes it."""
    placement = decision.placement
    assert placement is not None
    wait = "none" if placement.max_wait is None else in_words(placement.max_wait)
    return (
        f"{decision.action}: {decision.reason}\n"
        f"attempt {decision.attempt}: {placement.market} {placement.instance_type}, "
        f"MaxRuntime {in_words(placement.max_runtime)}, MaxWait {wait}\n"
    )


def test_the_example_is_what_the_planner_decides() -> None:
    """At the end of the first attempt, and of the second, which a sweep stopped after its latest on-demand start."""
    life = "Starting=0 Downloading=360 Training=600 Interrupted=6600 MaxWaitTimeExceeded=21600"
    first = nightly(1, "nightly-resnet", life, timedelta(hours=6))
    then = decide(first)
    assert then.placement is not None
    assert then.placement.max_wait is not None
    stopped = 21600 + 7920
    waited = f"Starting=21600 Stopping={stopped} Stopped={stopped + 10}"
    second = nightly(2, "nightly-resnet-r2", waited, then.placement.max_wait)
    since, at = (transition.started for transition in second.transitions[:2])
    intent = StopIntent(job=second.state.job, waiting_since=since, decided_at=at, reason="latest start")
    second = replace(second, stop_intent=intent)
    assert [line_of(decision) for decision in (then, decide(first, second))] == blocks("text")[1:]


def test_the_pauses_are_those_of_the_defaults() -> None:
    pauses = table("The longest pauses, as shipped")
    assert pauses.keys() == set(Budget)
    for budget, cells in pauses.items():
        back_off = Policy().back_off[Budget(budget)]
        assert cells == [in_words(min(back_off.longest, back_off.first * 2**times)) for times in range(5)]


def test_the_budgets_are_those_of_the_defaults() -> None:
    budgets = table("Each new attempt is charged")
    assert {Budget(name): int(cells[-1]) for name, cells in budgets.items()} == Policy().budgets


def test_the_triggers_are_those_of_the_code() -> None:
    assert list(table("### triggers")) == list(TRIGGERS_TO_CHOOSE)


def test_the_policy_as_shipped_says_what_is_built_in() -> None:
    assert read_policy(policy_text("policy.yaml", ROOT)) == AccountPolicy()
    assert set(yaml.safe_load((ROOT / "policy.yaml").read_text())["defaults"]) >= {"resume", "triggers", "attempts"}


def test_six_policies_stand_ready_to_copy() -> None:
    assert len(READY) == 6
    listed = re.findall(r"^\| \[.+?\]\(\.\./(policies/.+?)\)", MANUAL, re.MULTILINE)
    assert sorted(f"docs/{path}" for path in listed) == READY


@pytest.mark.parametrize("path", READY)
def test_a_policy_that_is_ready_to_copy_is_valid_and_resumes_something(path: str) -> None:
    policy = read_policy(policy_text(path, ROOT))
    assert policy.defaults.resume or any(rule.settings.get("resume") for rule in policy.rules)


def test_the_commonest_policies_do_what_their_names_say() -> None:
    policies = {Path(path).stem: read_policy(policy_text(path, ROOT)) for path in READY}
    assert policies["resume-on-spot"].defaults == Policy(resume=True)
    assert policies["dry-run-first"].defaults == Policy(resume=True, dry_run=True)
    assert [rung.market for rung in policies["spot-then-on-demand"].defaults.ladder] == ["spot", "on-demand"]
    assert sum(rung.attempts or 0 for rung in policies["spot-then-on-demand"].defaults.ladder) == 4
    assert policies["spot-then-on-demand"].defaults.max_attempts == 4
    (nightly,) = policies["overnight-deadline"].rules
    assert nightly.settings == {"resume": True, "deadline": timedelta(hours=14)}
    assert len(policies["per-team-rules"].rules) == 3
    impatient = policies["impatient"].defaults
    assert impatient.give_up_waiting_after == timedelta(hours=2)
    assert impatient.max_attempts == sum(rung.attempts or 0 for rung in impatient.ladder)


@pytest.mark.parametrize("path", ["policy.yaml", *READY])
def test_editors_find_the_schema(path: str) -> None:
    first = (ROOT / path).read_text(encoding="utf-8").splitlines()[0]
    assert ((ROOT / path).parent / first.partition("$schema=")[2]).resolve() == SCHEMA_FILE.resolve()
