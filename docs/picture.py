"""Make the picture of the coloured view in the README from a scrape in this repository.

usage: python docs/picture.py [--check]

With ``--check`` nothing is written; exit code 1 says that the picture in `docs/images` is not what the shipped model
gives today.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

import boilerplate
from boilerplate.cli.view import page_view
from boilerplate.inputs import Scrape
from boilerplate.scoring import score_pages

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "data" / "scrapes" / "ferry.txt"
PICTURE = HERE / "images" / "score.svg"


def picture() -> str:
    """The coloured view of the example page, as SVG."""
    console = Console(record=True, width=104, file=io.StringIO(), force_terminal=True, highlight=False)
    scrapes = [Scrape(PAGE.name, str(PAGE), PAGE.read_text(encoding="utf-8"))]
    for page in score_pages(scrapes, boilerplate.load()):
        console.print(page_view(page, None))
    return console.export_svg(title="boilerplate score data/scrapes/ferry.txt", theme=MONOKAI, unique_id="score")


def main() -> int:
    """Write or check the picture."""
    svg = picture()
    if "--check" in sys.argv[1:]:
        if PICTURE.read_text(encoding="utf-8") != svg:
            print(f"{PICTURE} is not what the shipped model gives; run python docs/picture.py", file=sys.stderr)
            return 1
        return 0
    PICTURE.write_text(svg, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
