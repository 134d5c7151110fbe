"""Clients that nobody here wrote, unchanged, against the local account: `make clients`."""
