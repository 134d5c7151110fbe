"""What the listing of a checkpoint location proves."""
