"""One message for many alerts of a kind at once."""
