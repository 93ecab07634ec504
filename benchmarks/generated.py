"""Large inputs, made of the pages in `data/`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final

from boilerplate.corpus import read_pages

PAGES: Final = Path(__file__).parent.parent / "data" / "pages"


def write_records(path: Path, size: int, bad_rows: Sequence[bytes] = ()) -> int:
    """Write JSON Lines of about that many bytes; each page has an id of its own.

    Parameters
    ----------
    path : Path
    size : int
    bad_rows : sequence of bytes
        Rows that are no records, put in evenly.

    Returns
    -------
    int
        Number of pages.
    """
    pages = list(read_pages(PAGES))
    bad = [size * number // (len(bad_rows) + 1) for number in range(1, len(bad_rows) + 1)]
    written = 0
    with path.open("wb") as file:
        for number in count():
            if written >= size:
                return number
            if bad and written >= bad[0]:
                file.write(bad_rows[-len(bad)] + b"\n")
                del bad[0]
            page = pages[number % len(pages)]
            record = {"id": f"{page.id}-{number}", "site": page.site, "text": page.text}
            written += file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
    raise AssertionError("count() has no end")
