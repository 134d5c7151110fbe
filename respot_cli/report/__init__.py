"""`respot report`: a page about what spot saved."""
