"""The command `respot doctor`."""
