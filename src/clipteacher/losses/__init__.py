"""The loss terms of the paper, one a file."""
