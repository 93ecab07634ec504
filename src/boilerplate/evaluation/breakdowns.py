"""Scores of parts of the lines: by scraper, language, page length, position on the page, site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.evaluation.intervals import INTERVAL_LEVEL, bootstrap_macro_f1
from boilerplate.evaluation.lines import PredictedLines
from boilerplate.evaluation.scores import by_label, count_confusions, f1_of, macro_f1_of, ratio
from boilerplate.labels import Label

LENGTHS: Final = (10, 25, 50, 100, 250)
"""Most lines of the pages of each band of length; the last band is above them."""

N_TENTHS: Final = 10
"""Bands of position."""


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """Scores of the lines that share a scraper, a language, a band or a site.

    Attributes
    ----------
    key : str
        What they share; empty where it is not known.
    pages, lines, wrong : int
        Pages that have such lines, these lines, and how many of them are labelled wrong. (Pages without any line count
        for the scraper, language and site that they have.)
    macro_f1, accuracy : float
        As in `Scores`; the mean is over the labels that these very lines have.
    macro_f1_interval : tuple of float
        As in `Evaluation`, over the sites of these lines.
    f1 : dict of str to float
        F1 of each label; NaN for labels that these lines do not have.
    """

    key: str
    pages: int
    lines: int
    wrong: int
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    accuracy: float
    f1: dict[Label, float]


def all_breakdowns(lines: PredictedLines, n_resamples: int, random_state: int) -> dict[str, list[BreakdownRow]]:
    """Breakdowns by ``scraper``, ``lang``, ``length`` and ``position`` on the page, and ``site``.

    Parameters
    ----------
    lines : PredictedLines
    n_resamples, random_state : int
        As in `bootstrap_macro_f1`.

    Returns
    -------
    dict of str to list of BreakdownRow
        Scrapers, languages and sites by lines, most first, equal ones by key; bands in their order.
    """

    def by_lines(rows: list[BreakdownRow]) -> list[BreakdownRow]:
        return sorted(rows, key=lambda row: (-row.lines, row.key))

    def by_page(keys: Sequence[str]) -> list[BreakdownRow]:
        names = sorted(set(keys))
        number_of = {name: number for number, name in enumerate(names)}
        part_of_page = np.array([number_of[key] for key in keys], dtype=np.int64)
        pages = np.bincount(part_of_page, minlength=len(names))
        return _rows(lines, names, part_of_page[lines.page], pages, n_resamples, random_state)

    def by_band(names: list[str], band: NDArray[np.int64]) -> list[BreakdownRow]:
        pages = np.bincount(np.unique(lines.page * len(names) + band) % len(names), minlength=len(names))
        return [row for row in _rows(lines, names, band, pages, n_resamples, random_state) if row.lines]

    return {
        "scraper": by_lines(by_page([scraper_of(page.extra) for page in lines.pages])),
        "lang": by_lines(by_page([page.lang for page in lines.pages])),
        "length": by_band(length_names(), length_band(lines)),
        "position": by_band(position_names(), position_band(lines)),
        "site": by_lines(by_page([page.group for page in lines.pages])),
    }


def scraper_of(extra: dict[str, object]) -> str:
    """Name of a page's scraper; empty if unknown."""
    # Extra fields are kept as they came: any JSON value may stand there.
    value = extra.get("scraper")
    return "" if value is None else str(value)


def length_names() -> list[str]:
    """Names of the bands of page length."""
    starts = [1, *(most + 1 for most in LENGTHS)]
    return [*(f"{low}–{high} lines" for low, high in zip(starts, LENGTHS, strict=False)), f"over {LENGTHS[-1]} lines"]


def length_band(lines: PredictedLines) -> NDArray[np.int64]:
    """Band of each line's page: shape (n_lines,)."""
    return np.searchsorted(LENGTHS, lines.counts)[lines.page].astype(np.int64)


def position_names() -> list[str]:
    """Names of the bands of position."""
    return [f"{10 * tenth}–{10 * tenth + 10} %" for tenth in range(N_TENTHS)]


def position_band(lines: PredictedLines) -> NDArray[np.int64]:
    """In which tenth of its page's lines each line stands: shape (n_lines,)."""
    index = np.arange(lines.n_lines) - lines.starts[lines.page]
    return index * N_TENTHS // lines.counts[lines.page]


def _rows(
    lines: PredictedLines,
    names: Sequence[str],
    part: NDArray[np.int64],
    pages: NDArray[np.int64],
    n_resamples: int,
    random_state: int,
) -> list[BreakdownRow]:
    """Scores of each part of the lines, in the order of its names."""
    n_sites = max(1, len(lines.sites))
    # One matrix for each part of each site that there is, in order of part.
    cells, cell_of_line = np.unique(part * n_sites + lines.site, return_inverse=True)
    confusions = count_confusions(lines.given, lines.predicted, cell_of_line, len(cells))
    limits = np.searchsorted(cells, np.arange(len(names) + 1) * n_sites)
    rows = []
    for name, n_pages, start, end in zip(names, pages.tolist(), limits, limits[1:], strict=False):
        by_site = confusions[start:end]
        matrix = by_site.sum(axis=0)
        n_lines, right = int(matrix.sum()), int(np.trace(matrix))
        rows.append(
            BreakdownRow(
                key=name,
                pages=n_pages,
                lines=n_lines,
                wrong=n_lines - right,
                macro_f1=float(macro_f1_of(matrix)),
                macro_f1_interval=bootstrap_macro_f1(
                    by_site, n_resamples=n_resamples, level=INTERVAL_LEVEL, random_state=random_state
                ),
                accuracy=float(ratio(right, n_lines)),
                f1=by_label(f1_of(matrix)),
            )
        )
    return rows
