import pytest

from respot.jobs.job import Owner, Parent
from respot.jobs.owner import find_parent

STATE_MACHINE = "arn:aws:states:us-east-1:111122223333:execution:train:1"
BATCH_NAME = "AWSBatchnightly0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("tags", "parent"),
    [
        ({"sagemaker:pipeline-execution-arn": "arn:p"}, Parent(owner=Owner.PIPELINE, identifier="arn:p")),
        (
            {"AWS_STEP_FUNCTIONS_EXECUTION_ARN": STATE_MACHINE, "MANAGED_BY_AWS": "STARTED_BY_STEP_FUNCTIONS"},
            Parent(owner=Owner.STEP_FUNCTIONS, identifier=STATE_MACHINE),
        ),
        (
            {"MANAGED_BY_AWS": "STARTED_BY_STEP_FUNCTIONS"},
            Parent(owner=Owner.STEP_FUNCTIONS, identifier="STARTED_BY_STEP_FUNCTIONS"),
        ),
        ({"services.k8s.aws/namespace": "ml"}, Parent(owner=Owner.ACK, identifier="ml")),
        ({"team": "vision", "respot:resume": "on"}, None),
        ({}, None),
    ],
    ids=["pipeline", "step functions", "step functions without its execution", "kubernetes", "own tags", "no tags"],
)
def test_a_parent_is_recognised_by_its_tags(tags: dict[str, str], parent: Parent | None) -> None:
    assert find_parent(name="job", tags=tags) == parent


@pytest.mark.parametrize(
    ("member", "owner"),
    [("tuning_job_arn", Owner.TUNING), ("automl_job_arn", Owner.AUTOML), ("labeling_job_arn", Owner.LABELING)],
)
def test_sagemakers_own_parents_have_priority_over_tags(member: str, owner: Owner) -> None:
    tags = {"services.k8s.aws/namespace": "ml"}
    assert find_parent(name="job", tags=tags, **{member: "arn:parent"}) == Parent(owner=owner, identifier="arn:parent")


@pytest.mark.parametrize(
    ("name", "batch"),
    [(BATCH_NAME, True), (BATCH_NAME[:-1], False), (f"my-{BATCH_NAME}", False), ("AWSBatch", False)],
)
def test_a_batch_job_is_recognised_by_its_name(name: str, *, batch: bool) -> None:
    parent = Parent(owner=Owner.BATCH, identifier=name) if batch else None
    assert find_parent(name=name, tags={}) == parent
