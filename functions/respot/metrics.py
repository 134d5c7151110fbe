"""The names of the functions' metrics, each written once."""

from typing import Final

NAMESPACE: Final = "Respot"
SERVICE_DIMENSION: Final = "service"
"""The only dimension; its value is the deployment, so that each has its own alarms."""
SERVICE_VARIABLE: Final = "POWERTOOLS_SERVICE_NAME"
"""The variable with a function's deployment: the stack's name. Powertools' own."""
UNDEPLOYED: Final = "respot"
"""The deployment of a function without that variable."""

ALERTS_FAILED: Final = "AlertsFailed"
ALERTS_SENT: Final = "AlertsSent"
DRILLS_REFUSED: Final = "DrillsRefused"
"""Drills that were malformed, or too many."""
JOBS_ENDED: Final = "JobsEnded"
JOBS_RECHECKED: Final = "JobsRechecked"
OBSERVATIONS_FAILED: Final = "ObservationsFailed"
OVERDUE_ALERTS_ENQUEUED: Final = "OverdueAlertsEnqueued"
DRILL_RECORDS_FAILED: Final = "DrillRecordsFailed"
"""Drills whose result `slack` could not write into the ledger."""
POLICY_READS_FAILED: Final = "PolicyReadsFailed"
"""Reads of the policy that failed: in a sweep, which then checks no wait limit, or by `alert` at a heartbeat."""
RECOVERIES_ENQUEUED: Final = "RecoveriesEnqueued"
RECOVERIES_FAILED: Final = "RecoveriesFailed"
SLACK_MESSAGES_POSTED: Final = "SlackMessagesPosted"
SLACK_MESSAGES_REFUSED: Final = "SlackMessagesRefused"
SWEEPS_FAILED: Final = "SweepsFailed"
TRANSITIONS_RECORDED: Final = "TransitionsRecorded"
TRANSITIONS_FIRST_SEEN_BY_SWEEP: Final = "TransitionsFirstSeenBySweep"
"""Transitions that no event reported: events that were lost."""
UNKNOWN_STATUS_MESSAGES: Final = "UnknownStatusMessages"
"""Jobs in a sweep that may be waiting for capacity, with an unknown StatusMessage: AWS's words have changed."""
SWEEP_AGE: Final = "SweepAge"
"""Seconds since the beginning of the last complete sweep, of the region where that was longest ago."""

# SQS's ApproximateAgeOfOldestMessage leaves out what was received three times or more, therefore exactly the messages
# that keep failing: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
# The functions measure these themselves.
FAILED_OBSERVATION_AGE: Final = "FailedObservationAge"
"""Seconds: of the oldest observation that failed, its age at its next attempt."""
FAILED_RECOVERY_AGE: Final = "FailedRecoveryAge"
"""Seconds: of the message of the recovery queue that has failed for longest, how long at its next attempt. A time to
wait (a pause, a decision to wait) does not count as failing."""
FAILED_DUE_ALERT_AGE: Final = "FailedDueAlertAge"
"""Seconds: of the due alert that failed and was first received longest ago, the time since then."""
FAILED_SLACK_MESSAGE_AGE: Final = "FailedSlackMessageAge"
"""Seconds: of the oldest message that Slack refused, its age at its next attempt."""
