"""The command `respot scan`: what spot was worth to an account, before anything is deployed."""
