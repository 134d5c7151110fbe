"""On-demand prices of training instances: from AWS's price list, or from a file."""
