"""The weekly digest: what the runs of a week saved, lost, and where they were interrupted."""
