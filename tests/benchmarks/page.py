"""How long `convfilter play` lets people wait, measured in the page, in Chromium.

    python tests/benchmarks/page.py
    python tests/benchmarks/page.py --side 500 --edits 5 --json figures.json

Start: from the command to its address, and to the first picture's bytes. Edit: from a key in a weight's field to
the drawing of the new picture, on a picture of side × side random pixels, gray and in colour: the kernel's check,
the filter, the PNG, its way and its decoding are all in it. The target is 100 ms at a side of 1000.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "play"))
from browser import Play, find_browser

from convfilter.play.security import TOKEN_HEADER

TARGET = 100  # ms
KERNEL = "[[1, 2, 1], [2, 4, 2], [1, 2, 1]]"

# Notes when a picture that came after the last edit is drawn for the first time.
WATCH = """
const known = new WeakSet(), make = window.createImageBitmap.bind(window);
window.createImageBitmap = async (...given) => {
  const bitmap = await make(...given);
  known.add(bitmap);
  return bitmap;
};
const draw = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (image, ...rest) {
  draw.call(this, image, ...rest);
  if (known.delete(image)) window.drawn = performance.now();
};
"""
EDIT = """async (value) => {
  const field = document.querySelector(".tables input");
  window.drawn = 0;
  const started = performance.now();
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  while (!window.drawn && performance.now() - started < 5000) await new Promise(requestAnimationFrame);
  return window.drawn ? window.drawn - started : null;
}"""


def started() -> dict[str, float]:
    """Seconds from the command to its address, and to the first picture."""
    command = [sys.executable, "-m", "convfilter", "play", "--no-browser"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        base, _, fragment = process.stdout.readline().strip().partition("#")
        printed = time.perf_counter() - began
        headers = {TOKEN_HEADER: parse_qs(fragment)["token"][0]}
        picture = json.loads(asked(f"{base}api/start", headers))["picture"]
        asked(f"{base}api/apply", headers, {"work": {"filter": ["sobel"]}, "picture": picture})
        shown = time.perf_counter() - began
        process.terminate()
    return {"address": printed, "picture": shown}


def asked(address: str, headers: dict[str, str], question=None) -> bytes:
    body = None if question is None else json.dumps(question).encode()
    with urllib.request.urlopen(urllib.request.Request(address, body, headers)) as answer:
        return answer.read()


def edits(browser, pixels: np.ndarray, count: int) -> list[float]:
    """Milliseconds from each of so many edits of a weight to its picture; the first two are not counted."""
    play, page = Play([KERNEL], pixels), browser.new_page()
    page.add_init_script(WATCH)
    page.goto(play.address(view="filter", color="each"))
    page.wait_for_selector(".tables input")
    page.wait_for_load_state("networkidle")
    found = []
    for number in range(count + 2):
        found.append(page.evaluate(EDIT, str(number + 2)))
        page.wait_for_timeout(500)
    page.close()
    play.close()
    return found[2:]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=1000)
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    path = find_browser()
    if not path:
        sys.exit("no Chromium; install it, or name it in CONVFILTER_BROWSER")
    from playwright.sync_api import sync_playwright

    starts = [started() for _ in range(3)]
    figures = {"start": {key: min(start[key] for start in starts) for key in starts[0]}, "edit": {}}
    print(
        f"start: address after {figures['start']['address']:.2f} s, picture after {figures['start']['picture']:.2f} s"
    )
    random = np.random.default_rng(1)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, shape in {"gray": (), "colour": (3,)}.items():
            pixels = random.integers(0, 256, (given.side, given.side, *shape), dtype=np.uint8)
            found = edits(browser, pixels, given.edits)
            if None in found:
                sys.exit(f"{name}: no new picture within 5 s of an edit")
            figures["edit"][name] = found
            median, slowest = statistics.median(found), max(found)
            print(
                f"edit, {name}: {median:.0f} ms (median of {len(found)}), {slowest:.0f} ms (slowest); target {TARGET} ms"
            )
        browser.close()
    if given.json:
        given.json.write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
