"""The version of the alert document: what writer and readers agree on."""

from typing import Final

VERSION: Final = "respot.alert/1"
"""Changes when a member changes its meaning or goes; members may be added without notice."""
