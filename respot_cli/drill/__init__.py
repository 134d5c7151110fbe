"""`respot drill`: a labelled event from end to end."""
