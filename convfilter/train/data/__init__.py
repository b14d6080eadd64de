"""Data sets of pictures with classes, one module per way of storing them."""
