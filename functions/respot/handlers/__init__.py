"""The Lambda functions: each module parses, calls, reports, and composes its function."""
