"""A filter as a file that other programs run."""
