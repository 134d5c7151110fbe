"""Weekly digests on the topic of alerts. A module of its own: no cold start of `alert` loads it."""

from respot.alerting.contract import WEEKLY_KIND
from respot.alerting.weekly import text
from respot.alerting.weekly.digest import WeeklyDigest
from respot.alerting.weekly.document import weekly_document
from respot.aws.sns import SnsTopic, composed


class SnsWeeklyTopic:
    """The port `WeeklyTopic`."""

    def __init__(self, topic: SnsTopic) -> None:
        """`topic` is that of alerts."""
        self._topic = topic

    def publish_weekly(self, digest: WeeklyDigest) -> str:
        """See `WeeklyTopic.publish_weekly`."""
        # No attribute `digest`, which would hide it from people, and no `job`: it is about many.
        attributes = {
            "kind": WEEKLY_KIND,
            "severity": digest.severity.value,
            "region": digest.region,
            "account": digest.account,
        }
        message = composed(text.plain(digest), text.short(digest), weekly_document(digest))
        return self._topic.send(digest.id, text.subject(digest), message, attributes)
