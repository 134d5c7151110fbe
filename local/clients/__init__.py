"""Clients of others, unchanged, against the local account: `make clients`."""
