"""`make proof`: everything that takes too long for `make test`, judged in one table."""
