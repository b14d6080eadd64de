"""Files to arrays and back. Alone knows Pillow, tifffile and the codecs; knows no filter."""
