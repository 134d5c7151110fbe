"""The account's policy and the owner's tags."""
