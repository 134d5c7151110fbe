"""The Lambda functions' entry points: each parses, calls and reports, and leaves retrying to its queue."""
