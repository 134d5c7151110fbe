"""What the text of SageMaker's refusal of a creation means.

Error codes do not distinguish a quota that frees up from one that never fits. Nor do they distinguish an instance type
that the region lacks from any other mistake. By default a quota frees up and a refusal is final.
"""

import re
from typing import Final

from respot.errors import Postponement, Reach

METRICS: Final = "AlgorithmSpecification.MetricDefinitions"

_NUMBER: Final = r"\d[\d,]*(?:\.\d+)?"
_LIMIT: Final = re.compile(
    rf"\b(?:limit|quota)\b(?:\s+of|(?:(?!utili[sz]ation).){{0,200}}?\bis)\s+(?P<limit>{_NUMBER})(?!\.?\w)",
    re.IGNORECASE | re.DOTALL,
)
_DELTA: Final = re.compile(rf"\bdelta\s+of\s+(?P<delta>{_NUMBER})", re.IGNORECASE)
_NAME: Final = re.compile(r"'(?P<name>[^']+)'|\bfor\s+(?P<resource>\S+/\S+)")
_OF_TRAINING: Final = re.compile(
    r"\binstances?\s+(?:across\s+all|per)\s+(?:spot\s+)?training\s+jobs?\b|\bspot\s+training\s+jobs?\b", re.IGNORECASE
)
_TYPE: Final = re.compile(r"\bml\.[a-z0-9-]+\.[a-z0-9]+\b|\binstance[ _-]?types?\b", re.IGNORECASE)
_NEGATED: Final = r"(?:not|\w+n't)\s+(?:\w+\s+)?"
_REFUSED_TYPE: Final = re.compile(
    # The type is the subject: "for ml.g5.xlarge, … is not supported" is about something else.
    rf"(?<!\bfor )(?<!\bwith )(?<!\bon )(?<!\bof )(?<!\busing )(?<!\btype )(?:{_TYPE.pattern})['\"\])]*"
    rf"(?:\s+['\"]?[\w.-]+['\"]?){{0,6}}?\s+{_NEGATED}"
    r"(?:(?:available|supported|offered|allowed)\b(?!\s+(?:with|when|if|while|together|unless)\b)"
    r"|support\s+(?:managed\s+)?(?:spot|training)\b)"
    rf"|\bspot\b(?:\s+[\w-]+){{0,3}}?\s+{_NEGATED}(?:available|supported|offered|allowed)\s+(?:\w+\s+){{1,8}}?(?:{_TYPE.pattern})"
    rf"|\b(?:unsupported|invalid) instance[ _-]?types?\b"
    rf"|\bonly\s+(?:[\w.,-]+\s+){{0,8}}?(?:{_TYPE.pattern})(?:\s+[\w.,-]+){{0,8}}?\s+(?:is|are)\s+supported\b"
    r"|\bresourceConfig\.[\w.]*instanceType'\s+failed to satisfy constraint: Member must satisfy enum value set\b",
    re.IGNORECASE,
)
_ANOTHER_MEMBER: Final = re.compile(
    r"\b(?!(?:InstanceTypes?|ResourceConfig|CreateTrainingJob|TrainingJob|SageMaker|EnableManagedSpotTraining)\b)"
    r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+\b"
    r"|\b(?:[2-9]|\d\d+) validation errors\b"
)
"""The name of another member of the request, or several mistakes: another type alone would not help."""
_BUSY: Final = re.compile(r"\brate (?:limit )?exceeded\b|\bthrottl|\btoo many requests\b", re.IGNORECASE)
_FOR_NOW: Final = re.compile(
    r"\btemporar(?:y|ily)\b"
    r"|\btry\b.{0,100}?\b(?:later|minutes)\b"
    r"|\b(?:insufficient|sufficient|enough|no|out of|lack of)\s+(?:\S+\s+){0,4}?capacity\b"
    r"|\bcapacity\b[^.]{0,100}?\b(?:insufficient|unavailable|not (?:\w+ )?available)\b",
    re.IGNORECASE | re.DOTALL,
)
_AT_PRESENT: Final = re.compile(
    r"\b(?:currently|presently|right now)\b|\bat (?:this|the) (?:time|moment)\b", re.IGNORECASE
)
"""Says that something is not available now; AWS also says it, for years, about what is not supported."""
_ABOUT_THE_REQUEST: Final = re.compile(r"\bvalidation errors? detected\b", re.IGNORECASE)
_QUOTED: Final = re.compile(r"(?<!\w)(['\"`]).*?\1", re.DOTALL)
_NAMED: Final = re.compile(
    r"\b(?:repository|image|bucket|key|prefix|role|user|group|algorithm|name):\s+\S+", re.IGNORECASE
)
_NAME_LIKE: Final = re.compile(r"[/\\:_@=-]\w|\.[a-z0-9]")
"""A part of a word with which people name things: a URI, an ARN, an image, a file, two-words."""
_REMEDY: Final = re.compile(r"\b(?:Please|If AWS Service Quotas)\b.*", re.DOTALL)
"""The advice at the end: "If AWS Service Quotas is not available, contact AWS support" is not about a type."""
_METRIC_DEFINITIONS: Final = re.compile(r"metric[\s_-]*definition", re.IGNORECASE)
_LONGEST_REASON: Final = 200


