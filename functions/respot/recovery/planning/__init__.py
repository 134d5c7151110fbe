"""The rules of recovery: pure functions, standard library only."""
