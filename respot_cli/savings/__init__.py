"""The command `respot savings`."""
