"""Many page texts to their cleaned texts, labels and quality: what all integrations share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from boilerplate.cleaning import DEFAULT_BODY_RECALL, keep_lines
from boilerplate.corpus import check_label
from boilerplate.labels import Label
from boilerplate.pages import Line
from boilerplate.persistence import load_labeller, load_shipped_labeller
from boilerplate.verdict import Quality, quality_of

if TYPE_CHECKING:
    from boilerplate.labeller import Labeller


@dataclass(frozen=True)
class CleanedPage:
    """A page with its labels and its cleaned text.

    Attributes
    ----------
    text : str
        The cleaned text.
    lines : list of Line
        The labelled lines of the page as it was.
    quality : Quality
        The verdict on the page as it was.
    """

    text: str
    lines: list[Line]
    quality: Quality

    @property
    def labels(self) -> list[Label]:
        """The label of each non-blank line, as annotated pages hold them."""
        return [line.label for line in self.lines]

    @property
    def quality_record(self) -> dict[str, Any]:
        """The verdict as ``boilerplate score`` writes it: ``body_share``, ``lines`` and ``counts``."""
        share = round(self.quality.body_share, 4)
        return {"body_share": share, "lines": self.quality.lines, "counts": self.quality.counts}


class PageCleaner:
    """Cleans batches of page texts; can be sent to other processes.

    The model is loaded by the first call and stays with the object, but does not travel with it: a copy in another
    process (or one made with ``copy``) loads its own.

    Parameters
    ----------
    model : path, optional
        Model file; the shipped model by default.
    keep : str or iterable of str, default=("body",)
        Labels whose lines the cleaned text keeps.
    body_recall : float, optional, default=0.99
        Share of the body's characters to keep; None: the most probable label decides. See `LineClassifier.clean`.

    Raises
    ------
    ValueError
        If a label is unknown, or the share is none.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        keep: str | Iterable[str] = ("body",),
        body_recall: float | None = DEFAULT_BODY_RECALL,
    ) -> None:
        if body_recall is not None and not 0 < body_recall <= 1:
            raise ValueError(f"body recall must be above 0 and at most 1, not {body_recall}")
        self.model = None if model is None else os.fspath(model)
        self.keep = tuple(check_label(name) for name in ([keep] if isinstance(keep, str) else keep))
        self.body_recall = body_recall

    def __repr__(self) -> str:
        return f"PageCleaner(model={self.model!r}, keep={self.keep!r}, body_recall={self.body_recall!r})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("labeller", "threshold")}

    @cached_property
    def labeller(self) -> Labeller:
        """The model, which is loaded when first asked for.

        Raises
        ------
        ModelError
            If the file cannot be used, with the remedy.
        """
        return load_shipped_labeller() if self.model is None else load_labeller(self.model)

    @cached_property
    def threshold(self) -> float | None:
        """How probable the labels to keep must be; None if the most probable label decides.

        Raises
        ------
        ValueError
            If the model knows no threshold for that share of the body.
        """
        return self.labeller.cleaning_threshold(self.body_recall)

    def __call__(self, texts: Sequence[str]) -> list[CleanedPage]:
        """Label and clean pages in one go.

        Parameters
        ----------
        texts : sequence of str, length n_pages

        Returns
        -------
        list of CleanedPage, length n_pages
        """
        return [
            CleanedPage(keep_lines(text, lines, self.keep, self.threshold), lines, quality_of(lines))
            for text, lines in zip(texts, self.labeller.label_pages(texts), strict=True)
        ]
