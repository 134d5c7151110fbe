"""The command `respot pools`."""
