"""What people learn to expect before the decision must never be less than what the planner then does."""

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.job import JobState, Owner, Parent
from respot.recovery.planning.decision import Action, Outlook
from respot.recovery.planning.ending import Trigger
from respot.recovery.planning.planner import foresee, plan
from respot.recovery.policy.policy import AccountPolicy, Policy, Rule, resolve
from tests.support.builders import history, state
from tests.support.runs import ENDED, OUT_OF_TIME, attempt, context, run

TRANSITIONS: Final = history(OUT_OF_TIME)
ASKS: Final = AccountPolicy(defaults=Policy(resume=True))
NOBODY: Final = AccountPolicy()
PARENT: Final = Parent(owner=Owner.BATCH, identifier="AWSBatch")
ENDS: Final = (
    ("Stopped", "MaxWaitTimeExceeded", None),
    ("Stopped", "MaxRuntimeExceeded", None),
    ("Stopped", "Stopped", None),
    ("Failed", "Failed", "CapacityError: none."),
    ("Failed", "Failed", "AlgorithmError: exit code 1."),
    ("Completed", "Completed", None),
    ("Deleting", "MaxWaitTimeExceeded", None),
    ("Stopping", "Stopping", None),
    ("Archived", "SomethingNew", None),
)


def ended(tags: dict[str, str] | None, **others: Any) -> JobState:  # noqa: ANN401
    return state(**({"status": "Stopped", "secondary_status": "MaxWaitTimeExceeded", "tags": tags} | others))


RULE_OUT: Final = replace(ASKS, rules=(Rule(name="not these", settings={"resume": False}),))
ON, OFF = {"respot:resume": "on"}, {"respot:resume": "off"}


@pytest.mark.parametrize(
    ("job", "account", "outlook"),
    [
        pytest.param(ended({}), NOBODY, Outlook.LEAVES, id="nobody asks"),
        pytest.param(ended({}), ASKS, Outlook.DECIDES, id="the policy asks"),
        pytest.param(ended(ON), NOBODY, Outlook.DECIDES, id="the tag asks"),
        pytest.param(ended({}), RULE_OUT, Outlook.LEAVES, id="a rule opts it out"),
        pytest.param(ended(ON), RULE_OUT, Outlook.DECIDES, id="the tag asks against the rule"),
        pytest.param(ended(OFF), ASKS, Outlook.LEAVES, id="the owner opted out"),
        pytest.param(ended(OFF), None, Outlook.LEAVES, id="opted out, with any policy"),
        pytest.param(ended(ON), None, Outlook.UNKNOWN, id="the policy cannot be read"),
        pytest.param(ended(None), NOBODY, Outlook.UNKNOWN, id="the tags are not known"),
        pytest.param(ended({"respot:resum": "on"}), NOBODY, Outlook.DECIDES, id="a bad tag is reported"),
        pytest.param(ended({}, parent=PARENT), ASKS, Outlook.DECIDES, id="an owner's: refused, and reported"),
        pytest.param(
            ended({}, parent=PARENT, secondary_status="MaxRuntimeExceeded"), ASKS, Outlook.LEAVES, id="not even refused"
        ),
        pytest.param(ended({}, secondary_status="Stopped"), ASKS, Outlook.UNKNOWN, id="by whom is noted elsewhere"),
        pytest.param(ended({}, status="Stopping"), ASKS, Outlook.UNKNOWN, id="has not ended"),
    ],
)
def test_what_to_expect(job: JobState, account: AccountPolicy | None, outlook: Outlook) -> None:
    assert foresee(job, TRANSITIONS, account) is outlook


POLICIES = st.builds(
    AccountPolicy,
    defaults=st.builds(
        Policy,
        resume=st.booleans(),
        triggers=st.frozensets(st.sampled_from(Trigger)),
        require_checkpoint=st.booleans(),
        dry_run=st.booleans(),
        max_attempts=st.integers(1, 3),
    ),
    rules=st.lists(
        st.builds(Rule, name=st.just("r"), settings=st.fixed_dictionaries({"resume": st.booleans()})), max_size=1
    ).map(tuple),
)
TAGS = st.none() | st.dictionaries(
    st.sampled_from(["respot:resume", "respot:Resume", "respot:dry-run", "team"]), st.sampled_from(["on", "off", "x"])
)


@given(POLICIES, TAGS, st.sampled_from(ENDS), st.none() | st.just(PARENT))
def test_a_job_foreseen_as_left_alone_is_neither_resubmitted_nor_reported(
    account: AccountPolicy, tags: dict[str, str] | None, end: tuple[str, str, str | None], parent: Parent | None
) -> None:
    status, secondary, reason = end
    last = attempt()
    job = replace(
        last.state, status=status, secondary_status=secondary, failure_reason=reason, tags=tags, parent=parent
    )
    what = run(replace(last, state=job))
    decision = plan(context(what, resolve(account, job, role=job.role_arn)), now=ENDED)
    outlook = foresee(job, last.transitions, account)
    if outlook is Outlook.LEAVES:
        assert decision.action in {Action.NOTHING, Action.REFUSE}
        assert not decision.notify
    if outlook is Outlook.DECIDES:
        assert decision.notify or decision.action in {Action.RESUBMIT, Action.WAIT}
