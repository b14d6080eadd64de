"""The fixtures of browser.py, for all tests of the page."""

from browser import chromium, page, play

__all__ = ["chromium", "page", "play"]
