"""What writer and readers of the alert document agree on: its version, and by what a digest is told."""

from typing import Final

VERSION: Final = "respot.alert/1"
"""Changes when a member changes its meaning or goes; members may be added without notice."""

DIGEST_ATTRIBUTE: Final = "digest"
"""Message attribute of an alert that people hear of in a digest: its id. Their subscriptions filter by it."""
DIGEST_MEMBER: Final = "digest"
"""The member that the document of a digest has, and no other one."""
