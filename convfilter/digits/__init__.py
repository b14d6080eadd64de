"""Handwritten digits in a photograph, found and made like those that networks were trained on."""
