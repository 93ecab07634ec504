"""datatrove: a pipeline step that cleans documents.

>>> from datatrove.executor import LocalPipelineExecutor
>>> from datatrove.pipeline.readers import JsonlReader
>>> from datatrove.pipeline.writers import JsonlWriter
>>> from boilerplate.integrations.datatrove import BoilerplateFilter
>>> LocalPipelineExecutor(
...     [JsonlReader("scraped/"), BoilerplateFilter(min_quality=0.3), JsonlWriter("cleaned/")], tasks=8
... ).run()
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from boilerplate.cleaning import DEFAULT_BODY_RECALL
from boilerplate.integrations.cleaner import PageCleaner

try:
    from datatrove.data import Document
    from datatrove.pipeline.filters.base_filter import BaseFilter
    from datatrove.pipeline.writers.disk_base import DiskWriter
except ImportError as error:
    raise ImportError(f"{error}; pip install 'boilerplate[datatrove]'") from error


class BoilerplateFilter(BaseFilter):  # type: ignore[misc]
    """Cleans ``doc.text``, puts the page's quality into ``doc.metadata``, and can drop bad pages.

    1. Every line gets a label: body, caption, foreign-caption or promo.
    2. ``doc.metadata["quality"]`` tells the share of the page's characters that is body (``body_share``), its
       ``lines``, and the ``counts`` of lines of each label.
    3. Pages whose ``body_share`` is below `min_quality` are dropped, with the reason ``low_quality`` and their text as
       it was.
    4. The text of all others becomes their body text, or the lines of the labels of `keep`.

    Each rank loads the model when its first documents come. Statistics: lines of each label, as ``line-body``.

    Parameters
    ----------
    model : path, optional
        Model file, which every worker must be able to read; the shipped model by default.
    keep : str or iterable of str, default=("body",)
        Labels whose lines stay.
    body_recall : float, optional, default=0.99
        Share of the body's characters to keep; None: the most probable label decides. See `LineClassifier.clean`.
    min_quality : float, default=0.0
        Pages with a lower share of body are dropped.
    quality_field : str, default="quality"
        Where the quality goes in ``doc.metadata``.
    exclusion_writer : DiskWriter, optional
        Writer that saves the dropped documents.
    batch_size : int, default=100
        Documents that are labelled in one go.

    Raises
    ------
    ValueError
        If a label is unknown, or a share is none.
    """

    name = "🧹 boilerplate"

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        keep: str | Iterable[str] = ("body",),
        body_recall: float | None = DEFAULT_BODY_RECALL,
        min_quality: float = 0.0,
        quality_field: str = "quality",
        exclusion_writer: DiskWriter | None = None,
        batch_size: int = 100,
    ) -> None:
        super().__init__(exclusion_writer, batch_size)
        if not 0 <= min_quality <= 1:
            raise ValueError(f"min_quality must be between 0 and 1, not {min_quality}")
        self.cleaner = PageCleaner(model, keep, body_recall)
        self.min_quality = min_quality
        self.quality_field = quality_field

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """Clean one document; see `filter_batch`."""
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Document]) -> list[bool | tuple[bool, str]]:
        """Clean documents in one go.

        Parameters
        ----------
        batch : list of Document, length n_documents
            Changed in place.

        Returns
        -------
        list, length n_documents
            True for a document to keep, ``(False, "low_quality")`` for one to drop.
        """
        results: list[bool | tuple[bool, str]] = []
        for doc, page in zip(batch, self.cleaner([doc.text for doc in batch]), strict=True):
            doc.metadata[self.quality_field] = page.quality_record
            for label, count in page.quality.counts.items():
                self.stat_update(f"line-{label}", value=count)
            if page.quality.body_share < self.min_quality:
                results.append((False, "low_quality"))
                continue
            doc.text = page.text
            results.append(True)
        return results
