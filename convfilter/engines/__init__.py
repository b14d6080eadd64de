"""Engines run a Pipeline on a batch of pictures; one engine a file."""
