"""The lines of annotated pages, with what was predicted for them: the table that every figure is computed from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from boilerplate.corpus import AnnotatedPage, check_label
from boilerplate.labels import INDEX, LABELS

N_LABELS: Final = len(LABELS)
BODY: Final = INDEX["body"]


@dataclass(frozen=True, slots=True, eq=False)
class PredictedLines:
    """All non-blank lines of all pages, in order; made by `predicted_lines`.

    Attributes
    ----------
    pages : sequence of AnnotatedPage, length n_pages
    starts : int64 array of shape (n_pages + 1,)
        The lines of page ``p`` are ``starts[p]`` to ``starts[p + 1]``.
    page : int64 array of shape (n_lines,)
        Number of each line's page, from 0.
    sites : list of str, length n_sites
        What the pages are grouped by (`AnnotatedPage.group`), sorted, so that the order of the pages does not reach
        the random numbers of the bootstrap.
    site_of_page : int64 array of shape (n_pages,)
        Index into `sites`.
    given, predicted : int64 array of shape (n_lines,)
        Labels as indices into `boilerplate.labels.LABELS`.
    characters : int64 array of shape (n_lines,)
        Length of each line, without white space around it.
    probabilities : float64 array of shape (n_lines, 4), or None
        Columns in the order of `LABELS`.
    """

    pages: Sequence[AnnotatedPage]
    starts: NDArray[np.int64]
    page: NDArray[np.int64]
    sites: list[str]
    site_of_page: NDArray[np.int64]
    given: NDArray[np.int64]
    predicted: NDArray[np.int64]
    characters: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None

    @property
    def n_lines(self) -> int:
        """Lines of all pages."""
        return len(self.page)

    @property
    def site(self) -> NDArray[np.int64]:
        """Site of each line, as an index into `sites`: shape (n_lines,)."""
        return self.site_of_page[self.page]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Lines of each page: shape (n_pages,)."""
        return np.diff(self.starts)

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether each line's predicted label is not the given one: shape (n_lines,)."""
        return np.not_equal(self.given, self.predicted)

    @property
    def wrong_of_page(self) -> NDArray[np.int64]:
        """Wrong lines of each page: shape (n_pages,)."""
        return np.bincount(self.page[self.wrong], minlength=len(self.pages)).astype(np.int64, copy=False)

    def kept(self, threshold: float) -> NDArray[np.bool_]:
        """Whether `boilerplate clean` keeps each line.

        Parameters
        ----------
        threshold : float
            How probable body must be.

        Returns
        -------
        bool array of shape (n_lines,)

        Raises
        ------
        ValueError
            Without probabilities.
        """
        if self.probabilities is None:
            raise ValueError("a threshold of cleaning needs probabilities")
        return np.greater_equal(self.probabilities[:, BODY], threshold)


def predicted_lines(
    pages: Sequence[AnnotatedPage],
    predicted: Sequence[Sequence[str]],
    probabilities: Sequence[NDArray[np.float64]] | None = None,
) -> PredictedLines:
    """Put the lines of pages and what was predicted for them into one table.

    Parameters
    ----------
    pages : sequence of AnnotatedPage
    predicted : sequence of sequences of str
        For each page a label for each non-blank line.
    probabilities : sequence of float arrays of shape (n_lines, 4), optional
        For each page the probabilities of its lines' labels, columns in the order of `LABELS`.

    Returns
    -------
    PredictedLines

    Raises
    ------
    ValueError
        If lengths differ or a label is unknown, with number and id of the page.
    """
    names = [f"page {number} ({page.id!r})" for number, page in enumerate(pages, 1)]
    given_index, predicted_index, counts = encode_pages(names, [page.labels for page in pages], predicted)
    sites = sorted({page.group for page in pages})
    number_of = {name: number for number, name in enumerate(sites)}
    return PredictedLines(
        pages=pages,
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        page=np.repeat(np.arange(len(pages)), counts),
        sites=sites,
        site_of_page=np.array([number_of[page.group] for page in pages], dtype=np.int64),
        given=given_index,
        predicted=predicted_index,
        characters=_characters(names, pages),
        probabilities=None if probabilities is None else _stacked(names, counts, probabilities),
    )


def encode_pair(given: Sequence[str], predicted: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Two sequences of labels as indices into `LABELS`.

    Raises
    ------
    ValueError
        If lengths differ or a label is unknown.
    """
    if len(given) != len(predicted):
        raise ValueError(f"{len(given)} given labels, but {len(predicted)} predicted ones")
    return _encode(given), _encode(predicted)


def encode_pages(
    names: Sequence[str], given: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Given and predicted label of each line of all pages, and the number of lines of each page.

    Raises
    ------
    ValueError
        If lengths differ or a label is unknown, with the name of the page.
    """
    if len(given) != len(predicted):
        raise ValueError(f"{len(given)} pages, but predictions for {len(predicted)}")
    pairs = []
    for name, *pair in zip(names, given, predicted, strict=True):
        try:
            pairs.append(encode_pair(*pair))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    counts = np.array([len(one) for one, _ in pairs], dtype=np.int64)
    return _joined(one for one, _ in pairs), _joined(other for _, other in pairs), counts


def _encode(labels: Sequence[str]) -> NDArray[np.int64]:
    return np.fromiter((INDEX[check_label(label)] for label in labels), dtype=np.int64, count=len(labels))


def _joined(parts: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    # The empty array stands in where there are no pages.
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _stacked(
    names: Sequence[str], counts: NDArray[np.int64], probabilities: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    if len(probabilities) != len(names):
        raise ValueError(f"{len(names)} pages, but probabilities for {len(probabilities)}")
    for name, count, page_probabilities in zip(names, counts.tolist(), probabilities, strict=True):
        if np.shape(page_probabilities) != (count, N_LABELS):
            shape = np.shape(page_probabilities)
            raise ValueError(f"{name}: probabilities must have shape ({count}, {N_LABELS}), not {shape}")
    return np.concatenate([np.empty((0, N_LABELS)), *probabilities])


def _characters(names: Sequence[str], pages: Sequence[AnnotatedPage]) -> NDArray[np.int64]:
    """Characters of each line, without white space around it."""
    lengths: list[int] = []
    for name, page in zip(names, pages, strict=True):
        of_page = [len(line.strip()) for _, line in page.lines()]
        if len(of_page) != len(page.labels):
            raise ValueError(f"{name}: {len(page.labels)} labels for {len(of_page)} non-blank lines")
        lengths += of_page
    return np.array(lengths, dtype=np.int64)
