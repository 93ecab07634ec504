"""What was scored, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from boilerplate.labels import LABELS
from boilerplate.scoring import ScoredPage


@dataclass
class Tally:
    """Counts of a part of a run, or of all of it.

    Attributes
    ----------
    pages : int
        Pages that were scored.
    labels : counter of str
        Their lines of each label.
    dropped : int
        Pages of these that are not in the output, for their low quality.
    rejects : int
        Records that could not be read.
    """

    pages: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    rejects: int = 0

    @property
    def lines(self) -> int:
        """All labelled lines."""
        return self.labels.total()

    def add(self, page: ScoredPage) -> None:
        """Count a page."""
        self.pages += 1
        self.labels.update(line.label for line in page.lines)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.pages + other.pages,
            self.labels + other.labels,
            self.dropped + other.dropped,
            self.rejects + other.rejects,
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        labels = {label: self.labels[label] for label in LABELS}
        return {"pages": self.pages, "labels": labels, "dropped": self.dropped, "rejects": self.rejects}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Tally:
        """What `to_dict` gave."""
        return cls(**{**values, "labels": Counter(values["labels"])})
