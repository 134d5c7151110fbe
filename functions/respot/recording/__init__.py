"""From an event to the ledger: observes a job, and records its transitions."""
