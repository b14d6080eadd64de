"""Data sets of pictures with classes, one way of storing them a file."""
