"""`respot checkpoints`: what Respot recognises under a prefix, and what a job would resume from."""
