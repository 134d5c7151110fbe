"""What the account's process and its clients must agree on."""

from typing import Final

ACCOUNT: Final = "111122223333"
DEFAULT_REGION: Final = "us-east-1"

DELIVERY: Final = "RESPOT_LOCAL_DELIVERY"
"""Environment variable: how badly the events of jobs without a tag of their own arrive (`local.sagemaker.delivery`)."""
LIFECYCLE: Final = "RESPOT_LOCAL_LIFECYCLE"
"""Environment variable: the lifecycle of jobs without a tag of their own (`local.sagemaker.lifecycle`)."""
RECORDING: Final = "RESPOT_LOCAL_RECORDING"
"""Environment variable: the file for the requests of clients (`local.emulator.recording`)."""

CALLS_PATH: Final = "/_respot/calls"
"""GET: the calls that functions made, as `CallCounts.to_document` has them."""
KILL_PATH: Final = "/_respot/kill"
"""POST, followed by `/` and an access key: kills one function that is working with this key."""
