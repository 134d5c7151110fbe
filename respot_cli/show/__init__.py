"""`respot show`: a job and its run."""
