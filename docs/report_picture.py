"""Make the picture of a report in the docs: the shipped model on `data/pages`, first screen, light theme.

usage: python docs/report_picture.py

Needs the extra `dev` and a Chromium (``apt-get install chromium``). The picture depends on the fonts of the machine, so
nothing checks it.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

from boilerplate.cli import main as boilerplate

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data" / "pages"
PICTURE = HERE / "images" / "report.png"
NOTE = "The shipped model was trained on these pages, among others: it remembers them. On other pages it is less right."
SCREEN = {"width": 1240, "height": 1010}
COLOURS = 255
"""Of the picture's palette: a third of the size, and nobody sees it."""


def write_report(path: Path) -> None:
    """The report by the command line."""
    try:
        boilerplate(["evaluate", str(DATA), "--report", str(path), "--note", NOTE])
    except SystemExit as end:
        if end.code:
            raise


def screenshot(path: Path, chromium: str) -> bytes:
    """The first screen of an HTML file, as PNG."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=SCREEN, color_scheme="light")
        page.goto(path.as_uri())
        picture: bytes = page.screenshot()
        browser.close()
    return picture


def main() -> int:
    """Write the picture."""
    from PIL import Image

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("report_picture.py needs Chromium: apt-get install chromium", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.html"
        write_report(report)
        picture = Image.open(io.BytesIO(screenshot(report, chromium)))
    picture.convert("RGB").quantize(COLOURS).save(PICTURE, optimize=True)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1e3:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
