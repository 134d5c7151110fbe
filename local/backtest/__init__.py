"""The backtest: the planner and the published policies over public traces of spot availability."""
