"""`respot why`: the last decision on a run, and what would change it."""
