"""Respot under faults: microburst between the functions and the local account, and what must hold all the same."""
