"""The command `respot list`."""
