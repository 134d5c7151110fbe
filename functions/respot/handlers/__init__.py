"""The Lambda functions, each with its composition below its handler."""
