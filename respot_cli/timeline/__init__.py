"""`respot timeline`: the history of a job."""
