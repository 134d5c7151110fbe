"""What Respot costs in time, calls and money, each figure beside a baseline of the same run."""
