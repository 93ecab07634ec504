"""Check that the shipped model labels the pages of data/pages as it did when data/golden.jsonl.gz was written.

Each row of the file is a page: its id, the labels of its lines as letters (b body, c caption, f foreign-caption,
p promo), and for each line the probabilities of the four labels in thousandths, in that order.

Another processor or another version of NumPy rounds the last bits of sums differently. So probabilities may differ by
0.002, and labels where the two best probabilities are that close to each other. Anything more is a change of the model
or of the code: this lists what it did, and writes the file anew if it is meant.

usage: python data/golden.py [--check | --write] [--model FILE] [--pages FOLDER] [--golden FILE]

Exit codes: 0 all is well, 1 something differs, 2 bad input or usage.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.corpus import AnnotatedPage, read_pages
from boilerplate.errors import BoilerplateError, InputError
from boilerplate.files import written_whole
from boilerplate.labels import LABELS
from boilerplate.persistence import load_labeller, load_shipped_labeller

HERE: Final = Path(__file__).resolve().parent
LETTERS: Final = "".join(label[0] for label in LABELS)
TOLERANCE: Final = 0.002
SHOWN: Final = 20
"""Differences that are printed; the others are counted."""


@dataclass(frozen=True)
class Row:
    """What the file says of a page."""

    id: str
    labels: str
    """A letter for each line."""
    thousandths: NDArray[np.int64]
    """Probabilities: shape (n_lines, 4)."""


def golden_rows(pages: Sequence[AnnotatedPage], probabilities: Sequence[NDArray[np.float64]]) -> list[Row]:
    """What the file is to say.

    Parameters
    ----------
    pages : sequence of AnnotatedPage
    probabilities : sequence of float64 arrays of shape (n_lines, 4)
        Of each page's lines.

    Returns
    -------
    list of Row
    """
    return [
        Row(page.id, "".join(LETTERS[best] for best in found.argmax(axis=1)), np.rint(found * 1000).astype(np.int64))
        for page, found in zip(pages, probabilities, strict=True)
    ]


def format_rows(rows: Sequence[Row]) -> str:
    """The text of the file, a row for each page.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    str
    """
    fields = ({"id": row.id, "labels": row.labels, "thousandths": row.thousandths.tolist()} for row in rows)
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in fields)


def read_rows(path: Path) -> list[Row]:
    """Read the file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of Row

    Raises
    ------
    InputError
        If it cannot be read, or a row is not what `format_rows` writes.
    """
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8")
    except (EOFError, OSError, ValueError, zlib.error) as error:
        raise InputError(path, f"cannot be read: {error}") from None
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            rows.append(_row(json.loads(line)))
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise InputError(path, f"not a row of this file: {error}", number) from None
    return rows


def _row(fields: dict[str, Any]) -> Row:
    labels = str(fields["labels"])
    thousandths = np.array(fields["thousandths"], dtype=np.int64).reshape(-1, len(LABELS))
    if not set(labels) <= set(LETTERS) or len(thousandths) != len(labels):
        raise ValueError("labels must be one letter for each line")
    return Row(str(fields["id"]), labels, thousandths)


def differences(
    rows: Sequence[Row], pages: Sequence[AnnotatedPage], probabilities: Sequence[NDArray[np.float64]]
) -> list[str]:
    """Where the model no longer says what the file says.

    Parameters
    ----------
    rows : sequence of Row
        The file.
    pages : sequence of AnnotatedPage
    probabilities : sequence of float64 arrays of shape (n_lines, 4)
        Of each page's lines.

    Returns
    -------
    list of str
        One for each page or line that differs.
    """
    golden = {row.id: row for row in rows}
    ids = [page.id for page in pages]
    found = [f"{name}: is in the file, but no such page is there" for name in golden if name not in set(ids)]
    for page, now in zip(pages, probabilities, strict=True):
        row = golden.get(page.id)
        if row is None:
            found.append(f"{page.id}: is not in the file")
        elif len(row.labels) != len(now):
            found.append(f"{page.id}: has {len(now)} lines, {len(row.labels)} in the file")
        else:
            found += _line_differences(row, page, now)
    return found


def _line_differences(row: Row, page: AnnotatedPage, now: NDArray[np.float64]) -> list[str]:
    best = np.sort(now, axis=1)
    apart = best[:, -1] - best[:, -2] > TOLERANCE
    label = now.argmax(axis=1)
    other_label = (label != [LETTERS.index(letter) for letter in row.labels]) & apart
    change = np.abs(now - row.thousandths / 1000).max(axis=1, initial=0)
    lines = list(page.lines())
    return [
        f"{page.id}, line {lines[at][0]}: {LABELS[LETTERS.index(row.labels[at])]} {_shown(row.thousandths[at])}, "
        f"now {LABELS[label[at]]} {_shown(now[at] * 1000)}: {lines[at][1].strip()[:60]!r}"
        for at in np.flatnonzero(other_label | (change > TOLERANCE))
    ]


def _shown(thousandths: NDArray) -> str:
    return "/".join(f"{value:.0f}" for value in thousandths)


def main(arguments: Sequence[str] | None = None) -> int:
    """Check or write.

    Parameters
    ----------
    arguments : sequence of str, optional
        ``sys.argv[1:]`` by default.

    Returns
    -------
    int
        Exit code.
    """
    parser = argparse.ArgumentParser(description="Check that the shipped model labels data/pages as its golden file.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="compare with the file; this is the default")
    what.add_argument("--write", action="store_true", help="write the file anew")
    parser.add_argument("--model", type=Path, help="a model file; the shipped model by default")
    parser.add_argument("--pages", type=Path, default=HERE / "pages", help="folder of annotated pages")
    parser.add_argument("--golden", type=Path, default=HERE / "golden.jsonl.gz", help="the file")
    options = parser.parse_args(arguments)
    try:
        rows = [] if options.write else read_rows(options.golden)
        pages = list(read_pages(options.pages))
        labeller = load_labeller(options.model) if options.model else load_shipped_labeller()
        probabilities = labeller.predict_proba([page.text for page in pages])
        if options.write:
            with written_whole(options.golden) as file:
                file.write(format_rows(golden_rows(pages, probabilities)).encode("utf-8"))
            return 0
    except BoilerplateError as error:
        print(error, file=sys.stderr)
        return 2
    found = differences(rows, pages, probabilities)
    for difference in found[:SHOWN]:
        print(difference, file=sys.stderr)
    if found:
        print(
            f"{len(found)} differences from {options.golden.name}; if they are meant: python data/golden.py --write",
            file=sys.stderr,
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
