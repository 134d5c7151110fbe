"""What SageMaker's refusal of a creation is about, as far as its words tell.

Error codes do not tell a quota that frees up from one that never fits, nor a type that the region lacks from any other
mistake. What is not understood here is taken as before: a quota frees up, a refusal is final.
"""

import re
from typing import Final

METRICS: Final = "AlgorithmSpecification.MetricDefinitions"

_NUMBER: Final = r"\d[\d,]*(?:\.\d+)?"
_LIMIT: Final = re.compile(
    rf"\b(?:limit|quota)\b(?:\s+of|(?:(?!utili[sz]ation).)*?\bis)\s+(?P<limit>{_NUMBER})(?!\.?\w)",
    re.IGNORECASE | re.DOTALL,
)
_DELTA: Final = re.compile(rf"\bdelta\s+of\s+(?P<delta>{_NUMBER})", re.IGNORECASE)
_NAME: Final = re.compile(r"'(?P<name>[^']+)'|\bfor\s+(?P<resource>\S+/\S+)")
_TYPE: Final = re.compile(r"\bml\.[a-z0-9-]+\.[a-z0-9]+\b|\binstance[ _-]?types?\b", re.IGNORECASE)
_REFUSED_TYPE: Final = re.compile(
    r"\bunsupported\b"
    r"|(?:\bnot|n't)\s+(?:\w+\s+)?(?:available|supported|offered|support|allowed)\b"
    r"|\bonly\b.*\bsupported\b"
    r"|\binvalid instance type\b"
    r"|\benum value set\b",
    re.IGNORECASE | re.DOTALL,
)
_FOR_NOW: Final = re.compile(
    r"\b(?:currently|presently|temporarily)\b"
    r"|\bat (?:this|the) (?:time|moment)\b"
    r"|\bright now\b"
    r"|\btry\b.*\b(?:later|minutes)\b"
    r"|\binsufficient\b"
    r"|\bcapacity\b",
    re.IGNORECASE | re.DOTALL,
)
_REMEDY: Final = re.compile(r"\b(?:Please|If AWS Service Quotas)\b.*", re.DOTALL)
"""How the advice at the end begins: "If AWS Service Quotas is not available, contact AWS support" is about no type."""
_METRIC_DEFINITIONS: Final = re.compile(r"metric[\s_-]*definition", re.IGNORECASE)
_LONGEST_REASON: Final = 200


def never_fits(words: str, *, instances: int) -> str | None:
    """Why the job would exceed the quota with nothing else running; `None` if it may fit some day.

    Sources: "The account-level service limit 'ml.p3dn.24xlarge for training job usage' is 0 Instances, with current
    utilization of 0 Instances and a request delta of 1 Instances" (SageMaker Developer Guide, Training Compiler);
    "… service limit for training-job/ml.p2.xlarge is 0 Instances, …" (aws/sagemaker-python-sdk#35); "The requested
    resource training-job/ml.p2.xlarge is not available in this region" (aws/amazon-sagemaker-examples#1001).

    Args:
        words: AWS's words for a quota that is exceeded.
        instances: how many the job asks for, in case the words do not say so.
    """
    limit, delta = _LIMIT.search(words), _DELTA.search(words)
    if limit is None:
        return not_offered(words)
    asked = delta["delta"] if delta else str(instances)
    if _number(limit["limit"]) >= _number(asked):
        return None
    name = _NAME.search(words)
    quota = " ".join((name["name"] or name["resource"]).split()) if name else ""
    return f"the quota {f'{quota!r} ' if quota else ''}is {limit['limit']} and the job needs {asked}"


def not_offered(words: str) -> str | None:
    """AWS's words, cut short, if they say that it does not train on the instance type here; `None` if they do not.

    Sources: "Unsupported instance type ml.p3dn.24xlarge" in a region without it (aws/amazon-sagemaker-examples#3494);
    "Instance type ml.c4.2xlarge is not supported by algorithm image-classification" (#1951); "Value 'ml.t2.medium' at
    'resourceConfig.instanceType' failed to satisfy constraint: Member must satisfy enum value set"
    (aws-samples/aws-sagemaker-heart-disease-prediction#1).
    """
    said = _REMEDY.sub("", words)
    if _FOR_NOW.search(words) or not _REFUSED_TYPE.search(said) or not names_a_type(said):
        return None
    return said[:_LONGEST_REASON].strip()


def names_a_type(words: str) -> bool:
    """Whether the words are about an instance type, so that another one may do."""
    return _TYPE.search(words) is not None


def unwanted(words: str) -> str | None:
    """The member that SageMaker does not take back, although it answered it itself; `None` if it is about none.

    SageMaker adds metric definitions of its own to the jobs of built-in algorithms and of some prebuilt images
    (hashicorp/terraform-provider-aws, training_job.go), and refuses them in Create: "You can't override the metric
    definitions for Amazon SageMaker algorithms. Please retry the request without specifying metric definitions."
    """
    return METRICS if _METRIC_DEFINITIONS.search(words) else None


def _number(digits: str) -> float:
    return float(digits.replace(",", ""))
