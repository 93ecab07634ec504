"""pandas: pages in a column to a tidy frame of lines, or to a column of cleaned texts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from boilerplate.cleaning import DEFAULT_BODY_RECALL
from boilerplate.integrations.cleaner import PageCleaner
from boilerplate.labels import LABELS
from boilerplate.pages import labelled_lines

BATCH_PAGES: Final = 128
"""Pages that are labelled in one go."""


def label_frame(
    df: pd.DataFrame,
    text: str = "text",
    *,
    carry: str | Iterable[str] = (),
    model: str | os.PathLike[str] | None = None,
) -> pd.DataFrame:
    """A tidy frame of the labelled lines of a frame of pages.

    Parameters
    ----------
    df : DataFrame
        One page a row.
    text : str, default="text"
        The column with the pages' texts. Missing ones (None, NaN, NA) are pages without lines.
    carry : str or iterable of str, default=()
        Other columns, repeated for each line of their page.
    model : path, optional
        Model file; the shipped model by default.

    Returns
    -------
    DataFrame
        One row for each non-blank line, in order. The index is the page's, repeated, as by ``df.explode``. Columns:
        ``page`` (int64, number of the page's row in `df`, from 0), those of `carry`, ``number`` (int64, line number
        from 1, blank lines counted), ``label`` (categorical over `boilerplate.LABELS`), ``confidence`` (float64),
        one column of probabilities for each label (float64), and ``text``.

    Raises
    ------
    KeyError
        If `df` lacks a column.
    ValueError
        If a text is something else, or a carried column has the name of one of the above.
    ModelError
        If the model file cannot be used, with the remedy.
    """
    carried = [carry] if isinstance(carry, str) else list(carry)
    _check_columns(df, text, carried)
    labeller = PageCleaner(model).labeller
    numbers: list[int] = []
    lines: list[str] = []
    counts = np.zeros(len(df), dtype=np.int64)
    parts = [np.empty((0, len(LABELS)))]
    for rows, texts in _batches(df[text]):
        parts += labeller.predict_proba(texts)
        for row, page in zip(rows, texts, strict=True):
            before = len(lines)
            for number, line in labelled_lines(page):
                numbers.append(number)
                lines.append(line)
            counts[row] = len(lines) - before
    probabilities = np.concatenate(parts)
    page_of_line = np.repeat(np.arange(len(df)), counts)
    of_page = df[carried].take(page_of_line)
    columns: dict[str, Any] = {
        "page": page_of_line,
        **{name: of_page[name] for name in carried},
        "number": np.array(numbers, dtype=np.int64),
        "label": pd.Categorical.from_codes(probabilities.argmax(axis=1), categories=pd.Index(LABELS)),
        "confidence": probabilities.max(axis=1, initial=0.0),
        **dict(zip(LABELS, probabilities.T, strict=True)),
        "text": pd.Series(lines, index=of_page.index, dtype=_text_dtype(df[text])),
    }
    return pd.DataFrame(columns, index=of_page.index)


def clean_series(
    texts: pd.Series[Any],
    keep: str | Iterable[str] = ("body",),
    body_recall: float | None = DEFAULT_BODY_RECALL,
    *,
    model: str | os.PathLike[str] | None = None,
) -> pd.Series[Any]:
    """The body texts of a column of pages.

    Parameters
    ----------
    texts : Series
        Page texts. Missing ones (None, NaN, NA) stay missing.
    keep : str or iterable of str, default=("body",)
        Labels to keep.
    body_recall : float, optional, default=0.99
        Share of the body's characters to keep; None: the most probable label decides. See `LineClassifier.clean`.
    model : path, optional
        Model file; the shipped model by default.

    Returns
    -------
    Series
        Of the same index, name and dtype (for categories of text, the dtype of the categories).

    Raises
    ------
    ValueError
        If a text is something else, a label is unknown, or the model knows no threshold for that share.
    ModelError
        If the model file cannot be used, with the remedy.
    """
    cleaner = PageCleaner(model, keep, body_recall)
    cleaned = texts.to_numpy(dtype=object, copy=True)
    for rows, batch in _batches(texts):
        for row, page in zip(rows, cleaner(batch), strict=True):
            cleaned[row] = page.text
    out: pd.Series[Any] = pd.Series(cleaned, index=texts.index, name=texts.name, dtype=_text_dtype(texts))
    return out


def _check_columns(df: pd.DataFrame, text: str, carried: list[str]) -> None:
    own = {"page", "number", "label", "confidence", *LABELS, "text"}
    for name in [text, *carried]:
        if name not in df.columns:
            raise KeyError(f"no column {name!r} in the frame; its columns are {list(df.columns)}")
    for name in carried:
        if name in own:
            raise ValueError(f"column {name!r} cannot be carried, as the frame of lines has its own; rename it")


def _text_dtype(texts: pd.Series[Any]) -> Any:
    """The dtype for other texts than these: categories of text know none, and a column of NaN alone is of floats."""
    dtype = texts.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    return dtype if isinstance(dtype, (pd.StringDtype, pd.ArrowDtype)) else np.dtype(object)


def _batches(texts: pd.Series[Any]) -> Iterator[tuple[list[int], list[str]]]:
    """Rows with a text, some at a time, and their texts."""
    present = np.flatnonzero(texts.notna())
    values = texts.to_numpy(dtype=object)
    for start in range(0, len(present), BATCH_PAGES):
        rows = present[start : start + BATCH_PAGES].tolist()
        for row in rows:
            if not isinstance(values[row], str):
                raise ValueError(
                    f"row {row} (index {texts.index[row]!r}) of column {texts.name!r} holds no text but "
                    f"{type(values[row]).__name__}"
                )
        yield rows, [values[row] for row in rows]
