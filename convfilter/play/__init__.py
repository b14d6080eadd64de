"""A page, and words, that show how a convolution works on a picture of one's own."""
