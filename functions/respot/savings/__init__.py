"""What spot really saved: receipts of runs, their sums, and the pools they ran in. Pure rules, no AWS."""
