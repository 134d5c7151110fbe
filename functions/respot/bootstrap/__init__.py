"""What several functions share: clients, the time budget, stores, the log."""
