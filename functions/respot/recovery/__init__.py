"""From the end of a job to its next attempt."""
