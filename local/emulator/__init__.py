"""The local AWS account: ministack, and what it lacks to be AWS for Respot. One file for each part of it."""

import os
from typing import Final

ACCOUNT: Final = "111122223333"
DEFAULT_REGION: Final = "us-east-1"

ROOT_KEY: Final = "test"
"""Access key and secret of the account's root user; a function signs with the key of its role."""
ROOT_ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": ROOT_KEY,
    "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
    "AWS_EC2_METADATA_DISABLED": "true",
    # Nothing of the user's own profiles may leak in.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}

CALLS_PATH: Final = "/_respot/calls"
"""GET: how many calls functions made."""
KILL_PATH: Final = "/_respot/kill"
"""POST, followed by `/` and an access key: kills one function that is working with this key."""
