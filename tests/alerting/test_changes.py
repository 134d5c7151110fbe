"""Which item of the ledger leads to which alert, from the stream record to the topic."""

from typing import Any

import pytest

from respot.alerting.kinds import KIND_BY_STATUS, AlertKind
from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.changes import read_change
from respot.aws.dynamodb.job_items import state_item, transition_item
from respot.aws.dynamodb.keys import partition_of
from respot.aws.dynamodb.run_items import attempt_item, decision_item, notice_item, outcome_item
from respot.jobs.formatting import iso
from respot.jobs.job import JobRecord, Transition
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.recovery.records import AttemptRecord, NoticeKind, OutcomeKind
from respot.schema import KIND, PK, SK, STARTED, STATUS, ItemKind
from tests.alerting.environment import ENDED, JOB, Environment
from tests.handlers.test_recover import LEASED
from tests.support.builders import at, snapshot
from tests.support.records import decision_record, outcome_of

NEXT = f"{JOB.name}-r2"
NOTHING: list[Any] = []


def decided(action: Action, **others: Any) -> Item:  # noqa: ANN401
    return decision_item(decision_record(action, **others), None)


NOT_DONE = AlertKind.NOT_RESUBMITTED


def recorded(status: str, seconds: float = 3720, *, ended_as: str | None = None) -> Item:
    each = Transition(status=status, started=at(seconds), ended_as=ended_as)
    return transition_item(JOB, each, now=at(1), retention=None)


def notice(kind: NoticeKind) -> Item:
    return notice_item(JOB, kind, "the summary", now=at(21640), retention=None)


def attempt() -> Item:
    record = AttemptRecord(run=run_id(JOB), number=2, region="us-east-1", name=NEXT, parent=JOB, decided_at=at(1))
    return attempt_item(record, None)


def of_kind(kind: str) -> Item:
    return serialize({PK: partition_of(JOB), SK: kind, KIND: str(kind), STATUS: "Interrupted", STARTED: iso(at(3720))})


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        *(pytest.param(recorded(status), [(kind, "", None)], id=status) for status, kind in KIND_BY_STATUS.items()),
        pytest.param(recorded("MaxPendingTimeExceeded"), NOTHING, id="an unknown status"),
        pytest.param(
            recorded("MaxPendingTimeExceeded", ended_as="Stopped"), [(AlertKind.ENDED, "", None)], id="an unknown end"
        ),
        *(
            pytest.param(recorded(status, 100), NOTHING, id=status)
            for status in ("Starting", "Training", "Completed", "Stopped", "SomethingNew")
        ),
        pytest.param(
            state_item(reconcile(JobRecord(), snapshot(ENDED)), None), [(AlertKind.ADVICE, "", None)], id="state"
        ),
        pytest.param(
            decided(Action.REFUSE, notify=True),
            [(AlertKind.NOT_RESUBMITTED, "not resubmitted: the reason", None)],
            id="refusal",
        ),
        pytest.param(decided(Action.REFUSE), NOTHING, id="silent refusal"),
        pytest.param(decided(Action.NOTHING), NOTHING, id="nothing"),
        pytest.param(
            decided(Action.RESUBMIT, notify=True, dry_run=True, warning="late"),
            [(AlertKind.WOULD_RESUBMIT, "the reason", "late")],
            id="dry run",
        ),
        pytest.param(decided(Action.RESUBMIT, dry_run=True), NOTHING, id="silent dry run"),
        pytest.param(decided(Action.RESUBMIT, notify=True, warning="late"), NOTHING, id="resubmission"),
        *(
            pytest.param(
                outcome_item(outcome_of(kind), None),
                [(AlertKind.RESUBMITTED if kind == "created" else NOT_DONE, "a summary", "a warning")],
                id=str(kind),
            )
            for kind in OutcomeKind
        ),
        pytest.param(notice(NoticeKind.POLICY_INVALID), [(AlertKind.POLICY_INVALID, "the summary", None)], id="policy"),
        pytest.param(notice(NoticeKind.POSTPONED), [(AlertKind.POSTPONED, "the summary", None)], id="kill switch"),
        pytest.param(
            notice(NoticeKind.WAIT_LIMIT_EXCEEDED),
            [(AlertKind.WAIT_LIMIT_EXCEEDED, "the summary", None)],
            id="a stop by Respot",
        ),
        pytest.param(
            notice(NoticeKind.CREATION_POSTPONED),
            [(AlertKind.CREATION_POSTPONED, "the summary", None)],
            id="a late creation",
        ),
        pytest.param(
            notice(NoticeKind.DEADLINE_AT_RISK), [(AlertKind.DEADLINE_AT_RISK, "the summary", None)], id="a deadline"
        ),
        pytest.param(
            notice(NoticeKind.WORK_UNKNOWN), [(AlertKind.DEADLINE_AT_RISK, "the summary", None)], id="unknown work"
        ),
        pytest.param(attempt(), NOTHING, id="attempt"),
        pytest.param(LEASED, NOTHING, id="the sweep's lease: a heartbeat"),
        pytest.param(of_kind(ItemKind.ALERT), NOTHING, id="alert"),
        pytest.param(of_kind("of another version"), NOTHING, id="an unknown kind"),
    ],
)
def test_each_kind_of_item_leads_to_its_alert_once(
    item: Item, expected: list[tuple[AlertKind, str, str | None]]
) -> None:
    env = Environment()
    for _ in range(2):  # the stream may deliver every record again
        change = read_change({"dynamodb": {"NewImage": item}})
        if change is not None:
            env.alerter.on(change)
    assert [(alert.kind, alert.summary, alert.warning) for alert in env.topic.published] == expected
    assert [each.kind for each in env.alerts()] == [kind for kind, _, _ in expected]
