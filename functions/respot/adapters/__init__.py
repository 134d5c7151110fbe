"""The outside world: one module for each system, keeping the promises of `respot.ports`."""
