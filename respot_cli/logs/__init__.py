"""The command `respot logs`."""
