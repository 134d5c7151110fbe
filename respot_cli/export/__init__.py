"""The command `respot export`: the period's attempts with their transitions and receipts, as a file."""
