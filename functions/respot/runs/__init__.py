"""What a run is now: one state for all of its attempts."""
