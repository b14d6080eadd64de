"""The page in a real browser: Chromium, driven by Playwright, and a server in this process.

Chromium is what CONVFILTER_BROWSER names, or is found on the PATH. Where there is none, these tests are skipped;
with CONVFILTER_NEEDS_BROWSER=1, as .ci/run sets it, they fail instead.
"""

import io
import os
import shutil
import threading
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MISSING = "no Chromium; install it (apt-get install chromium), or name it in CONVFILTER_BROWSER"


def find_browser() -> str | None:
    """The path of a Chromium, if there is one."""
    return os.environ.get("CONVFILTER_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)


def without(reason: str) -> None:
    """Skip, or fail where a browser must be."""
    (pytest.fail if os.environ.get("CONVFILTER_NEEDS_BROWSER") == "1" else pytest.skip)(reason)


@pytest.fixture(scope="session")
def chromium():
    """The browser, started once."""
    path = find_browser()
    if not path:
        without(MISSING)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        without("no Playwright; pip install 'convfilter[test]'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A page of a new profile, 1400 × 900, in light colours; `page.faults` lists what its console complains of,
    and what it asks of other computers. None may be there at the end."""
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.faults = watched(page)
    yield page
    context.close()
    assert page.faults == []


def watched(page) -> list[str]:
    """The list that the page's errors, and its requests to other computers, are added to."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    page.on("request", lambda asked: faults.append(asked.url) if is_foreign(asked.url) else None)
    return faults


def is_foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:", "file:"))


class Play:
    """A running server. picture: pixels of uint8 (H, W) or (H, W, 3), a file's path, or None for the sample."""

    def __init__(self, filters=("sobel",), picture=None, network=None):
        from convfilter.play.api import Api
        from convfilter.play.pictures import sample
        from convfilter.play.server import PageServer
        from convfilter.play.service import Service

        self.service = Service(list(filters), network)
        if isinstance(picture, np.ndarray):
            self.service.first = self.service.pictures.add(png(picture), "picture.png")
        else:
            self.service.open(Path(picture or sample()))
        self.failures: list[BaseException] = []
        self.server = PageServer(Api(self.service), 0, self.failures.append)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def address(self, **state) -> str:
        """The address of a state of the page, such as view="pixel", filter=["sobel"], border="edge"."""
        words = [(key, each) for key, value in state.items() for each in _listed(value)]
        return f"{self.server.address}#{urlencode([('token', self.server.token), *words])}"

    def pixels(self) -> np.ndarray:
        """The picture that the page shows first."""
        return self.service.first.picture.pixels

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def _listed(value) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]


@pytest.fixture
def play():
    """play(filters, picture, network) → a running server; nothing may have gone wrong in it at the end."""
    running = []

    def start(*args, **kwargs) -> Play:
        running.append(Play(*args, **kwargs))
        return running[-1]

    yield start
    for each in running:
        each.close()
        assert each.failures == []


def violations(page) -> list[str]:
    """What axe-core finds wrong with the page for people who see or move otherwise: rule and elements."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {[node['target'] for node in each['nodes']][:3]}" for each in found]


def png(pixels: np.ndarray) -> bytes:
    """The bytes of a PNG of uint8 or uint16."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
