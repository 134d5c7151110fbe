"""The ledger: one table."""
