"""How good predicted labels are: counts, scores, their uncertainty, breakdowns, comparisons.

Everything follows from one table of lines (`lines`): what was given, what was predicted, how probable it was. Sums of
it over sites give the figures, and sums over sites drawn at random their intervals. Numbers that do not exist (the
recall of a label that no line has) are NaN here and null in JSON. `docs/reports.md` describes the JSON.

=================== ==========================================================
`lines`             the lines of all pages as arrays, checked
`scores`            lines by given and predicted label; precision, recall, F1
`characters`        what is kept, lost and left over, by characters
`metrics`           the figures that have a name, from sums over sites
`intervals`         bootstrap over sites
`calibration_error` bins of equal mass and the expected calibration error
`breakdowns`        scores by scraper, language, page length, position, site
`result`            all of these together: `Evaluation`
`comparison`        two models on the same pages
`curves`            precision against recall
=================== ==========================================================
"""

from boilerplate.evaluation.breakdowns import BreakdownRow
from boilerplate.evaluation.calibration_error import (
    N_BINS,
    CalibrationBin,
    calibration_bins,
    expected_calibration_error,
)
from boilerplate.evaluation.characters import CharacterRates, ErrorCost, character_rates
from boilerplate.evaluation.comparison import Comparison, Difference, PageChange, SharedLines, compare
from boilerplate.evaluation.intervals import INTERVAL_LEVEL, bootstrap_macro_f1
from boilerplate.evaluation.lines import PredictedLines, predicted_lines
from boilerplate.evaluation.metrics import METRICS
from boilerplate.evaluation.result import SCHEMA, Evaluation, evaluate_lines, evaluate_pages
from boilerplate.evaluation.scores import LabelScores, Scores, confusion, macro_f1, scores_of

__all__ = [
    "INTERVAL_LEVEL",
    "METRICS",
    "N_BINS",
    "SCHEMA",
    "BreakdownRow",
    "CalibrationBin",
    "CharacterRates",
    "Comparison",
    "Difference",
    "ErrorCost",
    "Evaluation",
    "LabelScores",
    "PageChange",
    "PredictedLines",
    "Scores",
    "SharedLines",
    "bootstrap_macro_f1",
    "calibration_bins",
    "character_rates",
    "compare",
    "confusion",
    "evaluate_lines",
    "evaluate_pages",
    "expected_calibration_error",
    "macro_f1",
    "predicted_lines",
    "scores_of",
]
