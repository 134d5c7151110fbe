"""What the text of SageMaker's refusal of a creation means.

Error codes do not distinguish a quota that frees up from one that never fits. Nor do they distinguish an instance type
that the region lacks from any other mistake. By default a quota frees up and a refusal is final.
"""

import re
from typing import Final

from respot.errors import Postponement, Reach

METRICS: Final = "AlgorithmSpecification.MetricDefinitions"

# Patterns are text: `re` compiles each when it is first used, and keeps it. Most calls meet no refusal.
_NUMBER: Final = r"\d[\d,]*(?:\.\d+)?"
_LIMIT: Final = (
    rf"(?is)\b(?:limit|quota)\b(?:\s+of|(?:(?!utili[sz]ation).){{0,200}}?\bis)\s+(?P<limit>{_NUMBER})(?!\.?\w)"
)
_DELTA: Final = rf"(?i)\bdelta\s+of\s+(?P<delta>{_NUMBER})"
_NAME: Final = r"'(?P<name>[^']+)'|\bfor\s+(?P<resource>\S+/\S+)"
_OF_TRAINING: Final = (
    r"(?i)\binstances?\s+(?:across\s+all|per)\s+(?:spot\s+)?training\s+jobs?\b|\bspot\s+training\s+jobs?\b"
)
_TYPE_WORDS: Final = r"\bml\.[a-z0-9-]+\.[a-z0-9]+\b|\binstance[ _-]?types?\b"
_TYPE: Final = rf"(?i){_TYPE_WORDS}"
_NEGATED: Final = r"(?:not|\w+n't)\s+(?:\w+\s+)?"
_REFUSED_TYPE: Final = (
    # The type is the subject: "for ml.g5.xlarge, … is not supported" is about something else.
    rf"(?i)(?<!\bfor )(?<!\bwith )(?<!\bon )(?<!\bof )(?<!\busing )(?<!\btype )(?:{_TYPE_WORDS})['\"\])]*"
    rf"(?:\s+['\"]?[\w.-]+['\"]?){{0,6}}?\s+{_NEGATED}"
    r"(?:(?:available|supported|offered|allowed)\b(?!\s+(?:with|when|if|while|together|unless)\b)"
    r"|support\s+(?:managed\s+)?(?:spot|training)\b)"
    rf"|\bspot\b(?:\s+[\w-]+){{0,3}}?\s+{_NEGATED}(?:available|supported|offered|allowed)\s+(?:\w+\s+){{1,8}}?(?:{_TYPE_WORDS})"
    rf"|\b(?:unsupported|invalid) instance[ _-]?types?\b"
    rf"|\bonly\s+(?:[\w.,-]+\s+){{0,8}}?(?:{_TYPE_WORDS})(?:\s+[\w.,-]+){{0,8}}?\s+(?:is|are)\s+supported\b"
    r"|\bresourceConfig\.[\w.]*instanceType'\s+failed to satisfy constraint: Member must satisfy enum value set\b"
)
_ANOTHER_MEMBER: Final = (
    r"\b(?!(?:InstanceTypes?|ResourceConfig|CreateTrainingJob|TrainingJob|SageMaker|EnableManagedSpotTraining)\b)"
    r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+\b"
    r"|\b(?:[2-9]|\d\d+) validation errors\b"
)
"""The name of another member of the request, or several mistakes: another type alone would not help."""
_BUSY: Final = r"(?i)\brate (?:limit )?exceeded\b|\bthrottl|\btoo many requests\b"
_FOR_NOW: Final = (
    r"(?is)\btemporar(?:y|ily)\b"
    r"|\btry\b.{0,100}?\b(?:later|minutes)\b"
    r"|\b(?:insufficient|sufficient|enough|no|out of|lack of)\s+(?:\S+\s+){0,4}?capacity\b"
    r"|\bcapacity\b[^.]{0,100}?\b(?:insufficient|unavailable|not (?:\w+ )?available)\b"
)
_AT_PRESENT: Final = r"(?i)\b(?:currently|presently|right now)\b|\bat (?:this|the) (?:time|moment)\b"
"""Says that something is not available now; AWS also says it, for years, about what is not supported."""
_ABOUT_THE_REQUEST: Final = r"(?i)\bvalidation errors? detected\b"
_QUOTED: Final = r"(?s)(?<!\w)(['\"`]).*?\1"
_NAMED: Final = r"(?i)\b(?:repository|image|bucket|key|prefix|role|user|group|algorithm|name):\s+\S+"
_NAME_LIKE: Final = r"[/\\:_@=-]\w|\.[a-z0-9]"
"""A part of a word with which people name things: a URI, an ARN, an image, a file, two-words."""
_REMEDY: Final = r"(?s)\b(?:Please|If AWS Service Quotas)\b.*"
"""The advice at the end: "If AWS Service Quotas is not available, contact AWS support" is not about a type."""
_METRIC_DEFINITIONS: Final = r"(?i)metric[\s_-]*definition"
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
    limit, delta = re.search(_LIMIT, words), re.search(_DELTA, words)
    if limit is None:
        return not_offered(words)
    asked = delta["delta"] if delta else str(instances)
    if _number(limit["limit"]) >= _number(asked):
        return None
    name = re.search(_NAME, words)
    quota = " ".join((name["name"] or name["resource"]).split()) if name else ""
    return f"the quota {f'{quota!r} ' if quota else ''}is {limit['limit']} and the job needs {asked}"


