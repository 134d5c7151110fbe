"""The events of the functions' log: one constant for each `message`; its data are keys of the same JSON line.

An event that needs someone's attention ends in `_failed`, so that one pattern finds them all.
"""

from typing import Final

RECORD_COMPLETED: Final = "record_completed"
RECORD_FAILED: Final = "record_failed"
DRILL_REFUSED: Final = "drill_refused"
ALERT_COMPLETED: Final = "alert_completed"
ALERT_DEFERRED: Final = "alert_deferred"
ALERT_FAILED: Final = "alert_failed"
ENQUEUE_FAILED: Final = "enqueue_failed"
RECOVERY_DEFERRED: Final = "recovery_deferred"
RECOVERY_FAILED: Final = "recovery_failed"
WAIT_LIMIT_CHECKED: Final = "wait_limit_checked"
SCHEDULE_FAILED: Final = "schedule_failed"
DEAD_LETTER_FAILED: Final = "dead_letter_failed"
JOB_CHECK_FAILED: Final = "job_check_failed"
ITEM_READ_FAILED: Final = "item_read_failed"
SUMMARY_REBUILT: Final = "summary_rebuilt"
SLACK_POST_FAILED: Final = "slack_post_failed"
DRILL_RECORD_FAILED: Final = "drill_record_failed"
HEARTBEAT_FAILED: Final = "heartbeat_failed"
WEEKLY_DIGEST_COMPLETED: Final = "weekly_digest_completed"
RUN_READ_FAILED: Final = "run_read_failed"
SWEEP_COMPLETED: Final = "sweep_completed"
SWEEP_FAILED: Final = "sweep_failed"
POLICY_READ_FAILED: Final = "policy_read_failed"
STATUS_MESSAGE_UNKNOWN: Final = "status_message_unknown"
