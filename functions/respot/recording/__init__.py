"""From an event about a job to its transitions in the ledger."""