def never_fits(words: str, *, instances: int) -> str | None:
    """Why the job exceeds the quota even when nothing else runs; `None` if it may fit later.

    Sources: "The account-level service limit 'ml.p3dn.24xlarge for training job usage' is 0 Instances, with current
    utilization of 0 Instances and a request delta of 1 Instances" (SageMaker Developer Guide, Training Compiler);
    "… service limit for training-job/ml.p2.xlarge is 0 Instances, …" (aws/sagemaker-python-sdk#35); "The requested
    resource training-job/ml.p2.xlarge is not available in this region" (aws/amazon-sagemaker-examples#1001).

    Args:
        words: AWS's text about an exceeded quota.
        instances: how many the job asks for, if the text does not say.
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
    """AWS's text, shortened, if it says that the instance type cannot train here; otherwise `None`.

    Sources: "Unsupported instance type ml.p3dn.24xlarge" in a region without it (aws/amazon-sagemaker-examples#3494);
    "Instance type ml.c4.2xlarge is not supported by algorithm image-classification" (#1951); "Value 'ml.t2.medium' at
    'resourceConfig.instanceType' failed to satisfy constraint: Member must satisfy enum value set"
    (aws-samples/aws-sagemaker-heart-disease-prediction#1).
    """
    shortened = _REMEDY.sub("", words)
    if for_now(words) or not _REFUSED_TYPE.search(shortened) or _ANOTHER_MEMBER.search(shortened):
        return None
    return shortened[:_LONGEST_REASON].strip()


def for_now(words: str) -> Postponement | None:
    """What to wait for, if the text says that the refusal is temporary; otherwise `None`.

    Sources: "Rate exceeded" (AWS's text for throttling); "CapacityError: Unable to provision requested ML
    compute capacity. Please retry using a different ML instance type" is how SageMaker says it of a job, and EC2's
    InsufficientInstanceCapacity says "We currently do not have sufficient … capacity" (EC2 API reference, error codes).
    """
    if _ABOUT_THE_REQUEST.search(words):
        return None
    own = _without_names(words)
    if _BUSY.search(own):
        return Postponement.THROTTLED
    at_present = _AT_PRESENT.search(own) and not re.search(r"support", own, re.IGNORECASE)
    return Postponement.CAPACITY if at_present or _FOR_NOW.search(own) else None


def _without_names(words: str) -> str:
    """The words without what people chose: a bucket may be called temporary, a repository throttling-study."""
    unquoted = _NAMED.sub(" ", _QUOTED.sub(" ", words))
    return " ".join(word for word in unquoted.split() if not _NAME_LIKE.search(word))


def reach_of_quota(words: str) -> Reach:
    """What a quota that never fits excludes: its instance type, or the market in which the job was to run.

    Names: "ml.p3.2xlarge for spot training job usage", "Number of instances across all spot training jobs", "Maximum
    number of instances per spot training job", "Number of instances across all training jobs" (Service Quotas of
    SageMaker). The last one is commonly read as on-demand instances alone. If it counts spot as well, the one refused
    call in the other market shows it. Any other quota ("across all processing jobs", which a debugger's rules need)
    concerns the job itself.
    """
    if _TYPE.search(words):
        return Reach.POOL
    return Reach.MARKET if _OF_TRAINING.search(words) else Reach.ANYWHERE


def unwanted(words: str) -> str | None:
    """The member that SageMaker refuses although Describe returned it; `None` if there is none.

    SageMaker adds metric definitions of its own to the jobs of built-in algorithms and of some prebuilt images
    (hashicorp/terraform-provider-aws, training_job.go), and refuses them in Create: "You can't override the metric
    definitions for Amazon SageMaker algorithms. Please retry the request without specifying metric definitions."
    """
    return METRICS if _METRIC_DEFINITIONS.search(words) else None


def _number(digits: str) -> float:
    return float(digits.replace(",", ""))
