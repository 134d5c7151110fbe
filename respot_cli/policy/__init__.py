"""The commands `respot policy check` and `respot policy test`."""
