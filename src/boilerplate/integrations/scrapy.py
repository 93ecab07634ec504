"""Scrapy: an item pipeline that annotates items with their cleaned text, labels and quality, and can drop bad pages.

Settings, with their defaults::

    ITEM_PIPELINES = {"boilerplate.integrations.scrapy.BoilerplatePipeline": 300}
    BOILERPLATE_TEXT_FIELD = "text"         # field of the item that holds the page's text
    BOILERPLATE_CLEAN_FIELD = "body_text"   # takes the cleaned text; may be the text field itself
    BOILERPLATE_LABELS_FIELD = "labels"     # takes the label of each non-blank line
    BOILERPLATE_QUALITY_FIELD = "quality"   # takes the page's quality
    BOILERPLATE_KEEP = ["body"]             # labels whose lines the cleaned text keeps
    BOILERPLATE_BODY_RECALL = 0.99          # share of the body to keep
    BOILERPLATE_MOST_PROBABLE = False       # keep lines by their most probable label instead
    BOILERPLATE_MIN_QUALITY = 0.0           # pages with a lower share of body are dropped
    BOILERPLATE_MODEL = None                # model file; the shipped model by default

Fields with an empty name are not written.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from boilerplate.cleaning import DEFAULT_BODY_RECALL
from boilerplate.integrations.cleaner import PageCleaner

try:
    from itemadapter import ItemAdapter
    from scrapy.exceptions import DropItem
except ImportError as error:
    raise ImportError(f"{error}; pip install 'boilerplate[scrapy]'") from error

if TYPE_CHECKING:
    from scrapy import Spider
    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings
    from scrapy.statscollectors import StatsCollector

logger = logging.getLogger(__name__)

OUTPUT_FIELDS: Final = {
    "BOILERPLATE_CLEAN_FIELD": "body_text",
    "BOILERPLATE_LABELS_FIELD": "labels",
    "BOILERPLATE_QUALITY_FIELD": "quality",
}
"""Settings that name the fields to write, and their defaults."""


class BoilerplatePipeline:
    """Annotates or drops items; works with dictionaries, ``scrapy.Item``, dataclasses, attrs and pydantic items.

    Items without a text pass through untouched. An item whose class does not declare one of the fields to write goes
    without it; the log warns once of each. Statistics: ``boilerplate/pages``, ``boilerplate/no_text``,
    ``boilerplate/low_quality``, and ``boilerplate/lines/body`` and so on.

    Parameters
    ----------
    cleaner : PageCleaner
    text_field : str
        Field with the page's text.
    output_fields : dict of str to str
        Names of the fields to write, by setting (see `OUTPUT_FIELDS`).
    min_quality : float
        Pages with a lower share of body are dropped.
    stats : StatsCollector
        The crawler's statistics.
    """

    def __init__(
        self,
        cleaner: PageCleaner,
        text_field: str,
        output_fields: dict[str, str],
        min_quality: float,
        stats: StatsCollector,
    ) -> None:
        self.cleaner = cleaner
        self.text_field = text_field
        self.output_fields = output_fields
        self.min_quality = min_quality
        self.stats = stats
        self._warned: set[tuple[type, str]] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> BoilerplatePipeline:
        """The pipeline as the crawler's settings want it.

        Raises
        ------
        ValueError
            If a setting is not what it should be.
        ModelError
            If the model file cannot be used, with the remedy.
        """
        settings = crawler.settings
        body_recall = _share(settings, "BOILERPLATE_BODY_RECALL", DEFAULT_BODY_RECALL)
        cleaner = PageCleaner(
            settings.get("BOILERPLATE_MODEL") or None,
            settings.getlist("BOILERPLATE_KEEP", ["body"]),
            None if settings.getbool("BOILERPLATE_MOST_PROBABLE") else body_recall,
        )
        # Before the first request: a crawl whose model cannot be used should not start.
        _ = cleaner.threshold
        return cls(
            cleaner,
            settings.get("BOILERPLATE_TEXT_FIELD", "text"),
            {name: field for name, default in OUTPUT_FIELDS.items() if (field := settings.get(name, default))},
            _share(settings, "BOILERPLATE_MIN_QUALITY", 0.0),
            crawler.stats,
        )

    def process_item(self, item: Any, spider: Spider | None = None) -> Any:
        """Annotate an item.

        Parameters
        ----------
        item : dict, Item, dataclass, attrs or pydantic item
            Changed in place.
        spider : Spider, optional
            Not used; releases of Scrapy before 2.14 give it.

        Returns
        -------
        The item.

        Raises
        ------
        DropItem
            If its quality is too low.
        """
        adapter = ItemAdapter(item)
        text = adapter.get(self.text_field)
        if not isinstance(text, str):
            self.stats.inc_value("boilerplate/no_text")
            if text is not None:
                self._warn_once(item, self.text_field, f"holds no text but {type(text).__name__}; join its parts")
            return item
        [page] = self.cleaner([text])
        quality = page.quality
        self.stats.inc_value("boilerplate/pages")
        for label, count in quality.counts.items():
            self.stats.inc_value(f"boilerplate/lines/{label}", count)
        if quality.body_share < self.min_quality:
            self.stats.inc_value("boilerplate/low_quality")
            raise DropItem(f"body share {quality.body_share:.2f} is below {self.min_quality:g}")
        values = {
            "BOILERPLATE_CLEAN_FIELD": page.text,
            "BOILERPLATE_LABELS_FIELD": page.labels,
            "BOILERPLATE_QUALITY_FIELD": page.quality_record,
        }
        for setting, field in self.output_fields.items():
            try:
                adapter[field] = values[setting]
            except KeyError:
                self._warn_once(item, field, f"is not declared; declare it, or set {setting} to another or to ''")
        return item

    def _warn_once(self, item: Any, field: str, message: str) -> None:
        if (type(item), field) not in self._warned:
            self._warned.add((type(item), field))
            logger.warning("boilerplate: field %r of %s %s", field, type(item).__name__, message)


def _share(settings: BaseSettings, name: str, default: float) -> float:
    value = settings.get(name, default)
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError(f"{name} must be a number between 0 and 1, not {value!r}")
    return share
