"""``boilerplate audit``: annotated lines whose label may be wrong."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from boilerplate.cli.common import (
    MAX_SEED,
    fit_on_pages,
    folds_option,
    load_labeller,
    model_option,
    progress_bar,
    read_annotated,
    training_jobs_option,
    weights_of,
)
from boilerplate.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from boilerplate.audit import Suspect
    from boilerplate.corpus import AnnotatedPage

RANKING = "suspects.csv"
STEP = 64
"""Pages that are labelled at a time."""


@click.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="New folder for the pages to correct, as page files, and the ranking, as CSV.",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.05,
    show_default=True,
    help="Share of all lines to list, at most.",
)
@click.option("--limit", type=click.IntRange(1), metavar="LINES", help="Lines to list, at most.")
@click.option("--context", "reach", type=click.IntRange(0), default=1, show_default=True, help="Lines around each.")
@click.option("--format", "format_", type=click.Choice(["table", "jsonl", "csv"]), help="Default: table on a terminal.")
@model_option
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, MAX_SEED), help="Seed of the training.")
@folds_option
@training_jobs_option
@click.option(
    "--unreviewed-weight",
    default=0.2,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True),
    help="Weight in training of pages whose field 'reviewed' is false.",
)
def audit(
    data: tuple[Path, ...],
    output: Path | None,
    share: float,
    limit: int | None,
    reach: int,
    format_: str | None,
    model_path: Path | None,
    seed: int,
    folds: int,
    jobs: int,
    unreviewed_weight: float,
) -> None:
    """Find annotated lines whose label is probably wrong, the most suspicious first.

    DATA is what `boilerplate train` takes. A model is trained on it for each fold of sites and judges the pages of the
    sites that it has not seen, which takes as long as training. With --model that model judges, which must not have
    been trained on these sites.

    With -o, pages with suspicious lines are written as page files in which `promo?body` stands at such a line: promo is
    the label that it has, body the one that the model suggests. Delete one of them, and the question mark; then put the
    corrected labels back:

    \b
    boilerplate audit my-pages/ -o suspects/
    boilerplate convert my-pages/ corrected/ --corrections suspects/
    boilerplate audit new.jsonl --model my.joblib --limit 50
    """
    from boilerplate.audit import find_suspects

    if output is not None and output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(output, "exists and is not an empty folder; name a new one")
    # Told before a training that may take hours.
    if output is not None and not output.absolute().parent.is_dir():
        raise InputError(output, "cannot be made: no such folder around it; make that first")
    pages = read_annotated(data)
    if model_path is None:
        weights = weights_of(pages, unreviewed_weight)
        # No model is trained on pages of weight 0, so there is none to judge them.
        pages = [page for page, weight in zip(pages, weights, strict=True) if weight]
        if len(pages) < len(weights):
            click.echo(f"boilerplate: left out for a weight of 0: {len(weights) - len(pages):,} pages", err=True)
        probabilities = _held_out(pages, [weight for weight in weights if weight], seed, folds, jobs)
    else:
        probabilities = _judged(pages, model_path)
    suspects = find_suspects(pages, probabilities, share, limit)
    if output is not None:
        _write_folder(output, pages, suspects, reach)
    elif format_ == "jsonl" or (format_ is None and not sys.stdout.isatty()):
        for record in _records(pages, suspects, reach):
            click.echo(json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace"))
    elif format_ == "csv":
        buffer = io.BytesIO()
        _write_csv(buffer, pages, suspects, reach, files=None)
        click.echo(buffer.getvalue(), nl=False)
    else:
        from boilerplate.cli.suspects_view import suspects_view
        from boilerplate.cli.view import console

        console().print(suspects_view(pages, suspects, reach))


def _held_out(
    pages: list[AnnotatedPage], weights: list[float], seed: int, folds: int, jobs: int
) -> list[NDArray[np.float64]]:
    """Probabilities by models that were trained on these pages without the page's site."""
    from boilerplate.model import LineClassifier

    # One network for all pages, which training cannot do without; those of the folds are what counts here.
    model = LineClassifier(n_networks=1, random_state=seed, n_folds=folds, n_jobs=jobs)
    fit_on_pages(model, pages, weights, advice="; let another model judge by --model")
    return model.held_out_probabilities_


def _judged(pages: list[AnnotatedPage], model_path: Path) -> list[NDArray[np.float64]]:
    """Probabilities by a trained model."""
    model = load_labeller(model_path)
    probabilities = []
    with progress_bar("judging") as progress:
        for start in range(0, len(pages), STEP):
            probabilities += model.predict_proba([page.text for page in pages[start : start + STEP]])
            progress("judging", min(start + STEP, len(pages)) / len(pages))
    return probabilities


def _records(pages: Sequence[AnnotatedPage], suspects: Sequence[Suspect], reach: int) -> list[dict[str, Any]]:
    """The ranking as plain values."""
    from boilerplate.audit import context

    records = []
    for rank, suspect in enumerate(suspects, 1):
        page = pages[suspect.page]
        before, after = context(page, suspect.number, reach)
        records.append(
            {
                "rank": rank,
                "id": page.id,
                "site": page.group,
                "number": suspect.number,
                "text": suspect.text,
                "label": suspect.label,
                "suggested": suspect.suggested,
                "probabilities": {label: round(value, 6) for label, value in suspect.probabilities.items()},
                "before": before,
                "after": after,
            }
        )
    return records


def _write_csv(
    file: IO[bytes],
    pages: Sequence[AnnotatedPage],
    suspects: Sequence[Suspect],
    reach: int,
    files: dict[int, str] | None,
) -> None:
    """The ranking as a table for spreadsheets; `files` names the page file of each page."""
    import csv

    out = io.StringIO(newline="")
    columns = ["rank", *(["file"] if files else []), "id", "site", "number", "label", "suggested"]
    writer = csv.DictWriter(
        out, [*columns, "p_label", "p_suggested", "before", "text", "after"], extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    for record, suspect in zip(_records(pages, suspects, reach), suspects, strict=True):
        row = {
            **record,
            "file": (files or {}).get(suspect.page),
            "p_label": record["probabilities"][suspect.label],
            "p_suggested": record["probabilities"][suspect.suggested],
            **{
                side: "\n".join(f"{line['label']}: {line['text'].strip()}" for line in record[side])
                for side in ("before", "after")
            },
        }
        writer.writerow({key: _cell(value) for key, value in row.items()})
    file.write(out.getvalue().encode("utf-8"))


def _cell(value: Any) -> Any:
    """A value that CSV and UTF-8 can hold: no NUL, no lone surrogates."""
    if not isinstance(value, str):
        return value
    return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _write_folder(folder: Path, pages: Sequence[AnnotatedPage], suspects: Sequence[Suspect], reach: int) -> None:
    """Pages to correct, and the ranking beside them."""
    from boilerplate.audit import marked_pages
    from boilerplate.corpus import page_file_name, write_page_files
    from boilerplate.files import written_whole

    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(folder, f"cannot be made: {error.strerror}") from None
    marked = marked_pages(pages, suspects)
    write_page_files(marked, folder)
    # Pages come in the order of their first suspect, in which their files are numbered.
    order = dict.fromkeys(suspect.page for suspect in suspects)
    files = {number: page_file_name(pages[number], place) for place, number in enumerate(order, 1)}
    with written_whole(folder / RANKING) as file:
        _write_csv(file, pages, suspects, reach, files)
    click.echo(
        f"{len(suspects):,} suspicious lines on {len(marked):,} of {len(pages):,} pages written to {folder}{os.sep}",
        err=True,
    )
