"""The command `respot wait`: waits until a run has ended."""
