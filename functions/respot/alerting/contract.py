"""Names that writers and readers of the alert document share."""

from typing import Final

VERSION: Final = "respot.alert/1"
"""Changes when a member changes its meaning or is removed; members may be added without notice."""

DIGEST_ATTRIBUTE: Final = "digest"
"""Message attribute of an alert that a digest reports to people: the digest's id. Their subscriptions filter by it."""
DIGEST_MEMBER: Final = "digest"
"""The member that only the document of a digest has."""
WEEKLY_KIND: Final = "weekly-digest"
"""The kind of a weekly digest: none of `AlertKind`, since `alert_kinds` does not switch it."""
WEEK_MEMBER: Final = "week"
"""The member that only the document of a weekly digest has."""
