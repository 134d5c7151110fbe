"""From a change of the ledger to an alert or a digest."""