def not_offered(words: str) -> str | None:
    """AWS's text, shortened, if it says that the instance type cannot train here; otherwise `None`.

    Sources: "Unsupported instance type ml.p3dn.24xlarge" in a region without it (aws/amazon-sagemaker-examples#3494);
    "Instance type ml.c4.2xlarge is not supported by algorithm image-classification" (#1951); "Value 'ml.t2.medium' at
    'resourceConfig.instanceType' failed to satisfy constraint: Member must satisfy enum value set"
    (aws-samples/aws-sagemaker-heart-disease-prediction#1).
    """
    shortened = re.sub(_REMEDY, "", words)
    if for_now(words) or not re.search(_REFUSED_TYPE, shortened) or re.search(_ANOTHER_MEMBER, shortened):
        return None
    return shortened[:_LONGEST_REASON].strip()


def for_now(words: str) -> Postponement | None:
    """What to wait for, if the text says that the refusal is temporary; otherwise `None`.

    Sources: "Rate exceeded" (AWS's text for throttling); "CapacityError: Unable to provision requested ML
    compute capacity. Please retry using a different ML instance type" is how SageMaker says it of a job, and EC2's
    InsufficientInstanceCapacity says "We currently do not have sufficient … capacity" (EC2 API reference, error codes).
    """
    if re.search(_ABOUT_THE_REQUEST, words):
        return None
    own = _without_names(words)
    if re.search(_BUSY, own):
        return Postponement.THROTTLED
    at_present = re.search(_AT_PRESENT, own) and not re.search(r"support", own, re.IGNORECASE)
    return Postponement.CAPACITY if at_present or re.search(_FOR_NOW, own) else None


def _without_names(words: str) -> str:
    """The words without what people chose: a bucket may be called temporary, a repository throttling-study."""
    unquoted = re.sub(_NAMED, " ", re.sub(_QUOTED, " ", words))
    return " ".join(word for word in unquoted.split() if not re.search(_NAME_LIKE, word))


def reach_of_quota(words: str) -> Reach:
    """What a quota that never fits excludes: its instance type, or the market in which the job was to run.

    Names: "ml.p3.2xlarge for spot training job usage", "Number of instances across all spot training jobs", "Maximum
    number of instances per spot training job", "Number of instances across all training jobs" (Service Quotas of
    SageMaker). The last one is commonly read as on-demand instances alone. If it counts spot as well, the one refused
    call in the other market shows it. Any other quota ("across all processing jobs", which a debugger's rules need)
    concerns the job itself.
    """
    if re.search(_TYPE, words):
        return Reach.POOL
    return Reach.MARKET if re.search(_OF_TRAINING, words) else Reach.ANYWHERE


def unwanted(words: str) -> str | None:
    """The member that SageMaker refuses although Describe returned it; `None` if there is none.

    SageMaker adds metric definitions of its own to the jobs of built-in algorithms and of some prebuilt images
    (hashicorp/terraform-provider-aws, training_job.go), and refuses them in Create: "You can't override the metric
    definitions for Amazon SageMaker algorithms. Please retry the request without specifying metric definitions."
    """
    return METRICS if re.search(_METRIC_DEFINITIONS, words) else None


def _number(digits: str) -> float:
    return float(digits.replace(",", ""))
