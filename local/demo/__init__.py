"""Respot deployed in a local account: what people see of it, and whether that is right."""
