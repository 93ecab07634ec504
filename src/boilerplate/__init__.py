"""boilerplate: labels every line of a scraped page as body, caption, promo or foreign-caption.

>>> import boilerplate
>>> for line in boilerplate.label(text):
...     print(line.number, line.label, f"{line.confidence:.2f}", line.text)
>>> boilerplate.clean(text)
>>> boilerplate.quality(text).body_share
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from boilerplate.cleaning import DEFAULT_BODY_RECALL
from boilerplate.labels import LABELS, Label
from boilerplate.pages import Line

if TYPE_CHECKING:
    from boilerplate.integrations.pandas import clean_series, label_frame
    from boilerplate.labeller import Labeller
    from boilerplate.model import LineClassifier
    from boilerplate.verdict import Quality

__all__ = [
    "LABELS",
    "Label",
    "Line",
    "LineClassifier",
    "Quality",
    "clean",
    "clean_series",
    "label",
    "label_frame",
    "load",
    "quality",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # The estimator needs scikit-learn, and frames need pandas, whose imports take longer than all else: they are loaded
    # when asked for.
    if name == "LineClassifier":
        from boilerplate.model import LineClassifier

        return LineClassifier
    if name == "Quality":
        from boilerplate.verdict import Quality

        return Quality
    if name in ("clean_series", "label_frame"):
        from boilerplate.integrations import pandas

        return getattr(pandas, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load(path: str | os.PathLike[str] | None = None) -> LineClassifier:
    """A trained model.

    Parameters
    ----------
    path : path, optional
        A file that ``boilerplate train`` or `boilerplate.persistence.save_model` wrote; the model shipped with the
        package by default, which is read once.

    Returns
    -------
    LineClassifier

    Raises
    ------
    ModelError
        If the file cannot be used, with the remedy.
    """
    from boilerplate.persistence import load_model, load_shipped

    return load_shipped() if path is None else load_model(path)


def _shipped() -> Labeller:
    from boilerplate.persistence import load_shipped_labeller

    return load_shipped_labeller()


def label(text: str) -> list[Line]:
    """Label the lines of a page with the shipped model; see `LineClassifier.label`."""
    return _shipped().label(text)


def clean(text: str, keep: Iterable[str] = ("body",), body_recall: float | None = DEFAULT_BODY_RECALL) -> str:
    """The body text of a page, by the shipped model; see `LineClassifier.clean`."""
    return _shipped().clean(text, keep, body_recall)


def quality(text: str) -> Quality:
    """What a page is worth, by the shipped model; see `LineClassifier.quality`."""
    return _shipped().quality(text)
