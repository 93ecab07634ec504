"""Model cards: what a model is, where it comes from, how good it is and where it fails, as Markdown.

All of it is read from the model's manifest ("Model Cards for Model Reporting", Mitchell et al., 2019, says what belongs
into one). The text is in `model_card.md`, beside this module.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any, Final

from boilerplate.labels import LABELS, MEANINGS

FEW_PAGES: Final = 20
"""Pages of a language below which its figures say little."""
WEAK: Final = 0.8
"""F1 below which a label counts as weak."""
MAX_ROWS: Final = 12
WIDTH: Final = 120
CLEANING_SHARES: Final = ("0.9", "0.95", "0.98", "0.99", "0.995", "0.999")

_DASH: Final = "–"


def model_card(manifest: Mapping[str, Any], name: str) -> str:
    """The card of a model.

    Parameters
    ----------
    manifest : mapping
        As `boilerplate.persistence.read_manifest` gives it. What it lacks, the card says is not recorded.
    name : str
        Name of the model.

    Returns
    -------
    str
        Markdown that ends in a newline.
    """
    training = manifest.get("training") or {}
    scores = manifest.get("scores") or {}
    template = Template(files(__package__).joinpath("model_card.md").read_text(encoding="utf-8"))
    breakdowns = scores.get("breakdowns") or {}
    libraries = manifest.get("libraries") or {}
    return template.substitute(
        name=_cell(name),
        version=_cell(libraries.get("boilerplate", "")),
        created=_cell(manifest.get("created", "a day that is not recorded")),
        meanings=_table(["label", "what it is"], [[f"`{label}`", MEANINGS[label]] for label in LABELS]),
        data=_data(training),
        languages=_languages(training.get("languages") or {}),
        scores_note=_scores_note(training, scores),
        scores=_scores(scores),
        rates=_rates(scores),
        by_scraper=_breakdown("scraper", breakdowns.get("scraper") or []),
        by_language=_breakdown("language", breakdowns.get("lang") or []),
        calibration=_calibration(scores.get("calibration_error") or {}),
        cleaning=_cleaning(manifest.get("cleaning") or {}),
        limits=_limits(training, scores),
        reproduce=_reproduce(manifest),
        versions=_versions(manifest),
    )


def _data(training: Mapping[str, Any]) -> str:
    if not training:
        return "The manifest does not say what it was trained on."
    lines = training.get("lines") or {}
    total = sum(lines.values())
    text = f"{_count(training.get('pages'))} annotated pages of {_count(training.get('sites'))} sites, {total:,} lines"
    shares = ", ".join(f"{_count(lines.get(label))} {label}" for label in LABELS)
    text += f": {shares}. A page counts once for each scraper that printed it."
    if unreviewed := training.get("unreviewed_pages"):
        text += (
            f" Nobody checked the labels of {unreviewed:,} pages by reading: they weigh "
            f"{training.get('unreviewed_weight')} in training, against 1."
        )
    return _paragraph(text)


def _languages(languages: Mapping[str, int]) -> str:
    if not languages:
        return "Languages are not recorded."
    shown = list(languages.items())[:MAX_ROWS]
    text = "Pages by language: " + ", ".join(f"{_cell(key)} {count:,}" for key, count in shown)
    rest = list(languages.values())[MAX_ROWS:]
    return _paragraph(text + (f", and {len(rest)} more with {sum(rest):,} pages." if rest else "."))


def _scores_note(training: Mapping[str, Any], scores: Mapping[str, Any]) -> str:
    if scores.get("macro_f1") is None:
        return "It was not measured."
    left_out = training.get("pages", 0) - scores.get("pages", 0)
    return _paragraph(
        "On held-out sites of the training pages: each page is scored by models that had not seen its site. "
        f"{_count(scores.get('pages'))} pages of {_count(scores.get('sites'))} sites, "
        f"{_count(scores.get('lines'))} lines"
        + (f"; {left_out:,} pages of less weight are left out. " if left_out > 0 else ". ")
        + "Intervals are 95 % bootstrap intervals over sites, as pages of one site resemble each other."
    )


def _scores(scores: Mapping[str, Any]) -> str:
    labels = scores.get("labels") or {}
    rows = [
        [
            f"`{label}`",
            *(_with_interval(scores, f"{label}-{key}", row.get(key)) for key in ("precision", "recall", "f1")),
            _count(row.get("support")),
        ]
        for label, row in labels.items()
    ]
    interval = scores.get("macro_f1_interval") or {}
    macro = _number(scores.get("macro_f1")) + _interval(interval)
    rows.append(["macro-F1", "", "", macro, _count(scores.get("lines"))])
    return _table(["label", "precision", "recall", "F1", "lines"], rows, right=4)


def _with_interval(scores: Mapping[str, Any], metric: str, value: float | None) -> str:
    return _number(value) + _interval((scores.get("metrics") or {}).get(metric) or {})


def _interval(ends: Mapping[str, Any]) -> str:
    low, high = ends.get("low"), ends.get("high")
    return "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"


def _rates(scores: Mapping[str, Any]) -> str:
    characters, cleaned = scores.get("characters") or {}, scores.get("cleaned") or {}
    rows = [
        ["lines labelled right", _with_interval(scores, "accuracy", scores.get("accuracy"))],
        ["pages without an error", _with_interval(scores, "flawless-pages", scores.get("flawless_pages"))],
    ]
    for shown, metric, rates in (("most probable labels", "text", characters), ("`clean`", "clean", cleaned)):
        rows += [
            [f"characters of body kept, {shown}", _with_interval(scores, f"{metric}-recall", rates.get("body_kept"))],
            [
                f"other characters removed, {shown}",
                _with_interval(scores, f"{metric}-noise-removed", rates.get("other_removed")),
            ],
        ]
    return _table(["rate", "value"], rows, right=1)


def _breakdown(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return "Not recorded."
    cells = [
        [
            _cell(row.get("key") or "not given"),
            _count(row.get("pages")),
            _count(row.get("lines")),
            _number(row.get("macro_f1")),
            *(_number((row.get("f1") or {}).get(label)) for label in LABELS),
        ]
        for row in rows[:MAX_ROWS]
    ]
    table = _table([name, "pages", "lines", "macro-F1", *(f"{label} F1" for label in LABELS)], cells, right=7)
    more = len(rows) - MAX_ROWS
    return table + (f"\n\nThe {MAX_ROWS} with most lines; {more} more are left out." if more > 0 else "")


def _calibration(errors: Mapping[str, float | None]) -> str:
    if not errors:
        return "Not measured."
    shown = ", ".join(f"{label} {_number(error)}" for label, error in errors.items())
    return _paragraph(
        "Of lines labelled with a probability of 0.8, about 80 % should be what they are called. How far shares are "
        f"from probabilities on average (expected calibration error): {shown}. Calibration was fitted on these very "
        "predictions, so expect more elsewhere."
    )


def _cleaning(curve: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        [f"{float(share):.1%}", _number(curve[share].get("threshold")), f"{curve[share].get('other_removed', 0):.1%}"]
        for share in CLEANING_SHARES
        if share in curve
    ]
    if not rows:
        return "Not recorded."
    return _table(["body to keep", "least probability of body", "other text removed"], rows, right=2)


def _limits(training: Mapping[str, Any], scores: Mapping[str, Any]) -> str:
    limits = [
        "The scores come from pages like those that it was trained on. Other sites, scrapers and languages will be "
        "harder: measure on annotated pages of your own with `boilerplate evaluate`.",
        "What makes a line a caption or a teaser is often not in its text. Captions without a credit that read like "
        "sentences of the story, teasers that read like paragraphs, and short headings and list items are mixed up "
        "most.",
    ]
    f1 = {label: row.get("f1") for label, row in (scores.get("labels") or {}).items()}
    weak = [f"{label} ({value:.3f})" for label, value in f1.items() if value is not None and value < WEAK]
    if weak:
        limits.append(f"F1 is below {WEAK} for {' and '.join(weak)}: trust sums over many lines, not single ones.")
    missing = [label for label, value in f1.items() if value is None]
    if missing:
        limits.append(f"No page that it was measured on had a line of {' or '.join(missing)}.")
    languages = training.get("languages") or {}
    rare = [key for key, count in languages.items() if count < FEW_PAGES]
    if languages:
        first, count = next(iter(languages.items()))
        share = count / max(sum(languages.values()), 1)
        text = f"{share:.0%} of its pages are in one language ({_cell(first)})."
        if rare:
            text += (
                f" Of {len(rare)} languages it has seen fewer than {FEW_PAGES} pages each; others it has never seen."
            )
        limits.append(text)
    limits.append(
        "It has learnt the rules by which its pages were annotated. Where you draw the line between the article and "
        "everything else in another way, train on pages of your own."
    )
    return "\n".join(_paragraph(limit, "- ") for limit in limits)


def _reproduce(manifest: Mapping[str, Any]) -> str:
    training = manifest.get("training") or {}
    command = _cell(training.get("command", "boilerplate train PAGES"))
    fingerprint = _cell(training.get("fingerprint", "not recorded"))
    intro = "" if "command" in training else "The manifest does not hold the command. With default options it is\n\n"
    return f"{intro}```sh\n{command} --date {_cell(manifest.get('created', 'DATE'))} -o MODEL\n```\n\n" + _paragraph(
        f"on pages whose fingerprint (`boilerplate.corpus.fingerprint`) is `{fingerprint}`."
    )


def _versions(manifest: Mapping[str, Any]) -> str:
    rows = [
        ["format of the file", str(manifest.get("format_version"))],
        ["digest of the state", f"`{manifest.get('state_digest')}`"],
        *([name, str(version)] for name, version in (manifest.get("libraries") or {}).items()),
        *([f"needs {name}", str(version)] for name, version in (manifest.get("requires") or {}).items()),
    ]
    return "\n".join(f"| {_cell(name)} | {_cell(value)} |" for name, value in rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], right: int = 0) -> str:
    """A Markdown table whose last columns, as many as `right`, are set to the right."""
    ruler = ["---"] * (len(header) - right) + ["---:"] * right
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows))


def _paragraph(text: str, bullet: str = "") -> str:
    """Text in rows of a width that people can read; names and numbers stay whole."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=bullet,
        subsequent_indent=" " * len(bullet),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _number(value: float | None) -> str:
    return _DASH if value is None or math.isnan(value) else f"{value:.3f}"


def _count(value: int | None) -> str:
    return _DASH if value is None else f"{value:,}"


def _cell(value: Any) -> str:
    """Text of a manifest as Markdown shows it, on one row: names come from whoever made the model."""
    text = "".join(c if c.isprintable() else " " for c in str(value))
    return text.replace("|", "\\|").replace("<", "&lt;")
