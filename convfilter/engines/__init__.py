"""Engines run a settled Pipeline on a batch of pictures; one engine a file."""
