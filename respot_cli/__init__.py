"""The `respot` command: a laptop's view of a deployment."""
