"""What keeping only some lines does to the text, by characters: body lost, noise kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boilerplate.evaluation.lines import BODY, N_LABELS, PredictedLines, encode_pair
from boilerplate.evaluation.scores import ratio
from boilerplate.labels import LABELS, Label


@dataclass(frozen=True, slots=True)
class CharacterRates:
    """What keeping only some lines does to the text, by characters; see `character_rates`.

    Attributes
    ----------
    body_kept : float
        Share of the characters of body lines that are kept (recall); NaN if there are none.
    other_removed : float
        Share of the characters of all other lines that are removed; NaN if there are none.
    body_characters, other_characters : int
        What they are shares of.
    kept_is_body : float
        Share of the kept characters that are body (precision); NaN if nothing is kept.
    """

    body_kept: float
    other_removed: float
    body_characters: int
    other_characters: int
    kept_is_body: float


@dataclass(frozen=True, slots=True)
class ErrorCost:
    """What one kind of error costs, in characters.

    Attributes
    ----------
    effect : str
        ``"body lost"`` or ``"noise kept"``.
    label : str
        The label that lost body was taken for, or that kept noise has.
    lines, characters : int
    share : float
        Of all characters of body, or of all others; NaN if there are none.
    """

    effect: Literal["body lost", "noise kept"]
    label: Label
    lines: int
    characters: int
    share: float


def character_rates(characters: ArrayLike, given: Sequence[str], predicted: Sequence[str]) -> CharacterRates:
    """How much of the body is kept and how much else is removed when only lines predicted body are kept.

    Parameters
    ----------
    characters : int array of shape (n_lines,)
        Length of each line; `evaluate_pages` leaves out white space around it.
    given, predicted : sequence of str
        A label for each line.

    Returns
    -------
    CharacterRates

    Raises
    ------
    ValueError
        If lengths differ or a label is unknown.
    """
    given_index, predicted_index = encode_pair(given, predicted)
    lengths = np.asarray(characters, dtype=np.int64)
    if lengths.shape != given_index.shape:
        raise ValueError(f"characters must have shape {given_index.shape}, not {lengths.shape}")
    return rates_of(lengths, given_index == BODY, predicted_index == BODY)


def rates_of(lengths: NDArray[np.int64], body: NDArray[np.bool_], kept: NDArray[np.bool_]) -> CharacterRates:
    """The same for lines that are body or not, kept or not: three arrays of shape (n_lines,)."""
    n_body, n_other = lengths[body].sum(), lengths[~body].sum()
    body_kept, other_kept = lengths[body & kept].sum(), lengths[~body & kept].sum()
    return CharacterRates(
        body_kept=float(ratio(body_kept, n_body)),
        other_removed=float(ratio(n_other - other_kept, n_other)),
        body_characters=int(n_body),
        other_characters=int(n_other),
        kept_is_body=float(ratio(body_kept, body_kept + other_kept)),
    )


def error_costs(lines: PredictedLines, kept: NDArray[np.bool_]) -> list[ErrorCost]:
    """What each kind of error costs when some lines are kept.

    Parameters
    ----------
    lines : PredictedLines
    kept : bool array of shape (n_lines,)

    Returns
    -------
    list of ErrorCost
        Only what occurs: first body lost, then noise kept, each in the order of `LABELS`. Errors that change nothing
        about what is kept, such as a caption that is taken for promo, have no cost here.
    """
    body = lines.given == BODY
    costs = []
    for effect, hurt, label_of_line, whole in (
        ("body lost", body & ~kept, lines.predicted, lines.characters[body].sum()),
        ("noise kept", ~body & kept, lines.given, lines.characters[~body].sum()),
    ):
        labels = label_of_line[hurt]
        n_lines = np.bincount(labels, minlength=N_LABELS)
        characters = np.bincount(labels, weights=lines.characters[hurt], minlength=N_LABELS).astype(np.int64)
        shares = ratio(characters, np.full(N_LABELS, whole))
        rows = zip(LABELS, n_lines.tolist(), characters.tolist(), shares.tolist(), strict=True)
        costs += [ErrorCost(effect, *row) for row in rows if row[1]]  # type: ignore[arg-type]
    return costs
