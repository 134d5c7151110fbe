import pytest

from local.emulator.call_counts import CallCounts, operation_of


def signed(key: str, service: str = "sagemaker", target: str = "") -> dict[bytes, bytes]:
    scope = f"{key}/20261123/us-east-1/{service}/aws4_request"
    said = {b"authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0".encode()}
    return said | ({b"x-amz-target": target.encode()} if target else {})


@pytest.mark.parametrize(
    ("headers", "operation"),
    [
        (signed("ASIAROLE", target="SageMaker.DescribeTrainingJob"), "DescribeTrainingJob"),
        (signed("ASIAROLE", "dynamodb", "DynamoDB_20120810.PutItem"), "PutItem"),
        (signed("ASIAROLE", "sns"), "sns"),
        (signed("test", target="SageMaker.DescribeTrainingJob"), None),
        ({}, None),
        ({b"authorization": b"Bearer x"}, None),
    ],
)
def test_only_what_a_function_asks_is_counted(headers: dict[bytes, bytes], operation: str | None) -> None:
    counts = CallCounts()
    assert operation_of(headers) == operation
    assert counts.begin(headers) == operation
    assert counts.to_document()["calls"] == ({operation: 1} if operation else {})


def test_describes_are_counted_while_they_are_in_flight() -> None:
    counts, describe = CallCounts(), signed("ASIAROLE", target="SageMaker.DescribeTrainingJob")
    first, second = counts.begin(describe), counts.begin(describe)
    counts.end(first)
    third = counts.begin(describe)
    for operation in (second, third, counts.begin(signed("ASIAROLE", "sns"))):
        counts.end(operation)
    counts.end(None)
    assert counts.in_flight == 0
    assert counts.to_document()["most_describes_in_flight"] == 2
    assert counts.to_document()["most_describes_in_a_second"] >= 1
