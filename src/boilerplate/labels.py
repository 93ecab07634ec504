"""The four labels: their order, their meaning and their colours. The one place that knows them."""

from __future__ import annotations

from typing import Final, Literal

Label = Literal["body", "caption", "foreign-caption", "promo"]

LABELS: Final[tuple[Label, ...]] = ("body", "caption", "foreign-caption", "promo")
"""All labels, in the column order of every probability array (alphabetical, as scikit-learn's ``classes_``)."""

MEANINGS: Final[dict[Label, str]] = {
    "body": "the article's own text, headline and headings included",
    "caption": "caption, alt text or credit of a picture, video or chart",
    "foreign-caption": "a caption in another language than the page's",
    "promo": "everything else that the site put around the article",
}

COLOURS: Final[dict[Label, str]] = {
    "body": "default",
    "caption": "cyan",
    "foreign-caption": "magenta",
    "promo": "yellow",
}
"""Terminal colours (names that rich understands); body is the text itself and keeps the terminal's own colour."""

INDEX: Final[dict[str, int]] = {label: index for index, label in enumerate(LABELS)}
"""Label to column."""
