"""Handwritten digits in a photograph, found and prepared like those that networks were trained on."""
